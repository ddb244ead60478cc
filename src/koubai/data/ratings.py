"""Ratings of things by people: MovieLens, a CSV file of one's own, or ratings made up with a known structure."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.data.download import RemoteFile, fetch
from koubai.data.draw import derived_generator, permutation
from koubai.data.table import Table, is_number, read_csv
from koubai.i18n import _

# Harper and Konstan, "The MovieLens datasets" (2015); for research, under the terms in its README.
_MOVIELENS = RemoteFile(
    "movielens/ml-latest-small.zip",
    "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
    978202,
    ("https://files.grouplens.org/datasets/movielens/ml-latest-small.zip",),
)


@dataclass(frozen=True)
class Ratings:
    """Who rated what how.

    Attributes:
        name: of the data set.
        users: the user of each rating (N,), a place in `user_names`.
        items: what was rated (N,), a place in `item_names`.
        values: the ratings (N,), float32.
        user_names: of the users.
        item_names: of the items.
    """

    name: str
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    values: NDArray[np.float32]
    user_names: tuple[str, ...]
    item_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return (
            f"Ratings({self.name!r}: {len(self)} ratings by {len(self.user_names)} users of "
            f"{len(self.item_names)} items)"
        )


def movielens(progress: bool = True) -> Ratings:
    """100,836 ratings from 0.5 to 5 of 9,724 films by 610 people (MovieLens, the small edition of 2018).

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the file is not in the data folder and cannot be had.
    """
    with ZipFile(fetch(_MOVIELENS, progress)) as archive:
        ratings, films = (
            list(csv.DictReader(io.StringIO(archive.read(f"ml-latest-small/{name}.csv").decode())))
            for name in ("ratings", "movies")
        )
    titles = {row["movieId"]: row["title"] for row in films}
    users, items = [row["userId"] for row in ratings], [titles[row["movieId"]] for row in ratings]
    return _ratings("movielens", users, items, [float(row["rating"]) for row in ratings])


def ratings_from_csv(path: str | Path) -> Ratings:
    """Read a CSV file whose first three columns are user, item and rating; others are left out.

    Raises:
        ValueError: when the file or a cell is wrong, with file, line and column.

    Example:
        >>> ratings = ratings_from_csv("stars.csv")
    """
    table = read_csv(path)
    if len(table.columns) < 3:
        raise ValueError(
            _("{path}: user, item and rating are needed, but there are {count} columns: {names}").format(
                path=path, count=len(table.columns), names=", ".join(table.columns)
            )
        )
    user, item, rating = table.columns[:3]
    return _ratings(Path(path).stem, table.cells(user), table.cells(item), _numbers(table, rating))


def synthetic_ratings(
    users: int = 300, items: int = 400, per_user: int = 40, features: int = 4, seed: int = 0
) -> Ratings:
    """Ratings from 1 to 5, made of tastes: 3.5 + b_u + b_i + pᵤ·qᵢ + noise, rounded to halves.

    The noise has a standard deviation of 0.5, so no model predicts much better than that.

    Args:
        users: how many.
        items: how many.
        per_user: ratings of each user; items are drawn without repetition.
        features: of the hidden vectors p and q.
        seed: the same seed gives the same ratings.
    """
    random = derived_generator(seed, "ratings")
    tastes, kinds = (koubai.randn(n, features, generator=random).numpy() for n in (users, items))
    kindness, quality = (0.4 * koubai.randn(n, generator=random).numpy() for n in (users, items))
    who = np.repeat(np.arange(users), per_user)
    what = np.concatenate([permutation(items, random)[:per_user] for _user in range(users)])
    noise = 0.5 * koubai.randn(len(who), generator=random).numpy()
    fit = 0.7 / features**0.5 * (tastes[who] * kinds[what]).sum(axis=1)
    values = np.clip(np.round(2 * (3.5 + kindness[who] + quality[what] + fit + noise)) / 2, 1, 5)
    names = (
        tuple(f"{kind} {number}" for number in range(1, n + 1))
        for kind, n in (("user", users), ("item", items))
    )
    return Ratings("synthetic", who, what, values.astype(np.float32), *names)


def _ratings(name: str, users: list[str], items: list[str], values: list[float]) -> Ratings:
    user_names, who = np.unique(users, return_inverse=True)
    item_names, what = np.unique(items, return_inverse=True)
    numbers = np.array(values, np.float32)
    return Ratings(name, who, what, numbers, tuple(user_names.tolist()), tuple(item_names.tolist()))


def _numbers(table: Table, column: str) -> list[float]:
    cells = table.cells(column)
    for row, cell in enumerate(cells):
        if not is_number(cell) or not np.isfinite(float(cell)):
            raise table.error(row, column, _("{cell!r} is no number").format(cell=cell))
    return [float(cell) for cell in cells]
