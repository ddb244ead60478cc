"""Rows that a user hands in: a CSV file with or without a header, or the cells of one row on the command line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from koubai.data import Table, read_csv
from koubai.data.table import is_number, wrong
from koubai.i18n import _

TABLES = (".csv", ".tsv", ".txt")


def is_row(source: str) -> bool:
    """Whether a source is the cells of a row, such as "5.1,3.5,1.4,0.2"."""
    return "," in source or is_number(source)


def read_rows(source: str, names: Sequence[str]) -> Table:
    """The rows of a file or the one that was typed.

    Args:
        source: path of a table whose header has the columns' names (others are left out), or that has no header;
            or the cells of one row.
        names: of the columns that are needed, in the order of a row without a header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, or columns are missing.
    """
    path = Path(source)
    if not path.is_file():
        if path.suffix.lower() in TABLES or not is_row(source):
            raise FileNotFoundError(_("There is no file {path}.").format(path=source))
        cells = tuple(cell.strip() for cell in source.split(","))
        return _named(Table(source, cells, (cells,), (1,)), names)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    header = not _starts_with_data(path, delimiter)
    table = read_csv(path, delimiter=delimiter, header=header)
    return _complete(table, names) if header else _named(table, names)


def _complete(table: Table, names: Sequence[str]) -> Table:
    """A table with a header, if it has all columns."""
    absent = [name for name in names if name not in table.columns]
    if absent:
        problem = _("these columns are missing: {absent}; the file has {columns}")
        raise wrong(table.path, problem.format(absent=", ".join(absent), columns=", ".join(table.columns)))
    return table


def _named(table: Table, names: Sequence[str]) -> Table:
    """A table without a header gets the names of the columns, if it has as many."""
    if len(table.columns) != len(names):
        raise ValueError(
            _("{source} has {given} cells in a row, but there are {wanted} columns: {names}").format(
                source=table.path, given=len(table.columns), wanted=len(names), names=", ".join(names)
            )
        )
    return replace(table, columns=tuple(names))


def _starts_with_data(path: Path, delimiter: str) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = next(csv.reader(file, delimiter=delimiter), [])
    return any(is_number(cell) for cell in first)
