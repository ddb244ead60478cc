"""Functions such as exp and tanh, written as arithmetic on lanes of float32 or float64.

All follow one plan: reduce the argument to a short interval, evaluate a polynomial there, and put the result together
again; arguments at the edges (0, infinity, NaN) are mended at the end by choosing lane by lane. The errors are below 2
units in the last place; functions marked `in_double` compute float32 in float64, which makes them simple and exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps

import numpy as np

from koubai import dtypes
from koubai.compiler.llvm import polynomials
from koubai.compiler.llvm.lanes import Lanes, fma, where
from koubai.dtypes import DType

LN2 = math.log(2)
LN2_LOW = 2.3190468138462996e-17  # what float64 leaves out of log(2)


def in_double(function: Callable[..., Lanes]) -> Callable[..., Lanes]:
    """Compute a function of float32 in float64."""

    @wraps(function)
    def widened(*arguments: Lanes) -> Lanes:
        return function(*(a.to(dtypes.float64) for a in arguments)).to(arguments[0].dtype)

    return widened


def horner(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """Return the polynomial in `x` with these coefficients, highest power first."""
    first, second, *others = coefficients
    result = fma(x, first, second)
    for coefficient in others:
        result = fma(result, x, coefficient)
    return result


def polynomial(x: Lanes, table: polynomials.Table) -> Lanes:
    """Return the polynomial in `x` whose coefficients `table` has for its type."""
    return horner(x, table[x.dtype])


def at_most(x: Lanes, limit: float) -> Lanes:
    """The smaller of both; NaN stays."""
    return where(x > limit, limit, x)


def at_least(x: Lanes, limit: float) -> Lanes:
    """The larger of both; NaN stays."""
    return where(x < limit, limit, x)


def maximum(x: Lanes, y: Lanes) -> Lanes:
    """The larger of both; NaN if one of them is."""
    return where(x.isnan(), x, where(x > y, x, y))


def _by_type(x: Lanes, single: float, double: float) -> float:
    return single if x.dtype == dtypes.float32 else double


def _digits(x: Lanes) -> int:
    """How many bits the mantissa has: the exponent stands above them."""
    return int(np.finfo(x.dtype).nmant)


def _bias(x: Lanes) -> int:
    """What is added to an exponent when it is stored."""
    return int(np.finfo(x.dtype).maxexp) - 1


def _split_constant(x: Lanes, high: float, low: float) -> tuple[float, float]:
    """Return a constant as the sum of two numbers of the type of `x`; `low` is what float64 leaves out."""
    if x.dtype == dtypes.float64:
        return high, low
    rounded = float(np.float32(high))
    return rounded, high - rounded


# --- exponentials -------------------------------------------------------------------------------------------


def _magic(x: Lanes) -> float:
    """A number so large that adding it rounds to whole numbers, which then stand in the lowest bits of the sum.

    Twice the exponent's bias is in it already: see `_scale`.
    """
    return float(1.5 * 2.0 ** _digits(x) + 2 * _bias(x))


def _reduce(x: Lanes, low: Lanes | None = None) -> tuple[Lanes, Lanes]:
    """Return (t, p): the exponential of x is 2**n · (1 + p), where t is n plus the magic number.

    Args:
        x: within the range of exp.
        low: a small number to be added to x.
    """
    high, rest = _split_constant(x, LN2, LN2_LOW)
    t = fma(x, 1 / LN2, _magic(x))
    n = t - _magic(x)
    r = fma(n, -rest, fma(n, -high, x))
    if low is not None:
        r = r + low
    return t, fma(r * r, polynomial(r, polynomials.EXP), r)


def _scale(y: Lanes, t: Lanes) -> Lanes:
    """y · 2**n, in one instruction or in two steps that stay in the range of exponents while the result does."""
    if y.has_powers_of_two:
        return y.times_power_of_two(t - _magic(y))
    digits, bits = _digits(y), t.bits()
    half = bits >> 1
    return y * (half << digits).floats() * ((bits - half) << digits).floats()


def _power_of_two(t: Lanes, shift: int = 0) -> Lanes:
    """2**(n + shift), which must be a normal number."""
    return ((t.bits() + (shift - _bias(t))) << _digits(t)).floats()


def exp(x: Lanes, low: Lanes | None = None, shift: int = 0) -> Lanes:
    """e**(x + low) · 2**shift, without an overflow in between."""
    x = at_least(at_most(x, _by_type(x, 90, 711)), _by_type(x, -104, -746))
    t, p = _reduce(x, low)
    return _scale(p + 1, t + shift if shift else t)


def exp2(x: Lanes) -> Lanes:
    """2**x."""
    x = at_least(at_most(x, _by_type(x, 129, 1025)), _by_type(x, -151, -1076))
    t = x + _magic(x)
    r = (x - (t - _magic(x))) * LN2
    return _scale(fma(r * r, polynomial(r, polynomials.EXP), r) + 1, t)


def exp_normal(x: Lanes) -> Lanes:
    """e**x where the result is a normal number."""
    t, p = _reduce(x)
    scale = _power_of_two(t)
    return fma(scale, p, scale)


def expm1(x: Lanes) -> Lanes:
    """e**x - 1, exact near 0 too."""
    inside = at_least(at_most(x, _by_type(x, 89, 710)), _by_type(x, -20, -40))
    t, p = _reduce(inside)
    half = _power_of_two(t, -1)
    return (fma(half, p, half - 0.5) * 2).copysign(x)


def tanh(x: Lanes) -> Lanes:
    """The hyperbolic tangent, from e**(-2·|x|) - 1."""
    t, p = _reduce(at_most(abs(x), _by_type(x, 10, 20)) * -2)
    scale = _power_of_two(t)
    e = fma(scale, p, scale - 1)
    divisor = e + 2
    rounding = e - (divisor - 2)
    quotient = e / divisor
    return fma(-quotient, rounding, quotient).copysign(
        x
    )  # near 1, where it counts, the divisor is almost 1 too


def sigmoid(x: Lanes) -> Lanes:
    """1 / (1 + e**-x)."""
    return 1 / (exp(-x) + 1)


@in_double
def sinh(x: Lanes) -> Lanes:
    """The hyperbolic sine."""
    size = abs(x)
    e, half = expm1(size), exp(size, shift=-1)
    return where(size < 1, (e + e / (e + 1)) * 0.5, half - 0.25 / half).copysign(x)


@in_double
def cosh(x: Lanes) -> Lanes:
    """The hyperbolic cosine."""
    half = exp(abs(x), shift=-1)
    return half + 0.25 / half


# --- logarithms ---------------------------------------------------------------------------------------------


def split(x: Lanes) -> tuple[Lanes, Lanes]:
    """Return (e, m): x is m · 2**e, with m from sqrt(1/2) to sqrt(2), and e an integer; x is positive and finite."""
    digits, smallest = _digits(x), float(np.finfo(x.dtype).tiny)
    tiny = x < smallest  # too small for the exponent in its bits
    bits = where(tiny, x * 2.0**digits, x).bits()
    root = int(np.sqrt(x.dtype.type(0.5)).view(f"i{x.dtype.itemsize}"))
    e = (bits - root) >> digits
    m = (bits - (e << digits)).floats()
    return where(tiny, e - digits, e), m


def exponent(e: Lanes, dtype: DType) -> Lanes:
    """Return a small integer as a floating-point number; 32 bits convert fast on every processor."""
    return e.to(dtypes.int32).to(dtype)


def _log_near_one(f: Lanes) -> Lanes:
    """log(1 + f) - f, for 1 + f from sqrt(1/2) to sqrt(2)."""
    square = f * f
    if f.dtype == dtypes.float32:
        return fma(square, -0.5, polynomial(f, polynomials.LOG) * f * square)
    s = f / (f + 2)
    z, half = s * s, square * 0.5
    return s * fma(z, polynomial(z, polynomials.LOG), half) - half


def _log_of(e: Lanes, f: Lanes) -> Lanes:
    """log((1 + f) · 2**e)."""
    high, low = _split_constant(f, LN2, LN2_LOW)
    count = exponent(e, f.dtype)
    return fma(count, high, f + fma(count, low, _log_near_one(f)))


def _log_edges(x: Lanes, found: Lanes) -> Lanes:
    """Return the logarithm that was found, or what it is of 0, negative numbers, infinity and NaN."""
    found = where(x < math.inf, found, x)
    return where(x > 0, found, where(x.equals(0), x.like(-math.inf), math.nan))


def log(x: Lanes) -> Lanes:
    """The natural logarithm."""
    e, m = split(x)
    return _log_edges(x, _log_of(e, m - 1))


def log2(x: Lanes) -> Lanes:
    """The logarithm to base 2, exact of powers of 2."""
    e, m = split(x)
    f = m - 1
    return _log_edges(x, fma(f + _log_near_one(f), 1 / LN2, exponent(e, x.dtype)))


def log10(x: Lanes) -> Lanes:
    """The logarithm to base 10."""
    e, m = split(x)
    f = m - 1
    small = (f + _log_near_one(f)) * (1 / math.log(10))
    return _log_edges(x, fma(exponent(e, x.dtype), math.log10(2), small))


def log1p(x: Lanes) -> Lanes:
    """log(1 + x), exact near 0 too: 1 + x is rounded only to find the exponent e."""
    u = x + 1
    e, m = split(u)
    scale = ((_bias(x) - e) << _digits(x)).floats()  # 2**-e
    f = where(u > 2.0**60, m - 1, fma(x, scale, scale - 1))
    return _log_edges(u, _log_of(e, f)).copysign(x)


def logaddexp(x: Lanes, y: Lanes) -> Lanes:
    """log(e**x + e**y)."""
    found = maximum(x, y) + log1p(exp(-abs(x - y)))
    return where(x.equals(y), x + LN2, found)


def logaddexp2(x: Lanes, y: Lanes) -> Lanes:
    """log2(2**x + 2**y)."""
    found = fma(log1p(exp2(-abs(x - y))), 1 / LN2, maximum(x, y))
    return where(x.equals(y), x + 1, found)


def xlogy(x: Lanes, y: Lanes) -> Lanes:
    """x · log(y), and 0 where x is 0, whatever the logarithm."""
    return where(x.equals(0) & ~y.isnan(), 0, x * log(y))
