"""A worksheet to print and fill in (穴埋め): formulas with empty boxes for the numbers, and the solution behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from koubai.explain.pages import Line, Page, forms_of, pages
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _
from koubai.report.html import Html, tag
from koubai.report.worksheet.mathml import MathNotation, equation
from koubai.report.worksheet.page import document

__all__ = ["fill_in_page"]


def fill_in_page(sheet: Worksheet, digits: int = 4) -> str:
    """Return a worksheet with empty boxes and its solution, as one HTML page to print.

    Every box has a number; the solution begins on a new sheet of paper.

    Args:
        sheet: the worksheet.
        digits: decimals to round to.
    """
    names, numbers = MathNotation(digits=digits), MathNotation(numbers=True, digits=digits)
    title = sheet.problem.title or _("Worksheet")
    task, solution, counter = [], [], count(1)
    for page in pages(sheet):
        if not page.is_calculated:
            task.append(_given(page, names))
            continue
        rows = [(next(counter), line) for line in page.lines]
        task.append(_card(page, names, (_blank(number, line, names) for number, line in rows)))
        solution += [_solved(number, line, names, numbers) for number, line in rows]
    hint = _(
        "Round to {digits} decimals. Calculate with the rounded numbers, or with your calculator's memory."
    )
    header = tag(
        "header", tag("h1", _("{title}: fill in").format(title=title)), tag("p", hint.format(digits=digits))
    )
    answers = tag(
        "section", tag("h1", _("Solution")), tag("div", solution, class_="solution"), class_="new-sheet"
    )
    return document(title, tag("main", header, task, answers, class_="fill-in"))


def _given(page: Page, names: MathNotation) -> Html | None:
    if not page.lines:
        return None
    numbers = (
        equation(names.name(line.cell.symbol), "<mo>=</mo>", names.number(line.cell.value))
        for line in page.lines
    )
    return _card(page, names, (tag("span", number, class_="known") for number in numbers))


def _card(page: Page, names: MathNotation, body: Iterator[Html]) -> Html:
    name = equation(names.name(page.name)) if page.name else None
    rules: Sequence[Html] = [
        tag("p", equation(names.name(symbol), "<mo>←</mo>", names.write(term)), class_="rule")
        for symbol, term in page.rules
    ]
    heading = tag("h3", page.heading, " · " if page.subject else "", page.subject, " ", name)
    return tag("article", heading, rules, tag("div", body, class_="boxes"), class_="card")


def _blank(number: int, line: Line, names: MathNotation) -> Html:
    """The formula in names, room for the numbers, and a box for the result."""
    name, *forms = forms_of(line, names, MathNotation(numbers=True))
    formula = "".join(f"<mo>=</mo>{form}" for form in forms[:-2])
    box = tag("span", tag("sup", number), class_="box", data_key=line.cell.symbol.key)
    return tag("div", equation(name, formula), " = ", tag("span", class_="room"), " = ", box, class_="blank")


def _solved(number: int, line: Line, names: MathNotation, numbers: MathNotation) -> Html:
    name, *forms = forms_of(line, names, numbers)
    return tag(
        "div", tag("sup", number), equation(name), (equation("<mo>=</mo>", form) for form in forms[-2:])
    )
