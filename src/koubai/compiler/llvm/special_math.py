"""Powers, angles and the special functions on lanes, most of them in float64 whatever the type."""

from __future__ import annotations

import math

from koubai import dtypes
from koubai.compiler.llvm import polynomials
from koubai.compiler.llvm.lanes import Lanes, fma, where
from koubai.compiler.llvm.vector_math import (
    LN2,
    LN2_LOW,
    at_most,
    exp,
    exp_normal,
    exponent,
    horner,
    in_double,
    log,
    log1p,
    maximum,
    polynomial,
    split,
)
from koubai.ops import special

# --- sums and products with the rounding kept ---------------------------------------------------------------


def _exact_product(a: Lanes, b: Lanes | float) -> tuple[Lanes, Lanes]:
    """Return a · b as a rounded product and what the rounding took away."""
    product = a * b
    return product, fma(a, b, -product)


def _exact_sum(a: Lanes, b: Lanes) -> tuple[Lanes, Lanes]:
    """Return a + b as a rounded sum and what the rounding took away; |a| is at least |b|, or a is 0."""
    total = a + b
    return total, b - (total - a)


# --- powers -------------------------------------------------------------------------------------------------

TWO_THIRDS, TWO_THIRDS_LOW = 2 / 3, 3.700743415417188e-17


def _long_log_near_one(m: Lanes) -> tuple[Lanes, Lanes]:
    """Return log(m) as a sum of two with some 65 bits, from the powers of s = (m - 1) / (m + 1), each such a sum."""
    f, (d, d_low) = m - 1, _exact_sum(m.like(1), m)
    inverse = 1 / d
    s = f * inverse
    s_low = (fma(-s, d, f) - s * d_low) * inverse
    z, z_low = _exact_product(s, s)
    z_low = fma(s + s, s_low, z_low)
    factor, factor_low = _exact_sum(m.like(TWO_THIRDS), z * polynomial(z, polynomials.LOG_TAIL))
    cube, cube_low = _exact_product(s, z)
    cube_low = fma(s, z_low, fma(s_low, z, cube_low))
    tail, tail_low = _exact_product(cube, factor)
    tail_low = fma(cube, factor_low + TWO_THIRDS_LOW, fma(cube_low, factor, tail_low))
    total, total_low = _exact_sum(s + s, tail)
    return total, total_low + fma(s_low, 2, tail_low)


def _long_log(x: Lanes) -> tuple[Lanes, Lanes]:
    """Return log(x) of a float64 that is not negative as a sum of two, with some 65 bits."""
    e, m = split(x)
    count = exponent(e, x.dtype)
    near, near_low = _long_log_near_one(m)
    whole, whole_low = _exact_product(count, LN2)
    total, total_low = _exact_sum(whole, near)
    total_low = total_low + (fma(count, LN2_LOW, whole_low) + near_low)
    usual = (x > 0) & (x < math.inf)
    edge = where(x.equals(0), x.like(-math.inf), x)
    return where(usual, total, edge), where(usual, total_low, 0)


def _power_of_size(size: Lanes, y: Lanes) -> Lanes:
    """size**y, where no error of the logarithm is seen although y magnifies it."""
    high, low = _long_log(size)
    product, product_low = _exact_product(high, y)
    product_low = fma(low, y, product_low)
    return exp(product, where(abs(product) < 1000, product_low, 0))


def power(x: Lanes, y: Lanes) -> Lanes:
    """x**y, with NumPy's results at the edges."""
    if x.dtype == dtypes.float32:
        wide, exponents = x.to(dtypes.float64), y.to(dtypes.float64)
        return _power_edges(wide, exponents, exp(log(abs(wide)) * exponents)).to(x.dtype)
    return _power_edges(x, y, _power_of_size(abs(x), y))


def _power_edges(x: Lanes, y: Lanes, found: Lanes) -> Lanes:
    """Give |x|**y the right sign, or what it is of a negative number, of 1, and to the power of 0."""
    half, whole = y * 0.5, y.apply("floor").equals(y)
    odd = whole & half.apply("floor").differs(half)
    found = where(odd & (x.bits() < 0), -found, found)
    found = where((x < 0) & (x > -math.inf) & ~whole, math.nan, found)
    always = x.equals(1) | y.equals(0) | (x.equals(-1) & abs(y).equals(math.inf))
    return where(always, 1, found)


@in_double
def hypot(x: Lanes, y: Lanes) -> Lanes:
    """sqrt(x**2 + y**2) without overflow in between; infinite if one of them is, even beside NaN."""
    size = maximum(abs(x), abs(y))
    scale = where(size > 2.0**500, 2.0**-600, where(size < 2.0**-450, size.like(2.0**600), 1))
    a, b = x * scale, y * scale
    found = fma(a, a, b * b).sqrt() / scale
    return where(abs(x).equals(math.inf) | abs(y).equals(math.inf), math.inf, found)


# --- angles -------------------------------------------------------------------------------------------------

HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)  # their sum is pi / 2


def _quarter(x: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """Return (q, r, low): x is r + low and n quarter turns, where the lowest bits of q are those of n.

    It holds for |x| up to 2**40 or so.
    """
    magic = 1.5 * 2.0**52
    t = fma(x, 2 / math.pi, magic)
    n = t - magic
    first = fma(n, -HALF_PI[0], x)
    r = fma(n, -HALF_PI[1], first)
    low = fma(n, -HALF_PI[2], fma(n, -HALF_PI[1], first - r))
    return t.bits(), r, low


def _sine(r: Lanes, low: Lanes) -> Lanes:
    """sin(r + low) for |r| <= pi/4."""
    z = r * r
    return r + fma(polynomial(z, polynomials.SIN) * z, r, fma(z * low, -0.5, low))


def _cosine(r: Lanes, low: Lanes) -> Lanes:
    """cos(r + low) for |r| <= pi/4."""
    z = r * r
    half = z * 0.5
    high = 1 - half
    return high + (fma(polynomial(z, polynomials.COS) * z, z, (1 - high) - half) - r * low)


def _turned(x: Lanes, turns: int) -> Lanes:
    """The sine of x and some quarter turns."""
    q, r, low = _quarter(x)
    q = q + turns
    found = where((q & 1).equals(0), _sine(r, low), _cosine(r, low))
    return (found.bits() ^ ((q & 2) << 62)).floats()


def _huge(x: Lanes) -> Lanes:
    """Tell which angles are too large for `_quarter`: C's library knows pi to a thousand digits."""
    return abs(x) > 2.0**40


@in_double
def sin(x: Lanes) -> Lanes:
    """The sine."""
    found = where(x.equals(0), x, _turned(x, 0))
    return found.unless(_huge(x), lambda: x.call("sin"))


@in_double
def cos(x: Lanes) -> Lanes:
    """The cosine."""
    return _turned(x, 1).unless(_huge(x), lambda: x.call("cos"))


@in_double
def tan(x: Lanes) -> Lanes:
    """The tangent."""
    q, r, low = _quarter(x)
    sine, cosine, even = _sine(r, low), _cosine(r, low), (q & 1).equals(0)
    found = where(even, sine, -cosine) / where(even, cosine, sine)
    return where(x.equals(0), x, found).unless(_huge(x), lambda: x.call("tan"))


def _angle(y: Lanes, x: Lanes) -> Lanes:
    """The angle of the point (x, y), of which neither is negative: turned by 0, 45 or 90 degrees to be small."""
    low, high = y < x * math.tan(math.pi / 8), y > x * math.tan(3 * math.pi / 8)
    over = where(low, y, where(high, -x, y - x))
    t = over / where(low, x, where(high, y, y + x))
    z = t * t
    small = fma(polynomial(z, polynomials.ATAN) * z, t, t)
    turn = where(low, y.like(0), where(high, y.like(HALF_PI[0]), HALF_PI[0] / 2))
    turn_low = where(low, y.like(0), where(high, y.like(HALF_PI[1]), HALF_PI[1] / 2))
    return turn + (small + turn_low)


@in_double
def atan(x: Lanes) -> Lanes:
    """The angle whose tangent is x."""
    return _angle(abs(x), x.like(1)).copysign(x)


def _direction(y: Lanes, x: Lanes) -> Lanes:
    """The angle of the point (x, y), of which y is not negative."""
    width = abs(x)
    size = maximum(y, width)
    scale = where(size > 2.0**1000, size.like(2.0**-8), 1)  # their sum must not overflow
    endless = y.equals(math.inf) & width.equals(math.inf)
    angle = _angle(where(endless, 1, y * scale), where(endless, 1, width * scale))
    angle = where(size.equals(0), 0, angle)
    turned = (HALF_PI[0] * 2 - angle) + HALF_PI[1] * 2
    return where(x.bits() < 0, turned, angle)


@in_double
def atan2(y: Lanes, x: Lanes) -> Lanes:
    """The angle of the point (x, y)."""
    return _direction(abs(y), x).copysign(y)


@in_double
def asin(x: Lanes) -> Lanes:
    """The angle whose sine is x."""
    size = abs(x)
    return _angle(size, ((1 - size) * (size + 1)).sqrt()).copysign(x)


@in_double
def acos(x: Lanes) -> Lanes:
    """The angle whose cosine is x."""
    return _direction(((1 - x) * (x + 1)).sqrt(), x)


@in_double
def asinh(x: Lanes) -> Lanes:
    """The inverse of sinh."""
    size = abs(x)
    square = size * size
    small = log1p(size + square / ((square + 1).sqrt() + 1))
    return where(size > 2.0**30, log(size) + LN2, small).copysign(x)


@in_double
def acosh(x: Lanes) -> Lanes:
    """The inverse of cosh; NaN below 1."""
    above = x - 1
    small = log1p(above + (above * (above + 2)).sqrt())
    return where(x < 1, math.nan, where(x > 2.0**30, log(x) + LN2, small))


@in_double
def atanh(x: Lanes) -> Lanes:
    """The inverse of tanh; NaN beyond 1."""
    size = abs(x)
    return (log1p(size * 2 / (1 - size)) * 0.5).copysign(x)


# --- the error function -------------------------------------------------------------------------------------


def erf(x: Lanes) -> Lanes:
    """The error function: a polynomial near 0, and 1 minus an exponential from 1 on."""
    size = abs(x)
    near = _erf_near(size)
    end = 4 if x.dtype == dtypes.float32 else 6
    far = 1 - exp_normal(polynomial(at_most(size, end) - 2, polynomials.ERF_FAR))
    return where(size < 1, near, far).copysign(x)


def _erf_near(x: Lanes) -> Lanes:
    """erf(x) for |x| <= 1."""
    return fma(x, polynomial(x * x, polynomials.ERF_NEAR), x)


def erfc(x: Lanes) -> Lanes:
    """1 - erf(x), exact where that is small."""
    size = at_most(abs(x), 10.2 if x.dtype == dtypes.float32 else 27.5)
    square, square_low = _exact_product(size, size)
    inverse = 1 / (size + 3)
    ratio = polynomial((size - 3) * inverse, polynomials.ERFC) * inverse
    right = exp(-square, -square_low) * ratio
    return where(abs(x) < 0.75, 1 - _erf_near(x), where(x < 0, 2 - right, right))


@in_double
def erfinv(x: Lanes) -> Lanes:
    """The inverse of erf, with the quotients of `ops.special`; NaN beyond 1."""
    half, size = x * 0.5, abs(x)
    square = fma(-half, half, 0.180625)
    centre = half * _quotient(square, special._CENTRE)
    depth = (-log((1 - size) * 0.5)).sqrt()
    outer = where(depth <= 5, _quotient(depth - 1.6, special._TAIL), _quotient(depth - 5, special._END))
    found = where(size <= 0.85, centre, outer.copysign(x)) * math.sqrt(0.5)
    return where(size.equals(1), x.like(math.inf).copysign(x), found)


def _quotient(x: Lanes, tables: tuple[tuple[float, ...], tuple[float, ...]]) -> Lanes:
    return horner(x, tables[0]) / horner(x, tables[1])


# --- the logarithm of the gamma function, by the formulas of `ops.special` ----------------------------------


@in_double
def lgamma(x: Lanes) -> Lanes:
    """log(|gamma(x)|)."""
    below = x < 0.5
    upper = where(below, 1 - x, x)
    found = _lgamma_above(upper)
    sine = abs(sin((x - x.apply("rint")) * math.pi))
    found = where(below, math.log(math.pi) - log(sine) - found, found)
    return where(abs(x).equals(math.inf), math.inf, found)


def _lgamma_above(x: Lanes) -> Lanes:
    """lgamma for x >= 1/2: Stirling's series for large arguments, else a series around 2 to which they are moved."""
    far, one = x >= special._SHIFT, x < 1.5
    place, product = _lowered(x)
    logarithm = log(where(far | one, x, product))
    series = horner(where(one, x - 1, place - 2), special._AROUND_TWO)
    near = series + where(one, -logarithm, logarithm)
    return where(far, fma(x - 0.5, logarithm, _stirling(x)), near)


def _lowered(x: Lanes) -> tuple[Lanes, Lanes]:
    """Take 1 from x until it is below 5/2; return that, and the product p for which gamma(x) = p · gamma(of that)."""
    product = x.like(1)
    for _ in range(special._SHIFT - 2):
        above = x > 2.5
        less = x - 1
        product = where(above, product * less, product)
        x = where(above, less, x)
    return x, product


def _stirling(x: Lanes) -> Lanes:
    """lgamma(x) - (x - 1/2) · log(x) for large x."""
    terms = [b / (2 * j * (2 * j - 1)) for j, b in enumerate(special._BERNOULLI, start=1)]
    inverse = 1 / x
    series = horner(inverse * inverse, terms[::-1]) * inverse
    return 0.5 * math.log(2 * math.pi) - x + series
