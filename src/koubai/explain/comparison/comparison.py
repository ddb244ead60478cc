"""A step side by side: Koubai's numbers, another framework's, and a learner's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from koubai.explain.comparison.marking import Mark, Marked, Marking
from koubai.explain.expression import Named
from koubai.explain.pages import Line, Page, pages
from koubai.explain.worksheet import Worksheet

__all__ = ["Comparison", "LaterStep", "Row"]


@dataclass(frozen=True)
class LaterStep:
    """A step behind the first.

    Attributes:
        number: of the step, from 2.
        loss: before it, ours.
        their_loss: before it, the framework's.
        difference: the largest one of all parameters after it.
    """

    number: int
    loss: float
    their_loss: float
    difference: float


@dataclass(frozen=True, eq=False)
class Row:
    """One number of the step.

    Attributes:
        line: ours, and how it comes about.
        theirs: the framework's; None if it does not show it.
        mine: the learner's; None if there is none.
    """

    line: Line
    theirs: float | None
    mine: Marked | None

    @property
    def cell(self) -> Named:
        """Our number."""
        return self.line.cell

    @property
    def difference(self) -> float | None:
        """How far theirs is from ours."""
        return None if self.theirs is None else abs(self.theirs - self.cell.value)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes:
        sheet: the worksheet.
        framework: what was compared with, such as "PyTorch"; empty for a learner's numbers alone.
        version: of the framework.
        theirs: its numbers.
        tolerance: the largest difference of equal numbers; for those above 1 in proportion.
        later: the steps behind the first, with each form of momentum.
        notes: where the framework's conventions differ from PyTorch's and ours, in the user's language.
        marking: the learner's numbers; None if there are none.
    """

    sheet: Worksheet
    framework: str = ""
    version: str = ""
    theirs: Mapping[Named, float] = field(default_factory=dict)
    tolerance: float = 1e-12
    later: Mapping[str, Sequence[LaterStep]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    marking: Marking | None = None

    def pages(self) -> Iterator[tuple[Page, list[Row]]]:
        """Yield what is calculated in the step, each number once."""
        shown: set[Named] = set()
        for page in pages(self.sheet):
            if page.is_calculated:
                lines = [line for line in page.lines if line.cell not in shown]
                shown.update(line.cell for line in lines)
                yield page, [self._row(line) for line in lines]

    def rows(self) -> list[Row]:
        """All numbers of the step, in the order of calculation."""
        return [row for _page, rows in self.pages() for row in rows]

    def _row(self, line: Line) -> Row:
        mine = self.marking.marked.get(line.cell) if self.marking else None
        return Row(line, self.theirs.get(line.cell), mine)

    def is_equal(self, ours: float, theirs: float) -> bool:
        """Tell whether two numbers are equal within the tolerance."""
        if math.isnan(ours) or math.isnan(theirs):
            return False
        return ours == theirs or abs(ours - theirs) <= self.tolerance * max(1.0, abs(ours))

    @property
    def compared(self) -> list[Row]:
        """The numbers that both have."""
        return [row for row in self.rows() if row.theirs is not None]

    @property
    def different(self) -> list[Row]:
        """The numbers in which both differ, in the order of calculation."""
        return [row for row in self.compared if not self.is_equal(row.cell.value, row.theirs or 0.0)]

    @property
    def largest(self) -> Row | None:
        """The number with the largest difference."""
        return max(self.compared, key=lambda row: _size(row.difference), default=None)

    @property
    def agrees(self) -> bool:
        """Whether both frameworks found the same, in later steps too."""
        return not self.different and all(self.step_agrees(s) for steps in self.later.values() for s in steps)

    def step_agrees(self, step: LaterStep) -> bool:
        """Whether the losses and parameters of a later step are the same."""
        return self.is_equal(step.loss, step.their_loss) and step.difference <= self.tolerance * 10

    @property
    def right(self) -> bool:
        """Whether both frameworks agree, and no number of the learner's is wrong."""
        return self.agrees and (self.marking is None or self.marking.right)

    def number_of(self, mark: Mark) -> int:
        """How many of the learner's numbers have a mark."""
        return self.marking.number_of(mark) if self.marking else 0

    def __str__(self) -> str:
        from koubai.explain.comparison.text import comparison_text

        return comparison_text(self)


def _size(difference: float | None) -> float:
    """NaN is larger than any difference."""
    return math.inf if difference is None or math.isnan(difference) else difference
