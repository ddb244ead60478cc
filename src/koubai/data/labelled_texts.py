"""Texts with classes: AG News, IMDB, or a CSV file of one's own."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koubai.data.download import RemoteFile, fetch
from koubai.data.draw import derived_generator
from koubai.data.split import stratified_indices
from koubai.data.table import read_csv, wrong
from koubai.i18n import _

Rows = NDArray[np.int64]

_SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
_LEAST = 3  # texts of a class, so that each part may have one

_AG_NEWS = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/"
# Zhang et al. 2015; SHA-256 and sizes as Hugging Face's datasets published them.
_NEWS = (
    RemoteFile(
        "ag_news/train.csv",
        "76a0a2d2f92b286371fe4d4044640910a04a803fdd2538e0f3f29a5c6f6b672e",
        29470338,
        (_AG_NEWS + "train.csv",),
    ),
    RemoteFile(
        "ag_news/test.csv",
        "521465c2428ed7f02f8d6db6ffdd4b5447c1c701962353eb2c40d548c3c85699",
        1857427,
        (_AG_NEWS + "test.csv",),
    ),
)
_TOPICS = ("World", "Sports", "Business", "Sci/Tech")
# Maas et al. 2011; SHA-256 and size as TensorFlow Datasets published them.
_REVIEWS = RemoteFile(
    "imdb/aclImdb_v1.tar.gz",
    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    84125825,
    ("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",),
)
_OPINIONS = ("neg", "pos")


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with their classes.

    Attributes:
        name: of the data set.
        texts: in their order.
        labels: the class of each text (N,), a place in `class_names`.
        class_names: of the classes.
        fixed: the rows of "test", or of all three parts, where the data set says which they are.
    """

    name: str
    texts: tuple[str, ...]
    labels: Rows
    class_names: tuple[str, ...]
    fixed: Mapping[str, Rows] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return f"LabelledTexts({self.name!r}: {len(self)} texts; {len(self.class_names)} classes)"

    def parts(self, seed: int = 0) -> dict[str, Rows]:
        """The rows for "train", "validation" and "test": the fixed ones, the others drawn with equal shares.

        Args:
            seed: decides which rows are drawn.
        """
        drawn = [name for name in _SHARES if name not in self.fixed]
        taken = np.concatenate([np.empty(0, np.int64), *self.fixed.values()])
        left = np.setdiff1d(np.arange(len(self)), taken)
        if not drawn:
            return dict(self.fixed)
        whole = sum(_SHARES[name] for name in drawn)
        shares = [_SHARES[name] / whole for name in drawn]
        found = stratified_indices(self.labels[left], shares, derived_generator(seed, "parts"))
        return {name: left[rows] for name, rows in zip(drawn, found)} | dict(self.fixed)


def ag_news(progress: bool = True) -> LabelledTexts:
    """AG News: titles and beginnings of 120,000 news for training and 7,600 for the test, of 4 topics.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the files are not in the data folder and cannot be had.
    """
    train, test = (_news(fetch(remote, progress).read_text("utf-8")) for remote in _NEWS)
    return _in_two("ag-news", train, test, _TOPICS)


def _news(content: str) -> list[tuple[str, int]]:
    rows = csv.reader(io.StringIO(content, newline=""))
    return [(" ".join(cells).replace("\\", " "), int(topic) - 1) for topic, *cells in rows]


def imdb(progress: bool = True) -> LabelledTexts:
    """IMDB: 25,000 reviews of films for training and 25,000 for the test, for or against.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the file is not in the data folder and cannot be had.
    """
    found: dict[str, list[tuple[str, int]]] = {"train": [], "test": []}
    with tarfile.open(fetch(_REVIEWS, progress), "r:gz") as archive:
        for member in archive:
            _top, part, opinion, *rest = (*Path(member.name).parts, "", "")
            stream = (
                archive.extractfile(member) if part in found and opinion in _OPINIONS and rest[0] else None
            )
            if stream is not None:
                text = stream.read().decode("utf-8").replace("<br />", " ")
                found[part].append((text, _OPINIONS.index(opinion)))
    return _in_two("imdb", found["train"], found["test"], (_("negative"), _("positive")))


def _in_two(
    name: str, train: Sequence[tuple[str, int]], test: Sequence[tuple[str, int]], class_names: tuple[str, ...]
) -> LabelledTexts:
    texts, labels = zip(*train, *test)
    rows = np.arange(len(train), len(texts))
    return LabelledTexts(name, texts, np.array(labels), class_names, {"test": rows})


def texts_from_csv(path: str | Path, text: str = "text", target: str = "label") -> LabelledTexts:
    """Read texts and their classes from a CSV file.

    Args:
        path: the file.
        text: the column of the texts.
        target: the column of the classes.

    Raises:
        ValueError: when the file or a cell is wrong, with file, line and column.

    Example:
        >>> letters = texts_from_csv("letters.csv", text="body", target="department")
    """
    table = read_csv(path)
    texts, classes = table.filled(text), table.filled(target)
    class_names, labels, counts = np.unique(classes, return_inverse=True, return_counts=True)
    if len(class_names) < 2:
        raise wrong(path, _("all texts are of one class"))
    if counts.min() < _LEAST:
        problem = _("each class needs at least {least} texts, but the class {name!r} has {count}")
        rare = str(class_names[counts.argmin()])
        raise wrong(path, problem.format(name=rare, count=int(counts.min()), least=_LEAST))
    return LabelledTexts(Path(path).stem, tuple(texts), labels, tuple(class_names.tolist()))
