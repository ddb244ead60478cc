"""A comparison as one HTML page that needs no other file: every number in each framework, and the learner's, marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from koubai.atomic import write_file
from koubai.explain.comparison import Comparison, Mark, Marked, Row
from koubai.explain.comparison.text import (
    grouped,
    headings,
    is_bad,
    later_headings,
    later_texts,
    row_texts,
    unseen,
)
from koubai.explain.comparison.verdict import form_name, mistakes, their_name, verdicts
from koubai.explain.pages import forms_of
from koubai.i18n import _
from koubai.report.html import Html, table, tag
from koubai.report.worksheet.mathml import MathNotation, equation, role_class
from koubai.report.worksheet.page import document

__all__ = ["comparison_page", "write_comparison"]


def write_comparison(comparison: Comparison, path: str | Path, *, digits: int = 6) -> Path:
    """Write a comparison as a page, in the user's language.

    Args:
        comparison: what `koubai.explain.compare` found.
        path: the file, which ends in .html.
        digits: decimals to round to.

    Returns:
        the path.

    Raises:
        ValueError: for another ending.
    """
    path = Path(path)
    if path.suffix != ".html":
        raise ValueError(_("{path} must end in {ending}.").format(path=path, ending=".html"))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, comparison_page(comparison, digits).encode())
    return path


def comparison_page(comparison: Comparison, digits: int = 6) -> str:
    """Return a comparison as HTML, in the user's language.

    Args:
        comparison: what `koubai.explain.compare` found.
        digits: decimals to round to.
    """
    title = comparison.sheet.problem.title or type(comparison.sheet.problem.model).__name__
    beside = their_name(comparison) if comparison.framework else _("your numbers")
    header = tag(
        "header", tag("h1", title), tag("p", _("Koubai and {other}").format(other=beside), class_="step")
    )
    sections = [
        tag("section", tag("h2", heading), tag("div", _numbers(comparison, rows, digits), class_="card"))
        for heading, rows in grouped(comparison)
    ]
    footer = tag(
        "footer",
        _("Made by Koubai. Differences are of the numbers as they were calculated, not as they are shown."),
    )
    body = [header, _verdict(comparison, digits), sections, _later(comparison, digits), footer]
    return document(title, tag("main", body, class_="comparison"))


def _verdict(comparison: Comparison, digits: int) -> Html:
    """The sentences, the first mistake with its formula, and where conventions differ."""
    sentences = (
        tag("p", text, class_="verdict" if good else "verdict warn")
        for good, text in verdicts(comparison, digits)
    )
    notes = [*unseen(comparison), *comparison.notes]
    listed = tag("ul", (tag("li", note) for note in notes), class_="soft") if notes else None
    return tag("section", sentences, _first_mistake(comparison, digits), listed)


def _first_mistake(comparison: Comparison, digits: int) -> Html | None:
    wrong = comparison.marking.first_wrong if comparison.marking else None
    if wrong is None:
        return None
    first, _formula, *others = mistakes(comparison, digits)
    return tag(
        "div",
        tag("p", first),
        tag("p", _formula_of(wrong, digits)),
        (tag("p", text) for text in others),
        class_="card",
    )


def _formula_of(wrong: Marked, digits: int) -> Html:
    forms = forms_of(wrong.line, MathNotation(digits=digits), MathNotation(numbers=True, digits=digits))
    return equation("<mo>=</mo>".join(forms))


def _numbers(comparison: Comparison, rows: Sequence[Row], digits: int) -> Html:
    return tag(
        "div",
        tag(
            "table",
            tag("thead", tag("tr", (tag("th", heading, scope="col") for heading in headings(comparison)))),
            tag("tbody", (_row(comparison, row, digits) for row in rows)),
            class_="numbers",
        ),
        class_="scroll",
    )


def _row(comparison: Comparison, row: Row, digits: int) -> Html:
    name = equation(f'<mrow class="{role_class(row.cell)}">{MathNotation().name(row.cell.symbol)}</mrow>')
    cells = [tag("td", name), *(tag("td", text) for text in row_texts(comparison, row, digits)[1:])]
    kind = "differs" if is_bad(comparison, row) else _kind(row.mine)
    return tag("tr", cells, class_=kind, id=row.cell.symbol.key)


def _kind(mine: Marked | None) -> str | None:
    if mine is None:
        return None
    return "right" if mine.mark is Mark.RIGHT else "follows"


def _later(comparison: Comparison, digits: int) -> Iterator[Html]:
    for form, steps in comparison.later.items():
        rows = ((step.number, *later_texts(step, digits)) for step in steps)
        heading = _("Later steps")
        title = f"{heading}: {form_name(form)}" if form else heading
        yield tag(
            "section",
            tag("h2", title),
            tag("div", table(later_headings(comparison), rows, class_="numbers"), class_="card"),
        )
