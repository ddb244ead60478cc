"""Reads CSV files into a table of text cells that know where they stood, so that errors can say so."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path


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

    def position(self, column: str) -> int:
        """Where a column stands, counted from 0.

        Raises:
            ValueError: when there is no such column.
        """
        if column not in self.columns:
            raise ValueError(
                f"{self.path} has no column {column!r}; its columns are {', '.join(self.columns)}"
            )
        return self.columns.index(column)

    def take(self, rows: Iterable[int]) -> Table:
        """A table of some of the rows."""
        chosen = list(rows)
        return replace(
            self, rows=tuple(self.rows[row] for row in chosen), lines=tuple(self.lines[row] for row in chosen)
        )

    def error(self, row: int, column: str, problem: str) -> ValueError:
        """An error that names file, line, column and cell."""
        cell = self.rows[row][self.position(column)]
        return ValueError(f"{self.path}, line {self.lines[row]}, column {column!r}: {cell!r} {problem}")


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
    text = _decode(str(path), Path(path).read_bytes(), encoding)
    lines, rows = _parse(str(path), text, delimiter)
    if not rows:
        raise ValueError(f"{path} is empty")
    columns = _header(str(path), rows[0], delimiter) if header else _numbered(len(rows[0]))
    first = 1 if header else 0
    if len(rows) == first:
        raise ValueError(f"{path} has a header but no rows")
    for line, row in zip(lines[first:], rows[first:]):
        if len(row) != len(columns):
            raise ValueError(f"{path}, line {line}: {len(row)} cells, but there are {len(columns)} columns")
    return Table(str(path), columns, tuple(rows[first:]), tuple(lines[first:]))


def _decode(path: str, content: bytes, encoding: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif content.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}, line {line}: byte {error.start} (0x{content[error.start]:02x}) is not {encoding}; name "
            'the right encoding, such as encoding="cp932" for a file from Excel in Japan, or "latin-1"'
        ) from error
    except LookupError as error:
        raise ValueError(f"{path}: there is no encoding {encoding!r}") from error


def _parse(path: str, text: str, delimiter: str) -> tuple[list[int], list[tuple[str, ...]]]:
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
        raise ValueError(f"{path}, line {begin}: {error}") from error
    return lines, rows


def _header(path: str, cells: Sequence[str], delimiter: str) -> tuple[str, ...]:
    names = tuple(cell or number for cell, number in zip(cells, _numbered(len(cells))))
    if all(is_number(name) for name in names):
        raise ValueError(
            f"{path}: the first line {delimiter.join(cells)!r} looks like data; is it header=False?"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: the header has the column {twice[0]!r} more than once")
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
