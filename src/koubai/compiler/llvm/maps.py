"""The element-by-element ops as native code: the table says how each is written on lanes.

Floats of 16 bits are computed in 32 and rounded at the end, as NumPy does. What is not in the table, or not for the
type at hand, is left to NumPy: rare functions, and division of integers, which raises an error for a divisor of 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koubai import dtypes
from koubai.compiler.llvm import special_math, vector_math
from koubai.compiler.llvm.lanes import Lanes, where
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.writer import Writer
from koubai.dtypes import DType

_COST_OF_NUMPY = 100


@dataclass(frozen=True)
class Native:
    """How a map is written.

    Attributes:
        write: takes the arguments as lanes and returns the result.
        kinds: the kinds of the last argument's type that it can take: b (bool), i and u (integers), f (floating).
        cost: roughly how many instructions it takes.
    """

    write: Callable[..., Lanes]
    kinds: str
    cost: int


def write_map(
    w: Writer, name: str, arguments: Sequence[Value], attributes: Mapping[str, Any], dtype: DType
) -> Value:
    """Write a map on values that all have the same number of lanes.

    Args:
        w: the function that is being written.
        name: of the op.
        arguments: of the types that the op takes.
        attributes: of the op; none of the maps written here has one but `cast`, whose type is `dtype`.
        dtype: of the result.

    Returns:
        The result, with the lanes of the arguments.

    Raises:
        KeyError: if the map has no native expression; ask `has_native` first.
    """
    lanes = [Lanes(w, argument) for argument in arguments]
    wide = [x.to(dtypes.float32) if x.dtype == dtypes.float16 else x for x in lanes]
    return _TABLE[name].write(*wide).to(dtype).value


def has_native(name: str, types: Sequence[DType]) -> bool:
    """Tell whether a map of arguments of these types can be written as native code."""
    if name == "trunc_divide" and types[-1] == dtypes.float16:
        return False  # its quotient is rounded to float16 before it is cut, where a unit makes a difference
    return name in _TABLE and types[-1].kind in _TABLE[name].kinds


def cost(name: str) -> int:
    """Return roughly how many vector instructions a map takes; what NumPy runs counts as much."""
    return _TABLE[name].cost if name in _TABLE else _COST_OF_NUMPY


# --- what differs between the kinds of types ----------------------------------------------------------------


def _add(x: Lanes, y: Lanes) -> Lanes:
    return x | y if x.dtype == dtypes.bool_ else x + y


def _mul(x: Lanes, y: Lanes) -> Lanes:
    return x & y if x.dtype == dtypes.bool_ else x * y


def _sign(x: Lanes) -> Lanes:
    if x.dtype == dtypes.bool_:
        return x
    return (x > 0).to(x.dtype) - (x < 0).to(x.dtype)


def _maximum(x: Lanes, y: Lanes) -> Lanes:
    return vector_math.maximum(x, y) if x.floating else where(x > y, x, y)


def _minimum(x: Lanes, y: Lanes) -> Lanes:
    found = where(x < y, x, y)
    return where(x.isnan(), x, found) if x.floating else found


def _clamp(x: Lanes, low: Lanes, high: Lanes) -> Lanes:
    return _minimum(_maximum(x, low), high)


def _relu(x: Lanes) -> Lanes:
    return where(x < 0, 0, x) if x.dtype.kind in "if" else x


def _fmax(x: Lanes, y: Lanes) -> Lanes:
    return where(y.isnan() | (x >= y), x, y) if x.floating else _maximum(x, y)


def _fmin(x: Lanes, y: Lanes) -> Lanes:
    return where(y.isnan() | (x <= y), x, y) if x.floating else _minimum(x, y)


def _rounding(intrinsic: str) -> Callable[[Lanes], Lanes]:
    return lambda x: x.apply(intrinsic) if x.floating else x


def _bfloat16(x: Lanes) -> Lanes:
    """Round to the nearest bfloat16, ties to even."""
    bits = x.bits()
    kept = (bits + ((bits >> 16) & 1) + 0x7FFF) & -0x10000
    return where(_isfinite(x), kept.floats(), x)


# --- division with a whole quotient, as NumPy does it -------------------------------------------------------


def _remainder(x: Lanes, y: Lanes) -> Lanes:
    rest = x % y
    other_side = rest.differs(0) & ((y < 0) ^ (rest < 0))
    return where(rest.equals(0), rest.copysign(y), where(other_side, rest + y, rest))


def _floor_divide(x: Lanes, y: Lanes) -> Lanes:
    rest = x % y
    quotient = (x - rest) / y
    other_side = rest.differs(0) & ((y < 0) ^ (rest < 0))
    quotient = where(other_side, quotient - 1, quotient)
    down = quotient.apply("floor")
    whole = where(quotient - down > 0.5, down + 1, down)
    ratio = x / y
    found = where(quotient.equals(0), quotient.like(0).copysign(ratio), whole)
    return where(y.equals(0), ratio, found)


# --- shifts, where a count beyond the width shifts everything out -------------------------------------------


def _within(x: Lanes, count: Lanes) -> tuple[Lanes, Lanes]:
    """Return (which counts are within the width of x, counts that always are)."""
    width = 8 * x.dtype.itemsize
    inside = (count >= 0) & (count < width)
    return inside, where(inside, count, 0)


def _left_shift(x: Lanes, count: Lanes) -> Lanes:
    inside, safe = _within(x, count)
    return where(inside, x << safe, 0)


def _right_shift(x: Lanes, count: Lanes) -> Lanes:
    inside, safe = _within(x, count)
    emptied = x >> (8 * x.dtype.itemsize - 1) if x.dtype.kind == "i" else 0
    return where(inside, x >> safe, emptied)


# --- tests of floating-point numbers, which integers pass ---------------------------------------------------


def _isinf(x: Lanes) -> Lanes:
    return abs(x).equals(math.inf) if x.floating else x.differs(x)


def _isfinite(x: Lanes) -> Lanes:
    return abs(x) < math.inf if x.floating else x.equals(x)


def _signbit(x: Lanes) -> Lanes:
    return x.bits() < 0 if x.floating else x < 0


def _bool_power(x: Lanes, y: Lanes) -> Lanes:
    return x | ~y


def _power(x: Lanes, y: Lanes) -> Lanes:
    return special_math.power(x, y) if x.floating else _bool_power(x, y)


_TABLE: dict[str, Native] = {
    "where": Native(where, "biuf", 1),
    "fill": Native(lambda x, value: value, "biuf", 0),
    "cast": Native(lambda x: x, "biuf", 1),
    # arithmetic
    "add": Native(_add, "biuf", 1),
    "sub": Native(lambda x, y: x - y, "iuf", 1),
    "mul": Native(_mul, "biuf", 1),
    "div": Native(lambda x, y: x / y, "f", 4),
    "neg": Native(lambda x: -x, "iuf", 1),
    "reciprocal": Native(lambda x: 1 / x, "f", 4),
    "abs": Native(abs, "biuf", 1),
    "sign": Native(_sign, "biuf", 4),
    "pow": Native(_power, "bf", 80),
    "hypot": Native(special_math.hypot, "f", 30),
    "copysign": Native(lambda x, y: x.copysign(y), "f", 1),
    "floor_divide": Native(_floor_divide, "f", 60),
    "trunc_divide": Native(lambda x, y: (x / y).apply("trunc"), "f", 5),
    "remainder": Native(_remainder, "f", 60),
    "fmod": Native(lambda x, y: x % y, "f", 50),
    # extremes
    "maximum": Native(_maximum, "biuf", 3),
    "minimum": Native(_minimum, "biuf", 3),
    "fmax": Native(_fmax, "biuf", 3),
    "fmin": Native(_fmin, "biuf", 3),
    "clamp": Native(_clamp, "biuf", 6),
    "clamp_min": Native(_maximum, "biuf", 3),
    "clamp_max": Native(_minimum, "biuf", 3),
    "relu": Native(_relu, "biuf", 1),
    # exponentials and logarithms
    "exp": Native(vector_math.exp, "f", 20),
    "exp2": Native(vector_math.exp2, "f", 18),
    "expm1": Native(vector_math.expm1, "f", 20),
    "log": Native(vector_math.log, "f", 28),
    "log2": Native(vector_math.log2, "f", 28),
    "log10": Native(vector_math.log10, "f", 28),
    "log1p": Native(vector_math.log1p, "f", 32),
    "logaddexp": Native(vector_math.logaddexp, "f", 60),
    "logaddexp2": Native(vector_math.logaddexp2, "f", 60),
    "xlogy": Native(vector_math.xlogy, "f", 32),
    "sqrt": Native(Lanes.sqrt, "f", 4),
    "rsqrt": Native(lambda x: 1 / x.sqrt(), "f", 8),
    "sigmoid": Native(vector_math.sigmoid, "f", 25),
    # trigonometric and hyperbolic
    "sin": Native(special_math.sin, "f", 60),
    "cos": Native(special_math.cos, "f", 60),
    "tan": Native(special_math.tan, "f", 70),
    "asin": Native(special_math.asin, "f", 80),
    "acos": Native(special_math.acos, "f", 90),
    "atan": Native(special_math.atan, "f", 60),
    "sinh": Native(vector_math.sinh, "f", 110),
    "cosh": Native(vector_math.cosh, "f", 70),
    "tanh": Native(vector_math.tanh, "f", 25),
    "asinh": Native(special_math.asinh, "f", 180),
    "acosh": Native(special_math.acosh, "f", 180),
    "atanh": Native(special_math.atanh, "f", 90),
    "atan2": Native(special_math.atan2, "f", 80),
    # rounding
    "floor": Native(_rounding("floor"), "biuf", 1),
    "ceil": Native(_rounding("ceil"), "biuf", 1),
    "round": Native(_rounding("rint"), "biuf", 1),
    "trunc": Native(_rounding("trunc"), "biuf", 1),
    "bfloat16": Native(_bfloat16, "f", 7),
    # comparisons and tests
    "eq": Native(Lanes.equals, "biuf", 1),
    "ne": Native(Lanes.differs, "biuf", 1),
    "lt": Native(lambda x, y: x < y, "biuf", 1),
    "le": Native(lambda x, y: x <= y, "biuf", 1),
    "gt": Native(lambda x, y: x > y, "biuf", 1),
    "ge": Native(lambda x, y: x >= y, "biuf", 1),
    "isnan": Native(Lanes.isnan, "biuf", 1),
    "isinf": Native(_isinf, "biuf", 2),
    "isfinite": Native(_isfinite, "biuf", 2),
    "signbit": Native(_signbit, "biuf", 1),
    # logic and bits
    "bitwise_and": Native(lambda x, y: x & y, "biu", 1),
    "bitwise_or": Native(lambda x, y: x | y, "biu", 1),
    "bitwise_xor": Native(lambda x, y: x ^ y, "biu", 1),
    "bitwise_not": Native(lambda x: ~x, "biu", 1),
    "bitwise_left_shift": Native(_left_shift, "iu", 4),
    "bitwise_right_shift": Native(_right_shift, "iu", 4),
    # special functions
    "erf": Native(special_math.erf, "f", 40),
    "erfc": Native(special_math.erfc, "f", 45),
    "erfinv": Native(special_math.erfinv, "f", 150),
    "lgamma": Native(special_math.lgamma, "f", 250),
}
