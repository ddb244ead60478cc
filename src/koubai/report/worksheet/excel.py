"""Formulas as Excel and LibreOffice read them, with cells instead of names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from koubai.explain.expression import Named, Term
from koubai.explain.notation import LOOSE, PRODUCT, SIGNED, SUM, TIGHT, Notation, Pattern

__all__ = ["ExcelNotation"]

_SIGNS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_CALLS = {"log": "LN", "max": "MAX", "min": "MIN"}


class ExcelNotation(Notation):
    """Spreadsheet formulas. A sign in front binds tighter there than a power, so powers are written as a function.

    Args:
        cells: for each name, by its key, the address of its cell.
    """

    patterns: ClassVar[dict[str, Pattern]] = {
        "mul": (PRODUCT, "{0}*{1}", (PRODUCT, TIGHT)),
        "div": (PRODUCT, "{0}/{1}", (PRODUCT, TIGHT)),
        "neg": (SIGNED, "-{0}", (TIGHT,)),
        "exp2": (TIGHT, "POWER(2,{0})", (LOOSE,)),
        "expm1": (SUM, "EXP({0})-1", (LOOSE,)),
        "log1p": (TIGHT, "LN(1+{0})", (TIGHT,)),
        "log2": (TIGHT, "LOG({0},2)", (LOOSE,)),
        **{name: (LOOSE, f"{{0}}{sign}{{1}}", (SIGNED, SIGNED)) for name, sign in _SIGNS.items()},
        "and": (TIGHT, "AND({0},{1})", (LOOSE, LOOSE)),
        "or": (TIGHT, "OR({0},{1})", (LOOSE, LOOSE)),
        "not": (TIGHT, "NOT({0})", (LOOSE,)),
    }
    comma = ","
    plus = "{0}+{1}"
    minus = "{0}-{1}"

    def __init__(self, cells: Mapping[str, str]) -> None:
        super().__init__()
        self.cells = cells

    def _written(self, term: Term) -> tuple[int, str]:
        return (TIGHT, self.cells[term.symbol.key]) if isinstance(term, Named) else super()._written(term)

    def function(self, name: str) -> str:
        """The name of a function; most have their own."""
        return _CALLS.get(name, name.upper())

    def number(self, value: float) -> str:
        """A number with all its digits."""
        return repr(float(value)).removesuffix(".0")

    def power(self, base: Term, exponent: Term) -> str:
        """A power."""
        return f"POWER({self.write(base)},{self.write(exponent)})"

    def cases(self, condition: str, x: str, y: str) -> str:
        """x if the condition holds, else y."""
        return f"IF({condition},{x},{y})"
