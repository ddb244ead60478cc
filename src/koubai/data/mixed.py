"""Numbers and words of a table as a network with embeddings takes them; cells may be missing or new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data.schema import Column, Schema, is_missing
from koubai.data.table import Table, is_number
from koubai.i18n import _

UNKNOWN = 0  # the code of a word that is missing, or that no training row told enough about


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers.

    Attributes:
        name: in the file.
        mean: of the training rows, which stands in for a missing cell.
        std: of the training rows.
        gaps: whether the training rows have missing cells, so that the model sees where they are.
        edges: between pieces that hold equally many training rows, in standard deviations from the mean; empty
            for none.
    """

    name: str
    mean: float
    std: float
    gaps: bool
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class WordColumn:
    """A column of words; code 0 is for those that are unknown.

    Attributes:
        name: in the file.
        words: those that have the codes 1, 2 and so on.
    """

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class MixedColumns:
    """How cells become standardised numbers with marks for missing ones, and codes of words.

    Attributes:
        numbers: the columns of numbers.
        words: the columns of words.
    """

    numbers: tuple[NumberColumn, ...]
    words: tuple[WordColumn, ...]

    @classmethod
    def fit(cls, table: Table, schema: Schema, pieces: int = 0) -> MixedColumns:
        """Take means, deviations, edges of so many pieces, and words from the training rows.

        A word of a single row says nothing about another row, so it counts as unknown, and its row teaches what
        is to be expected of unknown words. A column that has no other words, such as one of names, is left out.
        """
        features = schema.features
        numbers = tuple(
            _number_column(table, column.name, pieces) for column in features if column.categories is None
        )
        words = tuple(_word_column(table, column) for column in features if column.categories is not None)
        return cls(numbers, tuple(column for column in words if column.words))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, numbers first."""
        return tuple(column.name for column in self.numbers) + tuple(column.name for column in self.words)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """How many codes each column of words has."""
        return tuple(len(column.words) + 1 for column in self.words)

    def encode(self, table: Table) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The cells as a network takes them.

        Returns:
            standardised numbers, then a mark (0 or 1) for each column with gaps (N, width); codes (N, words).

        Raises:
            ValueError: when a column is absent, or a cell of a column of numbers is none; it names file, line and
                column.
        """
        values = [_numbers(table, column.name) for column in self.numbers]
        scaled = [
            np.nan_to_num((own - column.mean) / column.std) for own, column in zip(values, self.numbers)
        ]
        marks = [np.isnan(own) for own, column in zip(values, self.numbers) if column.gaps]
        return _columns([*scaled, *marks], len(table), np.float32), self._codes(table)

    def decode(self, numbers: NDArray[np.float32], codes: NDArray[np.int64]) -> tuple[tuple[str, ...], ...]:
        """The rows that `encode` was given, in the order of `names`; what was missing or unknown is "?"."""
        columns = [
            [f"{value:.6g}" if np.isfinite(value) else "?" for value in own]
            for own in self.values(numbers).T.tolist()
        ]
        columns += [[("?", *column.words)[code] for code in own] for column, own in zip(self.words, codes.T)]
        return tuple(zip(*columns))

    def values(self, numbers: NDArray[np.float32]) -> NDArray[np.float64]:
        """The numbers in their own units (N, numbers), NaN where a column with gaps has one."""
        count = len(self.numbers)
        means, stds = (
            np.array([getattr(column, part) for column in self.numbers]) for part in ("mean", "std")
        )
        own: NDArray[np.float64] = numbers[:, :count].astype(np.float64) * stds + means
        gaps = [k for k, column in enumerate(self.numbers) if column.gaps]
        own[:, gaps] = np.where(numbers[:, count:] > 0, np.nan, own[:, gaps])
        return own

    def places(self, name: str) -> tuple[list[int], list[int]]:
        """Where a column lies among the numbers, its mark with it, and where among the codes."""
        marked = [column.name for column in self.numbers if column.gaps]
        width = [column.name for column in self.numbers] + marked
        return (
            [place for place, own in enumerate(width) if own == name],
            [place for place, column in enumerate(self.words) if column.name == name],
        )

    def unknown(self, table: Table) -> dict[str, tuple[str, ...]]:
        """The words that have no code, by column; missing cells are none."""
        strange = {
            column.name: sorted(
                {cell for cell in table.cells(column.name) if not is_missing(cell)} - {*column.words}
            )
            for column in self.words
        }
        return {name: tuple(words) for name, words in strange.items() if words}

    def _codes(self, table: Table) -> NDArray[np.int64]:
        columns = []
        for column in self.words:
            codes = {word: code for code, word in enumerate(column.words, 1)}
            columns.append([codes.get(cell, UNKNOWN) for cell in table.cells(column.name)])
        return _columns(columns, len(table), np.int64)


def _number_column(table: Table, name: str, pieces: int) -> NumberColumn:
    values = _numbers(table, name)
    known = values[np.isfinite(values)]
    mean, std = float(known.mean()), float(known.std()) or 1.0
    shares = np.linspace(0, 1, pieces + 1) if pieces else np.empty(0)
    edges = np.unique(np.quantile((known - mean) / std, shares))
    return NumberColumn(name, mean, std, len(known) < len(values), tuple(map(float, edges)))


def _word_column(table: Table, column: Column) -> WordColumn:
    counts = Counter(cell for cell in table.cells(column.name) if not is_missing(cell))
    return WordColumn(column.name, tuple(word for word in column.categories or () if counts[word] > 1))


def _numbers(table: Table, name: str) -> NDArray[np.float64]:
    """The cells of a column of numbers, NaN for missing ones."""
    cells = table.cells(name)
    for row, cell in enumerate(cells):
        if not is_missing(cell) and not (is_number(cell) and np.isfinite(float(cell))):
            raise table.error(row, name, _("{cell!r} is not a number").format(cell=cell))
    return np.array([np.nan if is_missing(cell) else float(cell) for cell in cells])


def _columns(columns: Sequence[object], rows: int, dtype: type) -> NDArray[Any]:
    """Columns side by side (rows, columns), also where there is none."""
    return np.array(columns, dtype).reshape(len(columns), rows).T.copy()
