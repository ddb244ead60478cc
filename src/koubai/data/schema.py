"""Says how the columns of a table become inputs and targets: numbers stay numbers, words become codes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from koubai.data.table import Table, is_number, wrong
from koubai.i18n import _

Task = Literal["classification", "regression"]

#: Cells that mean "not known", whatever their case.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})


@dataclass(frozen=True)
class Column:
    """How the cells of a column become numbers.

    Attributes:
        name: the column's name in the file.
        categories: the words it holds, whose positions are their codes; None for a column of numbers.
        fill: what stands in for a missing cell: the mean of numbers, the most frequent word's code; None:
            nothing.
    """

    name: str
    categories: tuple[str, ...] | None = None
    fill: float | None = None


@dataclass(frozen=True)
class Schema:
    """How a table becomes inputs and targets; the same for the training file and all later ones.

    Attributes:
        features: the columns that make the inputs.
        target: the column that is to be predicted.
        task: "classification" or "regression".
        one_hot: whether each word is an input of its own (0 or 1) instead of a code.
    """

    features: tuple[Column, ...]
    target: Column
    task: Task
    one_hot: bool = False

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the inputs, "column" or with one_hot "column=word"."""
        names: list[str] = []
        for column in self.features:
            words = column.categories if self.one_hot else None
            names += [column.name] if words is None else [f"{column.name}={word}" for word in words]
        return tuple(names)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their codes; none for a regression."""
        return self.target.categories or ()

    def with_fills(self, table: Table) -> Schema:
        """The same schema, with the values for missing cells taken from this table, the training rows."""
        return replace(self, features=tuple(_with_fill(column, table) for column in self.features))

    def encode(self, table: Table) -> tuple[NDArray[np.float32], NDArray[np.generic]]:
        """Inputs (N, features), float32, and targets: codes (N,), int64, or numbers (N, 1), float32.

        Raises:
            ValueError: when a cell is no number, an unknown word or missing; it names file, line, column and
                cell.
        """
        return self.encode_inputs(table), self.encode_target(table)

    def encode_inputs(self, table: Table) -> NDArray[np.float32]:
        """The inputs alone, also of a table that has no target column; as for `encode`."""
        return np.concatenate([self._block(table, column) for column in self.features], axis=1)

    def encode_target(self, table: Table) -> NDArray[np.generic]:
        """The targets alone; as for `encode`."""
        targets = _encode(table, self.target)
        return (
            targets.astype(np.int64) if self.task == "classification" else targets.astype(np.float32)[:, None]
        )

    def _block(self, table: Table, column: Column) -> NDArray[np.float32]:
        values = _encode(table, column)
        if self.one_hot and column.categories is not None:
            return np.eye(len(column.categories), dtype=np.float32)[values.astype(np.int64)]
        return values.astype(np.float32)[:, None]


def infer_schema(
    table: Table,
    target: str,
    *,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    task: Task | None = None,
    one_hot: bool = False,
) -> Schema:
    """Find out which columns hold numbers and which hold words.

    A column of which at least half the cells are numbers is a column of numbers, so that a wrong cell in it
    is an error; any other holds words. Words are coded in alphabetical order.

    Args:
        table: the rows to look at.
        target: the column that is to be predicted.
        drop: columns that are no inputs, such as an identifier.
        categorical: columns of words, even where they look like numbers, such as a postcode.
        task: "classification" or "regression"; by default a target of words is a classification, one of
            numbers a regression.
        one_hot: whether each word becomes an input of its own.

    Raises:
        ValueError: when a column does not exist, or nothing is left to learn from.
    """
    for name in (target, *drop, *categorical):
        table.position(name)
    words = {*categorical, *([target] if task == "classification" else [])}
    columns = {
        name: _infer_column(table, name, name in words)
        for name in table.columns
        if name not in drop or name == target
    }
    answer = columns.pop(target)
    if not columns:
        problem = _("no column is left as an input beside the target {target!r}")
        raise wrong(table.path, problem.format(target=target))
    found: Task = "regression" if answer.categories is None else "classification"
    if task == "regression" and found == "classification":
        problem = _("the target {target!r} holds words, so it cannot be a regression")
        raise wrong(table.path, problem.format(target=target))
    if answer.categories is not None and len(answer.categories) < 2:
        problem = _("the target {target!r} holds a single class, {name!r}")
        raise wrong(table.path, problem.format(target=target, name=answer.categories[0]))
    return Schema(tuple(columns.values()), answer, found, one_hot)


def is_missing(cell: str) -> bool:
    """Whether a cell means "not known"."""
    return cell.lower() in MISSING


def _infer_column(table: Table, name: str, words: bool) -> Column:
    known = [cell for cell in table.cells(name) if not is_missing(cell)]
    if not known:
        raise wrong(table.path, _("the column {column!r} is empty; drop it").format(column=name))
    if not words and sum(map(is_number, known)) * 2 >= len(known):
        return Column(name)
    distinct = set(known)
    order = sorted(distinct, key=float) if all(map(is_number, distinct)) else sorted(distinct)
    return Column(name, tuple(order))


def _with_fill(column: Column, table: Table) -> Column:
    known = table.take(row for row, cell in enumerate(table.cells(column.name)) if not is_missing(cell))
    if not len(known):
        problem = _("the column {column!r} is empty, so nothing can fill its missing cells")
        raise wrong(table.path, problem.format(column=column.name))
    values = _encode(known, column)
    common = Counter(values.tolist()).most_common(1)[0][0]
    return replace(column, fill=float(values.mean()) if column.categories is None else common)


def _encode(table: Table, column: Column) -> NDArray[np.float64]:
    codes = (
        {word: code for code, word in enumerate(column.categories)} if column.categories is not None else None
    )
    values = np.empty(len(table))
    for row, cell in enumerate(table.cells(column.name)):
        value = column.fill if is_missing(cell) else _number(cell) if codes is None else codes.get(cell)
        if value is None:
            raise table.error(row, column.name, _problem(cell, column))
        values[row] = value
    return values


def _number(cell: str) -> float | None:
    return float(cell) if is_number(cell) and math.isfinite(float(cell)) else None


def _problem(cell: str, column: Column) -> str:
    if is_missing(cell):
        text = _('{cell!r} is a missing value; pass missing="drop" or "fill", or complete the file')
    elif column.categories is None:
        text = _("{cell!r} is not a number")
    else:
        text = _("{cell!r} is not one of the known words {words}")
    return text.format(cell=cell, words=", ".join(map(repr, (column.categories or ())[:10])))
