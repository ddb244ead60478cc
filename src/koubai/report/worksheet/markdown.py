"""A worksheet as Markdown with LaTeX between dollar signs, for notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from koubai.explain.expression import Named
from koubai.explain.pages import Line, Page, forms_of, pages
from koubai.explain.text import sign_of
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _
from koubai.report.worksheet.latex import LatexNotation

__all__ = ["worksheet_markdown"]


def worksheet_markdown(sheet: Worksheet, digits: int = 4) -> str:
    """Return a worksheet as Markdown, in the user's language.

    Args:
        sheet: the worksheet.
        digits: decimals to round to.
    """
    names, numbers = LatexNotation(digits=digits), LatexNotation(numbers=True, digits=digits)
    blocks = [f"# {sheet.problem.title or _('Worksheet')}"]
    part = None
    for page in pages(sheet):
        if page.part is not part:
            blocks.append(f"## {page.heading}")
            part = page.part
        blocks += _page(page, names, numbers)
    return "\n\n".join(blocks) + "\n"


def _page(page: Page, names: LatexNotation, numbers: LatexNotation) -> Iterator[str]:
    if page.subject:
        yield f"### {page.subject}" + (f" ${names.name(page.name)}$" if page.name else "")
    if page.sentence:
        yield page.sentence
    for symbol, term in page.rules:
        yield f"$${names.name(symbol)} \\leftarrow {names.write(term)}$$"
    if page.lines:
        yield _aligned([_line(line, names, numbers) for line in page.lines])
    if page.signs:
        yield _sign_table(page.signs, names)


def _line(line: Line, names: LatexNotation, numbers: LatexNotation) -> str:
    name, *forms = forms_of(line, names, numbers)
    return f"{name} " + " \\\\\n".join(f"&= {form}" for form in forms)


def _aligned(lines: Sequence[str]) -> str:
    body = " \\\\\n".join(lines)
    return f"$$\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n$$"


def _sign_table(rows: Sequence[tuple[Named, Named, Named]], names: LatexNotation) -> str:
    header = [_("gradient"), _("parameter"), _("before"), _("after"), ""]
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    for gradient, before, after in rows:
        sign, words = sign_of(gradient.value, after.value - before.value)
        numbers = [names.number(cell.value) for cell in (before, after)]
        cells = [f"{names.name(gradient.symbol)} {sign} 0", names.name(before.symbol), *numbers]
        lines.append(f"| {' | '.join(f'${cell}$' for cell in cells)} | {words} |")
    return "\n".join(lines)
