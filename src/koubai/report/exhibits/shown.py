"""An exhibit as HTML for a report, or as a PNG file."""

from __future__ import annotations

from functools import singledispatch

from koubai.i18n import _
from koubai.recipes.exhibit import Confusion, Exhibit, Pictures, Table, Texts, Tokens
from koubai.report.canvas import MatplotlibMissing
from koubai.report.exhibits.charts import draw_chart
from koubai.report.exhibits.confusion import confusion_matrix
from koubai.report.exhibits.painting import one_file, painted
from koubai.report.exhibits.tokens import coloured
from koubai.report.html import Html, table, tag
from koubai.report.pictures import data_uri, themed


def shown(exhibit: Exhibit) -> list[Html]:
    """What stands below the exhibit's title in a report."""
    try:
        body = _html(exhibit)
    except MatplotlibMissing as missing:
        body = tag("p", missing, class_="soft")
    return [body, tag("p", _(exhibit.note), class_="soft")] if exhibit.note else [body]


def draw_exhibit(exhibit: Exhibit) -> bytes | None:
    """The exhibit as PNG, or None where it is text.

    Raises:
        MatplotlibMissing: when it needs Matplotlib, which is not installed.
    """
    if isinstance(exhibit, Table | Texts | Tokens):
        return None
    return one_file(exhibit) if isinstance(exhibit, Pictures) else draw_chart(exhibit)


@singledispatch
def _html(exhibit: Exhibit) -> Html:
    drawn = themed(lambda theme: draw_chart(exhibit, theme), _(exhibit.title))
    return tag("div", drawn, class_="chart wide card" if exhibit.wide else "chart card")


@_html.register
def _table(exhibit: Table) -> Html:
    header = [_(title) for title in exhibit.header]
    figures = all(_is_figure(cell) for row in exhibit.rows for cell in row[1:])
    return tag(
        "div", table(header, exhibit.rows, class_="numbers wide" if figures else "wide"), class_="card"
    )


def _is_figure(cell: str | int | float) -> bool:
    """Whether a cell is a number, with a unit perhaps; words are read from the left."""
    return not isinstance(cell, str) or not cell or not cell[0].isalpha()


@_html.register
def _texts(exhibit: Texts) -> Html:
    passages = (
        (tag("p", _(caption), class_="soft") if caption else None, tag("p", text, class_="passage"))
        for caption, text in exhibit.passages
    )
    return tag("div", passages, class_="card")


@_html.register
def _pictures(exhibit: Pictures) -> Html:
    large = " large" if exhibit.boxes or exhibit.heat is not None else ""
    figures = (
        tag("figure", tag("img", src=data_uri(image), alt=_alternative(caption)), _caption(caption))
        for image, caption in zip(painted(exhibit), exhibit.captions, strict=True)
    )
    return tag("div", figures, class_=f"samples{large}")


@_html.register
def _tokens(exhibit: Tokens) -> Html:
    return coloured(exhibit)


@_html.register
def _confusion(exhibit: Confusion) -> Html:
    return confusion_matrix(exhibit)


def _caption(caption: tuple[tuple[str, str], ...]) -> Html:
    """A line for each name and value, the first two in bold."""
    lines = (
        tag(
            "div",
            _(name),
            " ",
            tag("b", value) if number < 2 else value,
            class_="soft" if number > 1 else None,
        )
        for number, (name, value) in enumerate(caption)
    )
    return tag("figcaption", lines)


def _alternative(caption: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{_(name)}: {value}" for name, value in caption[:1])
