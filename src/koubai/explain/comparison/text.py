"""A comparison as lines of plain characters, a table that fits a screen of 80 columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import groupby

from koubai.explain.comparison.comparison import Comparison, LaterStep, Row
from koubai.explain.comparison.verdict import apart, form_name, mistakes, verdicts
from koubai.explain.notation import decimal
from koubai.explain.pages import Page, Part
from koubai.explain.text import TextNotation
from koubai.i18n import _

__all__ = [
    "Kind",
    "comparison_lines",
    "comparison_text",
    "grouped",
    "headings",
    "is_bad",
    "later_headings",
    "later_texts",
    "row_texts",
    "unseen",
]

_GAP = "  "
_HIDDEN = "—"


class Kind(Enum):
    """What a line is, for those who colour it."""

    TITLE = "title"
    COLUMNS = "columns"
    HEADING = "heading"
    ROW = "row"
    BAD_ROW = "bad row"
    GOOD = "good"
    BAD = "bad"
    NOTE = "note"


def comparison_text(comparison: Comparison, digits: int = 6) -> str:
    """A comparison as plain text, in the user's language."""
    return "\n".join(text for _kind, text in comparison_lines(comparison, digits))


def comparison_lines(comparison: Comparison, digits: int = 6) -> Iterator[tuple[Kind, str]]:
    """Yield the lines of a comparison."""
    groups = grouped(comparison)
    texts = {id(row): row_texts(comparison, row, digits) for _heading, rows in groups for row in rows}
    header = headings(comparison)
    widths = [max(map(_width, column)) for column in zip(header, *texts.values())]
    yield Kind.TITLE, comparison.sheet.problem.title
    yield Kind.COLUMNS, _aligned(header, widths)
    for heading, rows in groups:
        yield Kind.HEADING, heading
        for row in rows:
            yield (Kind.BAD_ROW if is_bad(comparison, row) else Kind.ROW), _aligned(texts[id(row)], widths)
    yield from _later(comparison, digits)
    yield Kind.NOTE, ""
    for good, sentence in verdicts(comparison, digits):
        yield (Kind.GOOD if good else Kind.BAD), sentence
    for sentence in (*mistakes(comparison, digits), *unseen(comparison), *comparison.notes):
        yield Kind.NOTE, f"{_GAP}{sentence}"


def grouped(comparison: Comparison) -> list[tuple[str, list[Row]]]:
    """The numbers under a heading for each part of the step, and for each form of the update.

    Without a framework only those that the learner has: the others are still to be found.
    """
    groups = []
    for heading, found in groupby(comparison.pages(), lambda pair: _heading(pair[0])):
        rows = [row for _page, rows in found for row in rows if comparison.framework or row.mine]
        if rows:
            groups.append((heading, rows))
    return groups


def _heading(page: Page) -> str:
    if page.part is not Part.UPDATE:
        return page.heading
    return _("{part}: {subject}").format(part=page.heading, subject=page.subject)


def headings(comparison: Comparison) -> list[str]:
    """What the columns are called."""
    names = ["", "Koubai"]
    if comparison.framework:
        names += [comparison.framework, _("difference")]
    return [*names, _("yours"), ""] if comparison.marking else names


def row_texts(comparison: Comparison, row: Row, digits: int) -> list[str]:
    """The cells of a row; the name is the first one."""
    texts = [TextNotation().name(row.cell.symbol), decimal(row.cell.value, digits)]
    if comparison.framework:
        theirs, difference = row.theirs, row.difference
        texts.append(_HIDDEN if theirs is None else decimal(theirs, digits))
        texts.append("" if difference is None else apart(difference))
    if comparison.marking:
        texts += [row.mine.answer.text, row.mine.mark.value] if row.mine else ["", ""]
    return texts


def is_bad(comparison: Comparison, row: Row) -> bool:
    """Tell whether something in a row is wrong."""
    differs = row.theirs is not None and not comparison.is_equal(row.cell.value, row.theirs)
    return differs or (row.mine is not None and row.mine.mark.value == "✗")


def unseen(comparison: Comparison) -> Iterator[str]:
    """What the framework does not show."""
    if comparison.framework and len(comparison.compared) < len(comparison.rows()):
        message = _("{sign}: {framework} calculates this within a function of its own and does not show it.")
        yield message.format(sign=_HIDDEN, framework=comparison.framework)


def later_headings(comparison: Comparison) -> list[str]:
    """What the columns of the steps behind the first are called."""
    return [_("step"), _("loss, Koubai"), comparison.framework, _("difference"), _("of the parameters")]


def later_texts(step: LaterStep, digits: int) -> list[str]:
    """The cells of a step behind the first, without its number."""
    losses = [decimal(step.loss, digits), decimal(step.their_loss, digits)]
    return [*losses, apart(abs(step.loss - step.their_loss)), apart(step.difference)]


def _later(comparison: Comparison, digits: int) -> Iterator[tuple[Kind, str]]:
    """A line for each step behind the first."""
    for form, steps in comparison.later.items():
        header = later_headings(comparison)
        rows = [[str(step.number), *later_texts(step, digits)] for step in steps]
        widths = [max(map(_width, column)) for column in zip(header, *rows)]
        heading = _("Later steps")
        yield Kind.HEADING, f"{heading}: {form_name(form)}" if form else heading
        yield Kind.COLUMNS, _aligned(header, widths)
        for step, row in zip(steps, rows):
            kind = Kind.ROW if comparison.step_agrees(step) else Kind.BAD_ROW
            yield kind, _aligned(row, widths)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths)
    texts = [_GAP + first[0] + " " * (first[1] - _width(first[0]))]
    texts += [" " * (width - _width(cell)) + cell for cell, width in others]
    return _GAP.join(texts).rstrip()


def _width(text: str) -> int:
    """Columns on the screen; Japanese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
