"""The cheat sheet: all formulas of a training step of one network, on one page of A4 to print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from koubai.explain.expression import Term
from koubai.explain.pages import Line, Page, Part, forms_of, pages
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _
from koubai.report.html import Html, tag
from koubai.report.worksheet.mathml import MathNotation, equation
from koubai.report.worksheet.neurons import neurons_svg
from koubai.report.worksheet.page import document

__all__ = ["cheat_sheet_page"]

_FOLDER = Path(__file__).parent
_MOST_TERMS = 4  # of a sum, and
_MOST_LINES = 3  # of a tensor; more are left out in the middle


def cheat_sheet_page(sheet: Worksheet, digits: int = 4) -> str:
    """Return the formulas of a step as one HTML page, which fits on one sheet of A4, in the user's language.

    Args:
        sheet: the worksheet.
        digits: decimals to round to.
    """
    names, numbers = _Shortened(digits=digits), _Shortened(numbers=True, digits=digits)
    shown = list(pages(sheet))
    forward, loss, backward, update = (
        tag(
            "section",
            tag("h2", heading),
            (_group(page, names, numbers) for page in shown if page.part is part),
        )
        for part, heading in (
            (Part.FORWARD, _("1 Forward → from the input to the answer")),
            (Part.LOSS, _("2 Loss: how wrong is the answer?")),
            (Part.BACKWARD, _("3 Backward ← from the loss to the weights")),
            (Part.UPDATE, _("4 Update: one step downhill")),
        )
    )
    title = sheet.problem.title or _("Worksheet")
    heading = tag("h1", _("{title}: the step on one page").format(title=title))
    picture = tag("figure", Html(neurons_svg(sheet, digits=digits)))
    left = tag("div", forward, loss, update, _rules(), _symbols(names), class_="column")
    right = tag("div", backward, _slopes(names), class_="column")
    style = tag("style", Html((_FOLDER / "cheat_sheet.css").read_text(encoding="utf-8")))
    script = tag("script", Html((_FOLDER / "cheat_sheet.js").read_text(encoding="utf-8")))
    body = tag("main", heading, picture, tag("div", left, right, class_="columns"), class_="cheat-sheet")
    return document(title, tag("div", style, body, script))


class _Shortened(MathNotation):
    """Long sums lose their middle."""

    def _sum(self, first: Term, *others: Term) -> tuple[int, str]:
        if 1 + len(others) <= _MOST_TERMS:
            return super()._sum(first, *others)
        binds, start = super()._sum(first, *others[:1])
        _binds, end = super()._sum(others[-2], *others[-1:])
        return binds, f"{start}<mo>+</mo><mo>⋯</mo><mo>+</mo>{end}"


def _group(page: Page, names: MathNotation, numbers: MathNotation) -> Iterator[Html]:
    """The lines of a page; of the update, only the rule in general form."""
    if page.signs:
        yield tag("p", page.sentence)
    for symbol, term in page.rules[: len(page.rules) if page.lines else 0]:
        yield tag("p", equation(names.name(symbol), "<mo>←</mo>", names.write(term)), class_="line")
    if page.rules or page.signs:
        return
    for line in _first_and_last(page.lines):
        yield _line(line, names, numbers) if line else tag("p", "⋮", class_="line")


def _first_and_last(lines: Sequence[Line]) -> Sequence[Line | None]:
    return lines if len(lines) <= _MOST_LINES else [lines[0], None, lines[-1]]


def _line(line: Line, names: MathNotation, numbers: MathNotation) -> Html:
    """The name, the formula, and the number in small."""
    name, *forms = forms_of(line, names, numbers)
    written = forms[:-2] if len(forms) > 1 else forms
    number = tag("span", equation("<mo>=</mo>", forms[-1]), class_="number") if len(forms) > 1 else None
    first, *others = written
    formulas = [equation(name, "<mo>=</mo>", first), *(equation("<mo>=</mo>", form) for form in others)]
    return tag("p", formulas, number, class_="line")


def _rules() -> Html:
    """What there is to remember of the backward pass."""
    rules = (
        _("At every arrow: the gradient that arrives, times the local derivative."),
        _("A weight's gradient: the gradient at the end of its arrow, times the value at its start."),
        _("Several arrows from one value: add up what comes back through them."),
        _("Backward reads the values of the forward pass: keep them."),
    )
    return tag("section", tag("h2", _("Remember")), tag("ul", (tag("li", rule) for rule in rules)))


def _symbols(names: MathNotation) -> Html:
    """What the letters mean."""
    meanings = {
        "<mi>x</mi>": _("input"),
        "<mi>t</mi>": _("target, the right answer"),
        "<mi>w</mi><mo>,</mo><mi>b</mi>": _("weight, bias"),
        "<mi>z</mi>": _("weighted sum"),
        "<mi>a</mi>": _("activation"),
        "<mi>y</mi>": _("output"),
        "<mi>L</mi>": _("loss"),
        "<mfrac><mrow><mo>∂</mo><mi>L</mi></mrow><mrow><mo>∂</mo><mi>w</mi></mrow></mfrac>": _("gradient"),
        "<mi>η</mi>": _("learning rate"),
        "<msubsup><mi>w</mi><mn>12</mn><mrow><mo>(</mo><mn>1</mn><mo>)</mo></mrow></msubsup>": _(
            "layer 1, to unit 1, from unit 2"
        ),
    }
    cells = (tag("span", equation(symbol), " ", meaning) for symbol, meaning in meanings.items())
    return tag("section", tag("h2", _("Symbols")), tag("div", cells, class_="symbols"))


def _slopes(names: MathNotation) -> Html:
    """The local derivatives that come up again and again."""
    z, a = "<mi>z</mi>", "<mi>a</mi>"
    slopes = {
        _("sigmoid"): f"{a}<mo>·</mo><mo>(</mo><mn>1</mn><mo>−</mo>{a}<mo>)</mo>",
        "tanh": f"<mn>1</mn><mo>−</mo><msup>{a}<mn>2</mn></msup>",
        "ReLU": names.cases(f"{z}<mo>&gt;</mo><mn>0</mn>", "<mn>1</mn>", "<mn>0</mn>"),
    }
    rows = (
        tag(
            "p",
            name,
            ": ",
            equation(
                f"<mfrac><mrow><mo>∂</mo>{a}</mrow><mrow><mo>∂</mo>{z}</mrow></mfrac>", "<mo>=</mo>", slope
            ),
            class_="line",
        )
        for name, slope in slopes.items()
    )
    return tag("section", tag("h2", _("Local derivatives of activations")), tag("div", rows, class_="slopes"))
