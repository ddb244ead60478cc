"""Marks a learner's numbers: which are right, which is the first wrong one, and which follow from an earlier
mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from koubai.explain.comparison.answers import Answer, to_calculate
from koubai.explain.comparison.slips import likely_slips
from koubai.explain.expression import Named, evaluated_term, names_in
from koubai.explain.pages import Line
from koubai.explain.worksheet import Worksheet

__all__ = ["Mark", "Marked", "Marking", "marked"]

_ROUNDED_BEFORE = 1.0  # units in the last digit, for a number that was calculated with rounded ones


class Mark(Enum):
    """What a learner's number is worth; the value is its sign."""

    RIGHT = "✓"
    FOLLOWS = "(✓)"
    WRONG = "✗"


@dataclass(frozen=True, eq=False)
class Marked:
    """A learner's number.

    Attributes:
        line: the number that should be there, and how it comes about.
        answer: what the learner has.
        mark: what that is worth. It follows if it is not the right number, but what its formula gives for the wrong
            numbers before it.
        slips: for a wrong one, what was probably done instead.
    """

    line: Line
    answer: Answer
    mark: Mark
    slips: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Marking:
    """All numbers of a learner, in the order of calculation.

    Attributes:
        marked: those that were answered.
        count: how many there are to calculate.
    """

    marked: Mapping[Named, Marked] = field(default_factory=dict)
    count: int = 0

    @property
    def first_wrong(self) -> Marked | None:
        """The first number that is wrong and does not follow from those before it."""
        return next((m for m in self.marked.values() if m.mark is Mark.WRONG), None)

    @property
    def right(self) -> bool:
        """Whether all numbers that were answered are right."""
        return all(m.mark is Mark.RIGHT for m in self.marked.values())

    def number_of(self, mark: Mark) -> int:
        """How many numbers have a mark."""
        return sum(m.mark is mark for m in self.marked.values())


def marked(sheet: Worksheet, answers: Mapping[Named, Answer]) -> Marking:
    """Mark a learner's numbers.

    A number is right if it is the worksheet's, rounded to the digits that were written. It may differ by one
    unit in the last of them if it was calculated with the learner's own rounded numbers.

    Args:
        sheet: the worksheet.
        answers: the learner's numbers.
    """
    found: dict[Named, Marked] = {}
    lines = to_calculate(sheet)
    for line in lines:
        answer = answers.get(line.cell)
        if answer is not None and line.cell not in found:
            found[line.cell] = _marked(line, answer, sheet, found)
    return Marking(found, len(dict.fromkeys(line.cell for line in lines)))


def _marked(line: Line, answer: Answer, sheet: Worksheet, before: Mapping[Named, Marked]) -> Marked:
    if answer.is_near(line.cell.value):
        return Marked(line, answer, Mark.RIGHT)
    numbers = {cell: m.answer.value for cell, m in before.items()}
    used = [name for name in names_in(line.cell.formula) if name in before]
    if used:
        values = {name: numbers.get(name, name.value) for name in names_in(line.cell.formula)}
        if answer.is_near(evaluated_term(line.cell.formula, values), _ROUNDED_BEFORE):
            all_right = all(before[name].mark is Mark.RIGHT for name in used)
            return Marked(line, answer, Mark.RIGHT if all_right else Mark.FOLLOWS)
    return Marked(line, answer, Mark.WRONG, likely_slips(line.cell, answer, sheet, numbers))
