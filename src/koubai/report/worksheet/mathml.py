"""Formulas as MathML, which browsers show without any library: fractions, roots, raised and lowered indices."""

from __future__ import annotations

import html
from typing import ClassVar

from koubai.explain.expression import Named, Term
from koubai.explain.notation import LOOSE, POWER, PRODUCT, SIGNED, TIGHT, Notation, Pattern, rows
from koubai.explain.symbol import Derivative, Letter
from koubai.i18n import _
from koubai.report.html import Html

__all__ = ["MathNotation", "equation", "role_class"]

_SIGNS = {"eq": "=", "ne": "≠", "lt": "&lt;", "le": "≤", "gt": "&gt;", "ge": "≥", "and": "∧", "or": "∨"}


class MathNotation(Notation):
    """MathML; every named number carries its role as a class, so that a page can colour it."""

    patterns: ClassVar[dict[str, Pattern]] = {
        "mul": (PRODUCT, "{0}<mo>·</mo>{1}", (PRODUCT, PRODUCT)),
        "div": (TIGHT, "<mfrac><mrow>{0}</mrow><mrow>{1}</mrow></mfrac>", (LOOSE, LOOSE)),
        "neg": (SIGNED, "<mo form='prefix'>−</mo>{0}", (PRODUCT,)),
        "exp": (POWER, "<msup><mi>e</mi><mrow>{0}</mrow></msup>", (LOOSE,)),
        "abs": (TIGHT, "<mo>|</mo>{0}<mo>|</mo>", (LOOSE,)),
        "sqrt": (TIGHT, "<msqrt>{0}</msqrt>", (LOOSE,)),
        "not": (LOOSE, "<mo>¬</mo>{0}", (TIGHT,)),
        **{
            name: pattern
            for key, sign in _SIGNS.items()
            for name, pattern in rows(key, sign=f"<mo>{sign}</mo>").items()
        },
    }
    call = "<mrow>{name}<mo stretchy='false'>(</mo>{arguments}<mo stretchy='false'>)</mo></mrow>"
    comma = "<mo>,</mo>"
    plus = "{0}<mo>+</mo>{1}"
    minus = "{0}<mo>−</mo>{1}"

    def _written(self, term: Term) -> tuple[int, str]:
        binds, text = super()._written(term)
        if isinstance(term, Named):
            text = f"<mrow class='{role_class(term)}'>{text}</mrow>"
        return binds, text

    def bracketed(self, text: str) -> str:
        """A formula in brackets, which grow with fractions only."""
        grows = "true" if "<mfrac>" in text else "false"
        return f"<mrow><mo stretchy='{grows}'>(</mo>{text}<mo stretchy='{grows}'>)</mo></mrow>"

    def function(self, name: str) -> str:
        """The name of a function, upright."""
        return f"<mi>{name}</mi>"

    def number(self, value: float) -> str:
        """A rounded number; a power of ten raised."""
        text = super().number(value)
        sign, digits = ("<mo form='prefix'>−</mo>", text[1:]) if text.startswith("−") else ("", text)
        return f"<mrow>{sign}<mn>{digits}</mn></mrow>"

    def power(self, base: Term, exponent: Term) -> str:
        """A power."""
        return f"<msup><mrow>{self.write(base, TIGHT)}</mrow><mrow>{self.write(exponent)}</mrow></msup>"

    def letter(self, letter: Letter) -> str:
        """A letter with what stands above and below it."""
        below = self.letter(letter.of) if letter.of else _index(letter.index)
        above = _above(letter)
        body = f"<mi>{html.escape(letter.letter)}</mi>"
        if letter.new:
            body = f"<mrow>{body}<mo>′</mo></mrow>"
        if above and below:
            return f"<msubsup>{body}<mrow>{below}</mrow><mrow>{above}</mrow></msubsup>"
        if above:
            return f"<msup>{body}<mrow>{above}</mrow></msup>"
        return f"<msub>{body}<mrow>{below}</mrow></msub>" if below else body

    def derivative(self, symbol: Derivative) -> str:
        """A derivative as a fraction."""
        top, bottom = (f"<mrow><mo>∂</mo>{self.letter(letter)}</mrow>" for letter in (symbol.of, symbol.by))
        return f"<mfrac>{top}{bottom}</mfrac>"

    def cases(self, condition: str, x: str, y: str) -> str:
        """Two rows behind a brace."""
        before, after = _("if {condition}").split("{condition}")
        left, right = (f"<mtext>{words.replace(' ', '&#160;')}</mtext>" for words in (before, after))
        when = f"{left}{condition}{right}"
        first = f"<mtr><mtd>{x}</mtd><mtd>{when}</mtd></mtr>"
        otherwise = _("otherwise")
        second = f"<mtr><mtd>{y}</mtd><mtd><mtext>{otherwise}</mtext></mtd></mtr>"
        return f"<mrow><mo>{{</mo><mtable class='cases'>{first}{second}</mtable></mrow>"


def role_class(named: Named) -> str:
    """The class of a number by its role in the step."""
    return f"is-{named.role.name.lower()}"


def _index(index: tuple[int, ...]) -> str:
    if max(index, default=0) < 10:
        return f"<mn>{''.join(map(str, index))}</mn>" if index else ""
    return "<mo>,</mo>".join(f"<mn>{place}</mn>" for place in index)


def _above(letter: Letter) -> str:
    layer = letter.layer
    if layer.isdigit():
        return f"<mo stretchy='false'>(</mo><mn>{layer}</mn><mo stretchy='false'>)</mo>"
    return f"<mi>{html.escape(layer)}</mi>" if layer else ""


def equation(*parts: str) -> Html:
    """Parts of MathML one behind the other, as one formula with fractions of full size."""
    return Html(f'<math displaystyle="true"><mrow>{"".join(parts)}</mrow></math>')
