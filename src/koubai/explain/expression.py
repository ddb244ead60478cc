"""Formulas on single numbers: what an element of a tensor looks like when it is written out by hand.

A formula is a `Named` number, a plain Python number, or an `Apply` of a function to formulas. Operators build them, and
drop at once what nobody would write down: a term 0, a factor 1, a sign twice. Every formula knows its value.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from koubai.explain.symbol import Symbol
from koubai.i18n import _

__all__ = [
    "Apply",
    "Expression",
    "Named",
    "NotWritten",
    "Role",
    "Term",
    "choose",
    "coefficients",
    "evaluated",
    "evaluated_term",
    "names_in",
    "value_of",
]

Term = Any  # an Expression or a plain number


class NotWritten(RuntimeError):
    """Something that cannot be written out as formulas on single numbers."""


class Expression:
    """A formula. Arithmetic with it gives formulas."""

    __array_ufunc__ = None  # NumPy's numbers leave arithmetic to the methods here
    value: Any

    def __add__(self, other: Term) -> Term:
        return add(self, other)

    def __radd__(self, other: Term) -> Term:
        return add(other, self)

    def __sub__(self, other: Term) -> Term:
        return add(self, negative(other))

    def __rsub__(self, other: Term) -> Term:
        return add(other, negative(self))

    def __mul__(self, other: Term) -> Term:
        return multiply(self, other)

    def __rmul__(self, other: Term) -> Term:
        return multiply(other, self)

    def __truediv__(self, other: Term) -> Term:
        return divide(self, other)

    def __rtruediv__(self, other: Term) -> Term:
        return divide(other, self)

    def __pow__(self, other: Term) -> Term:
        return power(self, other)

    def __rpow__(self, other: Term) -> Term:
        return power(other, self)

    def __neg__(self) -> Term:
        return negative(self)

    def __bool__(self) -> bool:
        raise NotWritten(_("The network decides by a value, which cannot be written as a formula."))

    __hash__ = object.__hash__


class Role(IntEnum):
    """What a number is in a training step; of two factors, the one with the lower role is written first."""

    OPTION = 0
    GRADIENT = 1
    PARAMETER = 2
    INPUT = 3
    VALUE = 4
    MEMORY = 5


@dataclass(eq=False)
class Named(Expression):
    """A number with a name.

    Attributes:
        symbol: the name.
        value: the number, from the engine.
        formula: how it follows from other numbers; None for one that is given.
        role: what it is in the step.
    """

    symbol: Symbol
    value: float
    formula: Term | None = None
    role: Role = Role.VALUE

    def __repr__(self) -> str:
        return self.symbol.key


class Apply(Expression):
    """A function of formulas.

    Attributes:
        function: a key of `FUNCTIONS`.
        arguments: what it is applied to.
    """

    def __init__(self, function: str, *arguments: Term) -> None:
        self.function = function
        self.arguments = arguments
        self.value = computed(function, arguments)

    def __repr__(self) -> str:
        return f"{self.function}({', '.join(map(repr, self.arguments))})"


def _power(x: float, y: float) -> float:
    return float(x**y) if x >= 0 or float(y).is_integer() else math.nan


# Every function that a formula may use, and how it is computed. The notations have a table of the same keys.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda *terms: functools.reduce(lambda x, y: x + y, terms),
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y if y else math.copysign(math.inf, x) if x else math.nan,
    "neg": lambda x: -x,
    "pow": _power,
    "exp": lambda x: math.exp(x) if x < 709 else math.inf,
    "exp2": lambda x: 2.0**x,
    "expm1": math.expm1,
    "log": lambda x: math.log(x) if x > 0 else -math.inf if x == 0 else math.nan,
    "log2": math.log2,
    "log10": math.log10,
    "log1p": math.log1p,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "erf": math.erf,
    "erfc": math.erfc,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "floor": math.floor,
    "max": max,
    "min": min,
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "and": lambda x, y: x and y,
    "or": lambda x, y: x or y,
    "not": lambda x: not x,
    "where": lambda condition, x, y: x if condition else y,
}


def value_of(term: Term) -> Any:
    """Return the value of a formula or a plain number."""
    return term.value if isinstance(term, Expression) else term


def computed(function: str, arguments: tuple[Term, ...]) -> Any:
    """Return the value of a function of formulas."""
    try:
        return FUNCTIONS[function](*map(value_of, arguments))
    except (OverflowError, ValueError):
        return math.nan


def is_plain(*terms: Term) -> bool:
    """Tell whether all terms are plain numbers."""
    return not any(isinstance(term, Expression) for term in terms)


def unary(function: str) -> Callable[[Term], Term]:
    """Return the builder of a function of one formula."""
    return lambda x: computed(function, (x,)) if is_plain(x) else Apply(function, x)


def binary(function: str) -> Callable[[Term, Term], Term]:
    """Return the builder of a function of two formulas, such as a comparison."""
    return lambda x, y: computed(function, (x, y)) if is_plain(x, y) else Apply(function, x, y)


def _is_choice(x: Term) -> bool:
    return isinstance(x, Apply) and x.function == "where"


def same(x: Term, y: Term) -> bool:
    """Tell whether two formulas are written alike."""
    if isinstance(x, Apply) and isinstance(y, Apply):
        return x is y or (x.function == y.function and all(map(same, x.arguments, y.arguments)))
    return x is y or (is_plain(x, y) and x == y)


def add(x: Term, y: Term) -> Term:
    """Build x + y."""
    if is_plain(x, y):
        return x + y
    if is_plain(x) and x == 0:
        return y
    if is_plain(y) and y == 0:
        return x
    if _is_choice(x) and _is_choice(y) and same(x.arguments[0], y.arguments[0]):
        return choose(x.arguments[0], *map(add, x.arguments[1:], y.arguments[1:]))
    if isinstance(x, Apply) and x.function == "add":  # sums are long: their terms stand side by side
        return Apply("add", *x.arguments, y)
    return multiply(2.0, x) if same(x, y) else Apply("add", x, y)


def negative(x: Term) -> Term:
    """Build -x; a product or quotient with a plain factor in front takes the sign there."""
    if is_plain(x):
        return -x
    if isinstance(x, Apply) and x.function == "neg":
        return x.arguments[0]
    if isinstance(x, Apply) and x.function in ("mul", "div") and is_plain(x.arguments[0]):
        build = multiply if x.function == "mul" else divide
        return build(-x.arguments[0], x.arguments[1])
    return Apply("neg", x)


def multiply(x: Term, y: Term) -> Term:
    """Build x · y: signs and plain factors to the front, then what has the lower role."""
    if is_plain(x, y):
        return x * y
    if is_plain(y):
        return _scaled(y, x)
    if is_plain(x):
        return _scaled(x, y)
    for factor, other in ((x, y), (y, x)):
        plain, rest = _plain_factor(factor)
        if plain != 1:
            return multiply(plain, multiply(rest, other) if factor is x else multiply(other, rest))
        if isinstance(factor, Apply) and factor.function == "div" and is_plain(*factor.arguments):
            return divide(multiply(factor.arguments[0], other), factor.arguments[1])
    if isinstance(x, Named) and isinstance(y, Named) and y.role < x.role:
        x, y = y, x
    if isinstance(x, Apply) and x.function == "mul" and same(x.arguments[1], y):
        return Apply("mul", x.arguments[0], Apply("pow", y, 2))
    return Apply("pow", x, 2) if same(x, y) else Apply("mul", x, y)


def _plain_factor(x: Term) -> tuple[Term, Term]:
    """Take a sign or a plain factor off a product."""
    if isinstance(x, Apply) and x.function == "neg":
        return -1, x.arguments[0]
    if isinstance(x, Apply) and x.function == "mul" and is_plain(x.arguments[0]):
        return x.arguments
    return 1, x


def _scaled(factor: Term, x: Term) -> Term:
    """Build a plain factor times x."""
    if factor == 0:
        return 0
    if factor == 1:
        return x
    if factor == -1:
        return negative(x)
    plain, rest = _plain_factor(x)
    if plain != 1:
        return multiply(factor * plain, rest)
    if isinstance(x, Apply) and x.function == "div" and is_plain(*x.arguments):
        return divide(factor * x.arguments[0], x.arguments[1])
    if isinstance(x, Apply) and x.function == "where" and is_plain(*x.arguments[1:]):
        return choose(x.arguments[0], *(factor * part for part in x.arguments[1:]))
    return Apply("mul", factor, x)


def divide(x: Term, y: Term) -> Term:
    """Build x / y; a quotient of plain numbers stays one where it has no short decimal."""
    if is_plain(x, y):
        quotient = computed("div", (x, y))
        return quotient if len(repr(quotient)) <= 6 or not math.isfinite(quotient) else Apply("div", x, y)
    if is_plain(x) and x == 0:
        return 0
    if is_plain(y) and abs(y) == 1:
        return multiply(y, x)
    if isinstance(x, Apply) and x.function == "neg":
        return negative(divide(x.arguments[0], y))
    return Apply("div", x, y)


def power(x: Term, y: Term) -> Term:
    """Build x to the power of y."""
    if is_plain(x, y):
        return computed("pow", (x, y))
    if is_plain(y) and y in (1, 0.5):
        return x if y == 1 else Apply("sqrt", x)
    return 1 if is_plain(y) and y == 0 else Apply("pow", x, y)


def choose(condition: Term, x: Term, y: Term) -> Term:
    """Build "x if condition, else y"."""
    if is_plain(condition):
        return x if condition else y
    return x if same(x, y) else Apply("where", condition, x, y)


def both(x: Term, y: Term) -> Term:
    """Build "x and y"."""
    if is_plain(x):
        return y if x else False
    if is_plain(y):
        return x if y else False
    return Apply("and", x, y)


def either(x: Term, y: Term) -> Term:
    """Build "x or y"."""
    return opposite(both(opposite(x), opposite(y)))


def opposite(x: Term) -> Term:
    """Build "not x"."""
    if is_plain(x):
        return not x
    return x.arguments[0] if isinstance(x, Apply) and x.function == "not" else Apply("not", x)


def names_in(term: Term) -> list[Named]:
    """Return the named numbers of a formula, each once, in the order in which they stand there."""
    if isinstance(term, Named):
        return [term]
    if not isinstance(term, Apply):
        return []
    return list(dict.fromkeys(name for argument in term.arguments for name in names_in(argument)))


def evaluated(cells: Iterable[Named], given: Mapping[Named, float]) -> dict[Named, float]:
    """Calculate formulas with other numbers.

    Args:
        cells: named numbers, each behind those that its formula needs.
        given: the numbers to begin with, of all cells without a formula.

    Returns:
        the numbers of all cells.
    """
    values = dict(given)
    for cell in cells:
        if cell.formula is not None:
            values[cell] = evaluated_term(cell.formula, values)
    return values


def evaluated_term(term: Term, values: Mapping[Named, float]) -> Any:
    """Return the value of a formula for other values of its names."""
    if isinstance(term, Named):
        return values[term]
    if isinstance(term, Apply):
        return computed(term.function, tuple(evaluated_term(argument, values) for argument in term.arguments))
    return term


def coefficients(term: Term) -> dict[Named | None, Term]:
    """Return what each arriving gradient is multiplied by, in a formula that is linear in them.

    Args:
        term: a gradient's formula.

    Returns:
        the factor of each `Named` whose role is a gradient, in order; under None what stands without one.

    Raises:
        NotWritten: if the formula is not linear in them.
    """
    if isinstance(term, Named) and term.role is Role.GRADIENT:
        return {term: 1.0}
    if not isinstance(term, Apply):
        return {None: term}
    parts = [coefficients(argument) for argument in term.arguments]
    carrying = [number for number, part in enumerate(parts) if set(part) - {None}]
    if not carrying:
        return {None: term}
    if term.function == "neg":
        return {name: negative(part) for name, part in parts[0].items()}
    if term.function == "add":
        return functools.reduce(functools.partial(_merged, add), parts)
    if term.function == "where" and 0 not in carrying:
        return _merged(lambda x, y: choose(term.arguments[0], x, y), parts[1], parts[2])
    if term.function == "mul" and len(carrying) == 1:
        first, second = term.arguments
        if carrying == [0]:
            return {name: multiply(part, second) for name, part in parts[0].items()}
        return {name: multiply(first, part) for name, part in parts[1].items()}
    if term.function == "div" and carrying == [0]:
        return {name: divide(part, term.arguments[1]) for name, part in parts[0].items()}
    raise NotWritten(f"a gradient is not linear in what arrives: {term.function}")  # a fault of ours


def _merged(
    build: Callable[[Term, Term], Term], x: dict[Named | None, Term], y: dict[Named | None, Term]
) -> dict[Named | None, Term]:
    return {name: build(x.get(name, 0), y.get(name, 0)) for name in x | y}
