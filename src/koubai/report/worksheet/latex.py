"""Formulas as LaTeX, which Markdown viewers and notebooks show between dollar signs."""

from __future__ import annotations

from typing import ClassVar

from koubai.explain.expression import Term
from koubai.explain.notation import LOOSE, POWER, PRODUCT, SIGNED, TIGHT, Notation, Pattern, rows
from koubai.explain.symbol import Derivative, Letter
from koubai.i18n import _

__all__ = ["LatexNotation"]

_GREEK = dict(zip("ηγβελτα", ["\\eta", "\\gamma", "\\beta", "\\varepsilon", "\\lambda", "\\tau", "\\alpha"]))
_KNOWN = frozenset({"exp", "log", "max", "min", "sin", "cos", "tan", "sinh", "cosh", "tanh"})
_SIGNS = {
    "eq": "=",
    "ne": "\\ne",
    "lt": "<",
    "le": "\\le",
    "gt": ">",
    "ge": "\\ge",
    "and": "\\land",
    "or": "\\lor",
}


class LatexNotation(Notation):
    """LaTeX in math mode."""

    patterns: ClassVar[dict[str, Pattern]] = {
        "mul": (PRODUCT, "{0} \\cdot {1}", (PRODUCT, PRODUCT)),
        "div": (TIGHT, "\\frac{{{0}}}{{{1}}}", (LOOSE, LOOSE)),
        "neg": (SIGNED, "-{0}", (PRODUCT,)),
        "exp": (POWER, "e^{{{0}}}", (LOOSE,)),
        "abs": (TIGHT, "\\left|{0}\\right|", (LOOSE,)),
        "sqrt": (TIGHT, "\\sqrt{{{0}}}", (LOOSE,)),
        "not": (LOOSE, "\\lnot {0}", (TIGHT,)),
        **{name: pattern for key, sign in _SIGNS.items() for name, pattern in rows(key, sign=sign).items()},
    }
    call = "{name}\\left({arguments}\\right)"
    minus = "{0} - {1}"

    def bracketed(self, text: str) -> str:
        """A formula in brackets that grow with it."""
        return f"\\left({text}\\right)"

    def function(self, name: str) -> str:
        """The name of a function, upright."""
        return f"\\{name}" if name in _KNOWN else f"\\operatorname{{{name}}}"

    def number(self, value: float) -> str:
        """A rounded number."""
        mantissa, _times, power = super().number(value).replace("−", "-").partition("×10")
        raised = power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
        return f"{mantissa} \\times 10^{{{raised}}}" if power else mantissa

    def power(self, base: Term, exponent: Term) -> str:
        """A power."""
        return f"{{{self.write(base, TIGHT)}}}^{{{self.write(exponent)}}}"

    def letter(self, letter: Letter) -> str:
        """A letter with what stands above and below it."""
        *words, last = letter.letter.split(" ")
        body = "".join(f"\\{word} " for word in words) + _GREEK.get(last, last)
        between = "" if max(letter.index, default=0) < 10 else ","
        below = self.letter(letter.of) if letter.of else between.join(map(str, letter.index))
        above = (f"({letter.layer})" if letter.layer.isdigit() else letter.layer) + (
            "\\prime" if letter.new else ""
        )
        return body + (f"^{{{above}}}" if above else "") + (f"_{{{below}}}" if below else "")

    def derivative(self, symbol: Derivative) -> str:
        """A derivative as a fraction."""
        return f"\\frac{{\\partial {self.letter(symbol.of)}}}{{\\partial {self.letter(symbol.by)}}}"

    def cases(self, condition: str, x: str, y: str) -> str:
        """Two rows behind a brace."""
        before, after = _("if {condition}").split("{condition}")
        when = f"\\text{{{before}}} {condition} \\text{{{after}}}"
        otherwise = _("otherwise")
        return f"\\begin{{cases}} {x} & {when} \\\\ {y} & \\text{{{otherwise}}} \\end{{cases}}"
