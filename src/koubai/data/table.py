"""Reads CSV files into a table of text cells that know where they stood, so that errors can say so."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from koubai.i18n import _


@dataclass(frozen=True)
class Table:
    """The cells of a CSV file as text, stripped of the spaces around them.

    Attributes:
        path: the file.
        columns: the names of the columns.
        rows: for each row its cells, one per column.
        lines: for each row the line of the file on which it begins, counted from 1.
    """

    path: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self, column: str) -> list[str]:
        """The cells of a column, from top to bottom."""
        position = self.position(column)
        return [row[position] for row in self.rows]

    def filled(self, column: str) -> list[str]:
        """The cells of a column none of which may be empty.

        Raises:
            ValueError: when one is, with its line.
        """
        cells = self.cells(column)
        if "" in cells:
            raise self.error(cells.index(""), column, _("the cell is empty"))
        return cells

    def position(self, column: str) -> int:
        """Where a column stands, counted from 0.

        Raises:
            ValueError: when there is no such column.
        """
        if column not in self.columns:
            problem = _("there is no column {column!r}; the columns are {columns}")
            raise wrong(self.path, problem.format(column=column, columns=", ".join(self.columns)))
        return self.columns.index(column)

    def take(self, rows: Iterable[int]) -> Table:
        """A table of some of the rows."""
        chosen = list(rows)
        return replace(
            self, rows=tuple(self.rows[row] for row in chosen), lines=tuple(self.lines[row] for row in chosen)
        )

    def error(self, row: int, column: str, problem: str) -> ValueError:
        """An error that names file, line and column."""
        return wrong(self.path, problem, self.lines[row], column)


def wrong(path: str | Path, problem: str, line: int | None = None, column: str | None = None) -> ValueError:
    """An error that says where in a file something is wrong, as far as that is known, and what."""
    if line is None:
        where = str(path)
    elif column is None:
        where = _("{path}, line {line}").format(path=path, line=line)
    else:
        where = _("{path}, line {line}, column {column!r}").format(path=path, line=line, column=column)
    return ValueError(f"{where}: {problem}")


def read_csv(
    path: str | Path, *, delimiter: str = ",", header: bool = True, encoding: str = "utf-8"
) -> Table:
    """Read a CSV file as text cells.

    Args:
        path: the file; a byte order mark at its start is understood, blank lines are skipped.
        delimiter: what stands between two cells, such as "\\t".
        header: whether the first line holds the names of the columns; else they are column_1, column_2 and so
            on.
        encoding: of the text, such as "cp932" for files that Excel wrote on a Japanese Windows.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when the file is empty, cannot be decoded, or its rows have different lengths; when the
            header is missing or has a name twice.
    """
    text = _decode(path, Path(path).read_bytes(), encoding)
    lines, rows = _parse(path, text, delimiter)
    if not rows:
        raise wrong(path, _("the file is empty"))
    columns = _header(path, rows[0], delimiter) if header else _numbered(len(rows[0]))
    first = 1 if header else 0
    if len(rows) == first:
        raise wrong(path, _("the file has a header but no rows"))
    for line, row in zip(lines[first:], rows[first:]):
        if len(row) != len(columns):
            problem = _("the row has {cells} cells, but there are {columns} columns")
            raise wrong(path, problem.format(cells=len(row), columns=len(columns)), line)
    return Table(str(path), columns, tuple(rows[first:]), tuple(lines[first:]))


def _decode(path: str | Path, content: bytes, encoding: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif content.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = _(
            "byte {place} (0x{byte:02x}) is not {encoding}; save it as UTF-8, or name its encoding, such "
            'as encoding="cp932" for a file from Excel in Japan'
        ).format(place=error.start, byte=content[error.start], encoding=encoding)
        raise wrong(path, problem, line) from error
    except LookupError as error:
        raise wrong(path, _("there is no encoding {encoding!r}").format(encoding=encoding)) from error


def _parse(path: str | Path, text: str, delimiter: str) -> tuple[list[int], list[tuple[str, ...]]]:
    """The rows that are not blank, and the lines on which they begin."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    lines, rows, begin = [], [], 1
    try:
        for row in reader:
            cells = tuple(cell.strip() for cell in row)
            if any(cells) or len(cells) > 1:
                lines.append(begin)
                rows.append(cells)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise wrong(path, str(error), begin) from error
    return lines, rows


def _header(path: str | Path, cells: Sequence[str], delimiter: str) -> tuple[str, ...]:
    names = tuple(cell or number for cell, number in zip(cells, _numbered(len(cells))))
    if all(is_number(name) for name in names):
        problem = _("the first line {line!r} looks like data; if there is no header, pass header=False")
        raise wrong(path, problem.format(line=delimiter.join(cells)))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        problem = _("the header has the column {column!r} more than once")
        raise wrong(path, problem.format(column=twice[0]))
    return names


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"column_{number}" for number in range(1, count + 1))


def is_number(cell: str) -> bool:
    """Whether a cell is a number as people write it into a table: digits, sign, point, exponent."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
