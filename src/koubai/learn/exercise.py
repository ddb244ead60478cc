"""An exercise: what is given, and the numbers to find, each with its answer and the formula that leads there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from koubai.explain.notation import decimal
from koubai.explain.pages import Line, forms_of, pages
from koubai.explain.text import TextNotation
from koubai.explain.worksheet import Worksheet

__all__ = ["Blank", "Exercise", "blank_of", "given", "lines_of"]


@dataclass(frozen=True)
class Blank:
    """A number to find.

    Attributes:
        name: what stands left of the "=", such as "dL/dw1_12".
        answer: the number, from the engine.
        hint: how it is found, without any number.
        solution: how it is found, with all numbers.
    """

    name: str
    answer: float
    hint: str
    solution: str


@dataclass(frozen=True)
class Exercise:
    """The exercise of a lesson.

    Attributes:
        number: of the lesson.
        seed: whose numbers these are.
        task: what to do.
        given: lines with what is known.
        blanks: what to find, in the order in which it is found.
    """

    number: int
    seed: int
    task: str
    given: tuple[str, ...]
    blanks: tuple[Blank, ...]


def lines_of(sheet: Worksheet) -> dict[str, Line]:
    """Every line of a worksheet by the plain name of its number."""
    return {line.cell.symbol.key: line for page in pages(sheet) for line in page.lines}


def blank_of(name: str, lines: Mapping[str, Line]) -> Blank:
    """Make a line of a worksheet a number to find."""
    line = lines[name]
    shown, *forms = forms_of(line, TextNotation(), TextNotation(numbers=True))
    hint = " = ".join([shown, *forms[:-2]])
    return Blank(name, line.cell.value, hint, " = ".join([shown, *forms]))


def given(names: Iterable[str], lines: Mapping[str, Line]) -> tuple[str, ...]:
    """Known numbers as lines such as "w1_12 = 0.2", rounded to four decimals."""
    return tuple(f"{name} = {plain(lines[name].cell.value)}" for name in names)


def plain(value: float) -> str:
    """A rounded number as one types it."""
    return decimal(value).replace("−", "-")
