"""Reads a learner's numbers: "name = value" in a text, CSV or JSON file, or plain numbers in the order of the boxes."""

from __future__ import annotations

import csv
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from koubai.explain.expression import Named
from koubai.explain.pages import Line, pages
from koubai.explain.text import TextNotation
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _

__all__ = ["Answer", "read_answers", "to_calculate"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_UNANSWERED = frozenset({"", "-", "?", "…", "..."})
_INTEGER_UNIT = 0.01  # 1 stands for 1.00, and not for everything between 0.5 and 1.5


@dataclass(frozen=True)
class Answer:
    """A number as a learner wrote it.

    Attributes:
        value: the number.
        unit: what one more in its last digit would be.
        text: as it was written, with the minus sign of formulas.
    """

    value: float
    unit: float
    text: str

    def is_near(self, other: float, units: float = 0.5) -> bool:
        """Tell whether another number is the same in the digits that were written."""
        return abs(self.value - other) <= units * self.unit * (1 + 1e-6) + 1e-15


def to_calculate(sheet: Worksheet) -> list[Line]:
    """Return the lines that a learner calculates, in order: those with boxes on the sheet to fill in."""
    return [line for page in pages(sheet) if page.is_calculated for line in page.lines]


def read_answers(
    source: str | Path | Mapping[str, Any] | Sequence[Any], sheet: Worksheet, form: str = "classical"
) -> dict[Named, Answer]:
    """Return a learner's numbers by the cells of a worksheet that they are for.

    Args:
        source: a file, or the same as a dictionary or list.
            Text has a line for each number, "name = value" or the number alone; what is behind # is a remark. CSV has
            the columns name and value, or value alone. JSON is an object, or a list. Names are those of the worksheet,
            w⁽¹⁾₁₂ as well as w1_12; of a whole tensor, w1, for all its numbers row by row; or the number of
            a box. Numbers without names are in the order of the boxes. What is left empty is not answered.
        sheet: the worksheet.
        form: which form of momentum the names belong to, "classical" or "pytorch"; they are the same in both.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is malformed, or a name or number in it is none.
    """
    return _Reader(sheet, form).read(source)


Pair = tuple[str, Any, str]  # a name or nothing, what stands for the number, and where that was found


class _Reader:
    """Knows all the names of a worksheet; both forms of momentum have the same ones."""

    def __init__(self, sheet: Worksheet, form: str) -> None:
        self.boxes = [line.cell for line in to_calculate(sheet)]
        self.names: dict[str, list[Named]] = {}
        for number, cell in enumerate(self.boxes, 1):
            self.names[str(number)] = [cell]
        other_forms = {
            cell
            for update in sheet.updates
            if update.form != form and len(sheet.updates) > 1
            for value in (*update.memory, *update.parameters)
            for cell in value
        }
        for cell in self.boxes:
            if cell not in other_forms:
                self._note((cell.symbol.key, TextNotation().name(cell.symbol)), [cell])
        for value in _tensors(sheet):
            cells = list(value)
            if len(cells) > 1 and cells[0] not in other_forms:
                self._note(_common_names(cells), cells)
        self.given = {
            _folded(spelling)
            for value in (*sheet.inputs, *sheet.parameters)
            for cell in value
            for spelling in (cell.symbol.key, TextNotation().name(cell.symbol))
        }

    def _note(self, spellings: Iterable[str], cells: list[Named]) -> None:
        for spelling in spellings:
            self.names.setdefault(_folded(spelling), cells)

    def read(self, source: str | Path | Mapping[str, Any] | Sequence[Any]) -> dict[Named, Answer]:
        found: dict[Named, Answer] = {}
        unnamed = iter(self.boxes)
        for name, written, where in _pairs(source):
            cells = self._cells(name, where) if name else [next(unnamed, None)]
            for cell, answer in zip(cells, self._answers(written, len(cells), where)):
                if cell is None:
                    message = _("{where}: there are more numbers than boxes; the sheet has {count}.")
                    raise ValueError(message.format(where=where, count=len(self.boxes)))
                if answer is not None and found.get(cell, answer) != answer:
                    message = _("{where}: {name} is there twice, with different numbers.")
                    raise ValueError(message.format(where=where, name=TextNotation().name(cell.symbol)))
                if answer is not None:
                    found[cell] = answer
        if not found:
            raise ValueError(_("There is no number in {source}.").format(source=_place(source)))
        return found

    def _cells(self, name: str, where: str) -> list[Named]:
        folded = _folded(name)
        if folded in self.names:
            return self.names[folded]
        if folded in self.given:
            message = _("{where}: {name} is given, so there is nothing to check. After the step it is {new}.")
            raise ValueError(message.format(where=where, name=name, new=f"{name}_new"))
        near = get_close_matches(folded, self.names, 3)
        names = ", ".join(dict.fromkeys(self.names[key][0].symbol.key for key in near))
        message = _("{where}: there is no number {name} on the sheet; there is {names}.")
        if not names:
            names = ", ".join(cell.symbol.key for cell in self.boxes[:5]) + " …"
        raise ValueError(message.format(where=where, name=name, names=names))

    @staticmethod
    def _answers(written: Any, count: int, where: str) -> list[Answer | None]:
        """As many answers as there are cells."""
        parts = list(_parts(written)) if count > 1 else [written]
        if len(parts) != count:
            message = _("{where}: {count} numbers belong here, but there are {given}.")
            raise ValueError(message.format(where=where, count=count, given=len(parts)))
        return [_answer(part, where) for part in parts]


def _tensors(sheet: Worksheet) -> Iterator[Any]:
    yield from sheet.forward
    yield from sheet.backward
    for update in sheet.updates:
        yield from (*update.memory, *update.parameters)
    yield from sheet.after


def _common_names(cells: Sequence[Named]) -> tuple[str, ...]:
    """The names of a whole tensor: those of its first element without the index."""
    key, name = cells[0].symbol.key, TextNotation().name(cells[0].symbol)
    return re.sub(r"_[\d_]+(?=$|_new$)", "", key), re.sub(r"[₀-₉,]+(?=$|′$)", "", name)


def _folded(name: str) -> str:
    """A name as it is looked up: without blanks and styles, and alike in plain and in raised characters."""
    text = unicodedata.normalize("NFKC", name.replace("′", "_new")).replace("∂", "d").replace("'", "_new")
    return re.sub(r"\s|\*", "", text).replace("−", "-").casefold()


def _parts(written: Any) -> Iterator[Any]:
    if isinstance(written, list | tuple):
        for part in written:
            yield from _parts(part)
    elif isinstance(written, str):
        yield from re.split(r"[,;\s]+", written.strip().strip("[]"))
    else:
        yield written


def _answer(written: Any, where: str) -> Answer | None:
    """A number with its digits; None for one that was left empty."""
    if written is None or (isinstance(written, str) and written.strip() in _UNANSWERED):
        return None
    text = unicodedata.normalize("NFKC", written) if isinstance(written, str) else repr(written)
    text = re.sub(r"(?:×|\*|x)10(?:\^|\*\*)?", "e", text.replace("−", "-").replace(" ", ""))
    if isinstance(written, bool) or not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        message = _("{where}: {value!r} is no number. Write it like 0.5312, −0.08 or 1.2e-5.")
        raise ValueError(message.format(where=where, value=written))
    mantissa, _e, power = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    scale = 10.0 ** int(power or 0)
    unit = scale * (10.0**-decimals if decimals else _INTEGER_UNIT)
    return Answer(float(text), unit, text.replace("-", "−"))


# --- files


def _place(source: Any) -> str:
    return str(source) if isinstance(source, str | Path) else _("your numbers")


def _pairs(source: str | Path | Mapping[str, Any] | Sequence[Any]) -> Iterator[Pair]:
    if not isinstance(source, str | Path):
        return _of_data(source, _place(source))
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(_("There is no file {path}.").format(path=path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(_("{path} is no text in UTF-8.").format(path=path)) from error
    if path.suffix == ".json":
        return _of_json(text, path)
    return _of_csv(text, path) if path.suffix == ".csv" else _of_text(text, path)


def _of_text(text: str, path: Path) -> Iterator[Pair]:
    for number, line in enumerate(text.splitlines(), 1):
        where = _("{path}, line {line}").format(path=path.name, line=number)
        line = line.partition("#")[0].strip()
        if not line:
            continue
        name, sign, written = line.replace("＝", "=").rpartition("=")
        if not sign:
            name, sign, written = line.replace("：", ":").rpartition(":")
        if sign and not name.strip():
            message = _("{where}: a line is “name = value”, or a number alone.")
            raise ValueError(message.format(where=where))
        yield name.strip(), written.strip(), where


def _of_csv(text: str, path: Path) -> Iterator[Pair]:
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        where = _("{path}, line {line}").format(path=path.name, line=number)
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and _is_heading(cells)):
            continue
        if len(cells) > 2:
            message = _("{where}: a row has a name and a value, but there are {count} columns.")
            raise ValueError(message.format(where=where, count=len(cells)))
        yield (cells[0], cells[1], where) if len(cells) == 2 else ("", cells[0], where)


def _is_heading(cells: Sequence[str]) -> bool:
    return cells[-1].casefold() in ("value", "値", "mine", "answer", "数値")


def _of_json(text: str, path: Path) -> Iterator[Pair]:
    try:
        # as they are written: 0.50 says more than 0.5
        data = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError as error:
        raise ValueError(_("{path} is no JSON: {error}").format(path=path, error=error)) from error
    return _of_data(data, path.name)


def _of_data(data: Any, where: str) -> Iterator[Pair]:
    if isinstance(data, Mapping):
        return ((str(name), value, f"{where}, {name}") for name, value in data.items())
    if isinstance(data, list | tuple):
        return (("", value, where) for value in data)
    message = _("{where} must be an object of names and numbers, or a list of numbers.")
    raise ValueError(message.format(where=where))
