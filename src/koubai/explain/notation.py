"""How formulas are written: a notation is a table with a pattern for each function, and its way to write names and
numbers. Brackets follow from how tightly the functions bind, in one place for all notations."""

from __future__ import annotations

import math
from typing import ClassVar

from koubai.explain.expression import Apply, Named, Term, is_plain, negative
from koubai.explain.symbol import Derivative, Letter, Symbol

__all__ = ["Notation", "decimal"]

LOOSE, SIGNED, SUM, PRODUCT, POWER, TIGHT = range(6)
Pattern = tuple[
    int, str, tuple[int, ...]
]  # how tightly it binds, what it looks like, how tight its parts must be


def rows(*names: str, sign: str) -> dict[str, Pattern]:
    """Patterns of comparisons and the like: x sign y."""
    return dict.fromkeys(names, (LOOSE, f"{{0}} {sign} {{1}}", (SIGNED, SIGNED)))


class Notation:
    """Writes formulas. A subclass has the table and the ways of names and numbers.

    Args:
        numbers: write the values of names instead of the names.
        digits: decimals to round to.
    """

    patterns: ClassVar[dict[str, Pattern]]
    call: ClassVar[str] = "{name}({arguments})"
    comma: ClassVar[str] = ", "
    plus: ClassVar[str] = "{0} + {1}"
    minus: ClassVar[str] = "{0} − {1}"

    def __init__(self, numbers: bool = False, digits: int = 4) -> None:
        self.numbers = numbers
        self.digits = digits

    def write(self, term: Term, tight: int = LOOSE) -> str:
        """Write a formula, in brackets if it binds less than `tight`."""
        binds, text = self._written(term)
        return self.bracketed(text) if binds < tight else text

    def _written(self, term: Term) -> tuple[int, str]:
        if isinstance(term, Named):
            binds = POWER if isinstance(term.symbol, Derivative) else TIGHT  # (∂L/∂w)²
            return self._number(term.value) if self.numbers else (binds, self.name(term.symbol))
        if not isinstance(term, Apply):
            return self._number(term)
        if term.function == "add":
            return self._sum(*term.arguments)
        if term.function == "where":
            return TIGHT, self.cases(*(self.write(argument) for argument in term.arguments))
        if term.function == "pow":
            return POWER, self.power(*term.arguments)
        pattern = self.patterns.get(term.function)
        if pattern is None:
            arguments = self.comma.join(map(self.write, term.arguments))
            return TIGHT, self.call.format(name=self.function(term.function), arguments=arguments)
        binds, form, needs = pattern
        return binds, form.format(*(self.write(part, need) for part, need in zip(term.arguments, needs)))

    def _sum(self, first: Term, *others: Term) -> tuple[int, str]:
        """Write x + y - z: a term that has a sign in front is taken away."""
        binds, text = self._written(first)
        text = self.bracketed(text) if binds < SIGNED else text
        for term in others:
            if _has_sign(term):
                text = self.minus.format(text, self.write(negative(term), PRODUCT))
            else:
                text = self.plus.format(text, self.write(term, SUM))
        return min(SUM, max(binds, SIGNED)), text

    def _number(self, value: float) -> tuple[int, str]:
        return (SIGNED if value < 0 else TIGHT), self.number(value)

    # --- what a subclass may write in its own way

    def bracketed(self, text: str) -> str:
        """A formula in brackets."""
        return f"({text})"

    def function(self, name: str) -> str:
        """The name of a function that has no pattern."""
        return name

    def number(self, value: float) -> str:
        """A number, rounded to be read."""
        return decimal(value, self.digits)

    def power(self, base: Term, exponent: Term) -> str:
        """A power."""
        raise NotImplementedError

    def name(self, symbol: Symbol) -> str:
        """A name: a letter, or a derivative."""
        return self.derivative(symbol) if isinstance(symbol, Derivative) else self.letter(symbol)

    def letter(self, letter: Letter) -> str:
        """A letter with its indices."""
        raise NotImplementedError

    def derivative(self, symbol: Derivative) -> str:
        """A derivative."""
        raise NotImplementedError

    def cases(self, condition: str, x: str, y: str) -> str:
        """x if the condition holds, else y."""
        raise NotImplementedError


def _has_sign(term: Term) -> bool:
    """Tell whether a term is written with a sign in front."""
    if isinstance(term, Apply) and term.function in ("mul", "div"):
        term = term.arguments[0]
        return is_plain(term) and term < 0
    return term < 0 if is_plain(term) else isinstance(term, Apply) and term.function == "neg"


def decimal(value: float, digits: int = 4) -> str:
    """Round a number to be read: "0.1235", "−2", "1.2×10⁻⁵"."""
    if isinstance(value, bool) or not math.isfinite(value):
        return str(value)
    value = value or 0.0  # also for -0.0
    tiny = value != 0 and abs(value) < 5 * 10.0**-digits
    mantissa, _, power = f"{value:.{digits}{'e' if tiny or abs(value) >= 1e6 else 'f'}}".partition("e")
    text = mantissa.rstrip("0").rstrip(".")
    if power:
        text += "×10" + str(int(power)).translate(_RAISED)
    return text.replace("-", "−")


_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
