"""Formulas in plain characters: w⁽¹⁾₁₂ · x₂, as terminals and plain text files show them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from koubai.explain.expression import Named, Term
from koubai.explain.notation import LOOSE, POWER, PRODUCT, SIGNED, TIGHT, Notation, Pattern, rows
from koubai.explain.pages import Page, forms_of, pages
from koubai.explain.symbol import Derivative, Letter
from koubai.i18n import _

if TYPE_CHECKING:
    from koubai.explain.worksheet import Worksheet

__all__ = ["TextNotation", "page_lines", "sign_of", "title", "worksheet_text"]

_UP = {"2": "²", "3": "³"}
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_RAISED = dict(zip("0123456789()-abcdefghijklmnoprstuvwxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁻ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"))


class TextNotation(Notation):
    """Plain characters."""

    patterns: ClassVar[dict[str, Pattern]] = {
        "mul": (PRODUCT, "{0}·{1}", (PRODUCT, PRODUCT)),
        "div": (PRODUCT, "{0}/{1}", (PRODUCT, POWER)),
        "neg": (SIGNED, "−{0}", (PRODUCT,)),
        "abs": (TIGHT, "|{0}|", (LOOSE,)),
        "sqrt": (TIGHT, "√({0})", (LOOSE,)),
        "not": (LOOSE, "¬{0}", (TIGHT,)),
        **rows("eq", sign="="),
        **rows("ne", sign="≠"),
        **rows("lt", sign="<"),
        **rows("le", sign="≤"),
        **rows("gt", sign=">"),
        **rows("ge", sign="≥"),
        **rows("and", sign="∧"),
        **rows("or", sign="∨"),
    }

    def power(self, base: Term, exponent: Term) -> str:
        """x², or x^y."""
        raised_to = self.write(exponent, TIGHT)
        return self.write(base, TIGHT) + (_UP.get(raised_to) or f"^{raised_to}")

    def letter(self, letter: Letter) -> str:
        """A letter with raised and lowered indices."""
        index = ("" if max(letter.index, default=0) < 10 else ",").join(map(str, letter.index))
        owner = f"[{self.letter(letter.of)}]" if letter.of else ""
        return f"{letter.letter}{raised(letter.layer)}{index.translate(_LOWERED)}{'′' if letter.new else ''}{owner}"

    def derivative(self, symbol: Derivative) -> str:
        """∂L/∂w."""
        return f"∂{self.letter(symbol.of)}/∂{self.letter(symbol.by)}"

    def cases(self, condition: str, x: str, y: str) -> str:
        """x if the condition holds, else y."""
        return "{" + _("{x} if {condition}, else {y}").format(condition=condition, x=x, y=y) + "}"


def raised(layer: str) -> str:
    """A layer above the line: numbers in brackets, as in w⁽¹⁾, and names as they are."""
    text = f"({layer})" if layer.isdigit() else layer
    if not set(text) <= set(_RAISED):
        return f"^{text}"
    return "".join(_RAISED[character] for character in text)


def page_lines(page: Page, digits: int = 4) -> Iterator[str]:
    """A page as lines of text, without its headings."""
    notation, numbers = TextNotation(digits=digits), TextNotation(numbers=True, digits=digits)
    if page.sentence:
        yield page.sentence
    for symbol, term in page.rules:
        yield f"{notation.name(symbol)} ← {notation.write(term)}"
    for gradient, before, after in page.signs:
        yield sign_row(gradient, before, after, notation)
    for line in page.lines:
        name, *forms = forms_of(line, notation, numbers)
        yield f"{name} = {' = '.join(forms)}"


def sign_row(gradient: Named, before: Named, after: Named, notation: TextNotation) -> str:
    """∂L/∂w = 0.1 > 0: w 0.5 → 0.4 (smaller)."""
    sign, words = sign_of(gradient.value, after.value - before.value)
    change = f"{notation.number(before.value)} → {notation.number(after.value)}"
    return f"{notation.name(gradient.symbol)} {sign} 0   {notation.name(before.symbol)}: {change}   {words}"


def sign_of(gradient: float, change: float) -> tuple[str, str]:
    """The sign of a gradient, and what happened to the parameter."""
    sign = ">" if gradient > 0 else "<" if gradient < 0 else "="
    return sign, _("smaller ↓") if change < 0 else _("larger ↑") if change > 0 else _("unchanged")


def title(page: Page, notation: TextNotation | None = None) -> str:
    """The heading of a page: "Forward pass: weighted sum z⁽¹⁾"."""
    name = (notation or TextNotation()).name(page.name) if page.name else ""
    about = " ".join(filter(None, [page.subject, name]))
    return _("{part}: {subject}").format(part=page.heading, subject=about) if about else page.heading


def worksheet_text(sheet: Worksheet, digits: int = 4) -> str:
    """A worksheet as plain text, in the user's language."""
    blocks = [
        "\n".join([title(page), *(f"  {text}" for text in page_lines(page, digits))]) for page in pages(sheet)
    ]
    return "\n\n".join(blocks)
