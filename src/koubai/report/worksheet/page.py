"""A worksheet as one HTML page that needs no other file: formulas in MathML, one card for each page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from koubai.explain.expression import Named
from koubai.explain.pages import Line, Page, Part, forms_of, pages
from koubai.explain.text import sign_of
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _
from koubai.report.document import html_document
from koubai.report.html import Html, tag
from koubai.report.worksheet.graph import graph_section
from koubai.report.worksheet.mathml import MathNotation, equation, role_class

__all__ = ["worksheet_page"]

_FOLDER = Path(__file__).parent


def worksheet_page(sheet: Worksheet, digits: int = 4) -> str:
    """Return a worksheet as HTML, in the user's language.

    Args:
        sheet: the worksheet.
        digits: decimals to round to.
    """
    parts = [(part, list(group)) for part, group in groupby(pages(sheet), lambda page: page.part)]
    graph = tag("section", tag("h2", _("Computation graph")), graph_section(sheet, digits), id="graph")
    contents = [_part(part, group, digits) for part, group in parts]
    body = [_header(sheet, digits), _contents(parts), contents[0], graph, contents[1:]]
    return document(sheet.problem.title, tag("main", body, _footer()))


def document(title: str, body: Html) -> str:
    """A page with our styles.

    Args:
        title: of the network.
        body: what stands on it.
    """
    return html_document(title or _("Worksheet"), body, *_styles())


def _styles() -> list[Path]:
    return [_FOLDER / "worksheet.css", _FOLDER / "graph.css"]


def _header(sheet: Worksheet, digits: int) -> Html:
    notation = MathNotation(digits=digits)
    before, after = (
        equation(notation.name(cell.symbol), "<mo>=</mo>", notation.number(cell.value))
        for cell in (sheet.loss, sheet.loss_after)
    )
    title = sheet.problem.title or type(sheet.problem.model).__name__
    line = tag("p", _("One training step:"), " ", before, " → ", after, class_="step")
    return tag("header", tag("h1", title), line, _legend())


def _legend() -> Html:
    names = {
        "parameter": _("parameter"),
        "input": _("input and target"),
        "value": _("value of the forward pass"),
        "gradient": _("gradient"),
        "option": _("option of the update"),
    }
    return tag(
        "p", (tag("span", name, class_=f"key is-{role}") for role, name in names.items()), class_="legend"
    )


def _contents(parts: Sequence[tuple[Part, list[Page]]]) -> Html:
    (given, heading), *others = ((part.name.lower(), group[0].heading) for part, group in parts)
    names = {given: heading, "graph": _("Computation graph"), **dict(others)}
    return tag("nav", (tag("a", name, href=f"#{place}") for place, name in names.items()))


def _part(part: Part, group: Sequence[Page], digits: int) -> Html:
    heading = tag("h2", group[0].heading)
    kind = "given" if part is Part.GIVEN else ""
    cards = tag("div", (_card(page, digits) for page in group), class_=f"pages {kind}")
    return tag("section", heading, cards, id=part.name.lower())


def _card(page: Page, digits: int) -> Html:
    names, numbers = MathNotation(digits=digits), MathNotation(numbers=True, digits=digits)
    name = equation(names.name(page.name)) if page.name else None
    heading = tag("h3", page.subject, " ", name) if page.subject or name else None
    rules = (
        tag("p", equation(names.name(symbol), "<mo>←</mo>", names.write(term)), class_="rule")
        for symbol, term in page.rules
    )
    body = [heading, tag("p", page.sentence) if page.sentence else None, rules]
    if page.part is Part.GIVEN:
        body.append(tag("div", (_known(line, names) for line in page.lines), class_="knowns"))
    elif page.lines:
        body.append(tag("div", (_line(line, names, numbers) for line in page.lines), class_="lines"))
    if page.signs:
        body.append(_sign_table(page.signs, names))
    return tag("article", body, class_="card")


def _known(line: Line, names: MathNotation) -> Html:
    value = f'<mrow class="{role_class(line.cell)}">{names.number(line.cell.value)}</mrow>'
    number = equation(names.write(line.cell), "<mo>=</mo>", value)
    return tag("span", number, id=line.cell.symbol.key)


def _line(line: Line, names: MathNotation, numbers: MathNotation) -> Iterator[Html]:
    """The name, and one row for each of its forms."""
    name, *forms = forms_of(line, names, numbers)
    yield tag("div", equation(f'<mrow class="{role_class(line.cell)}">{name}</mrow>'), class_="name")
    rows = (
        tag("div", equation("<mo>=</mo>", form), class_="result" if form == forms[-1] else None)
        for form in forms
    )
    yield tag("div", rows, class_="forms", id=line.cell.symbol.key)


def _sign_table(rows: Sequence[tuple[Named, Named, Named]], names: MathNotation) -> Html:
    header = tag(
        "tr", (tag("th", text) for text in (_("gradient"), _("parameter"), _("before"), _("after"), ""))
    )
    body = (tag("tr", _sign_cells(*row, names)) for row in rows)
    return tag(
        "div", tag("table", tag("thead", header), tag("tbody", body), class_="numbers"), class_="scroll"
    )


def _sign_cells(gradient: Named, before: Named, after: Named, names: MathNotation) -> Iterator[Html]:
    sign, words = sign_of(gradient.value, after.value - before.value)
    relation = f"<mo>{sign.replace('<', '&lt;').replace('>', '&gt;')}</mo><mn>0</mn>"
    yield tag("td", equation(names.name(gradient.symbol), relation))
    yield tag("td", equation(names.name(before.symbol)))
    yield tag("td", equation(names.number(before.value)))
    yield tag("td", equation(names.number(after.value)))
    yield tag("td", words)


def _footer() -> Html:
    return tag(
        "footer",
        _("Made by Koubai. Every number comes from the engine that trains; it is rounded here only."),
    )
