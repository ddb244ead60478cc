"""Maps that need a numerical method: the error function's family, and the gamma function's.

Each is computed with NumPy alone, to a few units in the last place of float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from koubai.ops.elementwise import elementwise, exp, unless_zero
from koubai.ops.op import Array, Op

TWO_BY_ROOT_PI = 2 / math.sqrt(math.pi)


def at_least_single(forward: Callable[..., Array]) -> Callable[..., Array]:
    """Compute a forward of float16 in float32, whose range the coefficients need."""

    @wraps(forward)
    def widened(xp: Any, x: Array) -> Array:
        return forward(xp, x.astype(xp.float32)).astype(x.dtype) if x.dtype == xp.float16 else forward(xp, x)

    return widened


def _ratio(x: Array, numerator: Sequence[float], denominator: Sequence[float]) -> Array:
    """Return the quotient of two polynomials in `x`, highest powers first."""
    return _polynomial(x, numerator) / _polynomial(x, denominator)


def _polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    """Return a polynomial in `x` by Horner's rule, highest power first."""
    result = x * coefficients[0]
    for coefficient in coefficients[1:-1]:
        result += coefficient
        result *= x
    return result + coefficients[-1]


# --- the error function: W. J. Cody, "Rational Chebyshev Approximations for the Error Function", Mathematics of
# Computation 23 (1969), tables II and III: one quotient for |x| <= 0.46875, one up to 4, one in 1/x**2 beyond.

_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip


def _erf_near(x: Array) -> Array:
    """erf(x) for |x| <= 0.46875."""
    return x * _ratio(x * x, *_NEAR)


def _erfc_middle(xp: Any, x: Array) -> Array:
    """erfc(x) for 0.46875 <= x <= 4."""
    return _exp_minus_square(xp, x) * _ratio(x, *_MIDDLE)


def _erfc_far(xp: Any, x: Array) -> Array:
    """erfc(x) for x >= 4."""
    y = 1 / (x * x)
    tail = (1 / math.sqrt(math.pi) - y * _ratio(y, *_FAR)) / x
    return xp.where(xp.isinf(x), 0, _exp_minus_square(xp, x) * tail)


def _exp_minus_square(xp: Any, x: Array) -> Array:
    """exp(-x*x), with x split so that the rounding of its square is not magnified."""
    head = xp.trunc(x * 16) / 16
    return xp.exp(-head * head) * xp.exp(-(x - head) * (x + head))


@at_least_single
def _erf(xp: Any, x: Array) -> Array:
    size = xp.abs(x)
    pieces = [
        _erf_near,
        lambda v: xp.copysign(1 - _erfc_middle(xp, xp.abs(v)), v),
        lambda v: xp.copysign(1 - _erfc_far(xp, xp.abs(v)), v),
    ]
    near, within = size <= 0.46875, size <= 4
    return xp.piecewise(x, [near, within & ~near, ~within], pieces)


@at_least_single
def _erfc(xp: Any, x: Array) -> Array:
    pieces = [
        lambda v: 2 - _erfc_far(xp, -v),
        lambda v: 2 - _erfc_middle(xp, -v),
        lambda v: 1 - _erf_near(v),
        lambda v: _erfc_middle(xp, v),
        lambda v: _erfc_far(xp, v),
    ]
    edges = xp.asarray([-4.0, -0.46875, 0.46875, 4.0])
    which = xp.searchsorted(edges, x)  # NaN sorts behind everything, and comes out of the last piece as NaN
    return xp.piecewise(x, [which == piece for piece in range(5)], pieces)


# --- the inverse error function, from the normal quantile: M. J. Wichura, "Algorithm AS 241: The Percentage Points of
# the Normal Distribution", Applied Statistics 37 (1988), PPND16.

_CENTRE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
     3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)  # fmt: skip
_END = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip


@at_least_single
def _erfinv(xp: Any, x: Array) -> Array:
    """erfinv(x) = quantile((1 + x) / 2) / sqrt(2)."""
    half = x / 2
    centre = half * _ratio(0.180625 - half * half, *_CENTRE)
    depth = xp.sqrt(-xp.log((1 - xp.abs(x)) / 2))
    outer = xp.where(depth <= 5, _ratio(depth - 1.6, *_TAIL), _ratio(depth - 5, *_END))
    quantile = xp.where(xp.abs(half) <= 0.425, centre, xp.copysign(outer, x))
    found = quantile / math.sqrt(2)
    return xp.where(xp.abs(x) == 1, xp.copysign(xp.inf, x), found).astype(x.dtype)


# --- the gamma function: its logarithm, and the derivatives of that. NIST Digital Library of Mathematical Functions,
# https://dlmf.nist.gov, chapters 5 and 25; computed in float64 whatever the dtype.

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)  # B_2, B_4, ...
_SHIFT = 10  # the asymptotic series are used from here on; smaller arguments are raised by recurrence


def _zeta(s: int, x: Any) -> Any:
    """The sum of (x + k)**-s over k = 0, 1, ... for x > 0: term by term, then by Euler and Maclaurin (25.11.28)."""
    total = 0.0
    for k in range(_SHIFT):
        total = total + (x + k) ** -s
    y = x + _SHIFT
    total = total + y ** (1 - s) / (s - 1) + y**-s / 2
    rising = s / 2
    for j, bernoulli in enumerate(_BERNOULLI, start=1):
        total = total + bernoulli * rising * y ** (1 - s - 2 * j)
        rising *= (s + 2 * j - 1) * (s + 2 * j) / ((2 * j + 1) * (2 * j + 2))
    return total


# lgamma(2 + z) = (1 - Euler's constant) z + sum over k >= 2 of (zeta(k) - 1) (-z)**k / k, for |z| <= 1/2 (5.7.3)
_AROUND_TWO = (*[(-1) ** k * _zeta(k, 2.0) / k for k in range(28, 1, -1)], 1 - np.euler_gamma, 0.0)


def _lgamma(xp: Any, x: Array) -> Array:
    wide = x.astype(xp.float64)
    upper = xp.where(wide < 0.5, 1 - wide, wide)
    found = xp.piecewise(
        upper,
        [upper < 1.5, (upper >= 1.5) & (upper <= 2.5), ~(upper <= 2.5)],
        [
            lambda v: _polynomial(v - 1, _AROUND_TWO) - xp.log1p(v - 1),
            lambda v: _polynomial(v - 2, _AROUND_TWO),
            lambda v: _lgamma_raised(xp, v),
        ],
    )
    reflected = (
        math.log(math.pi) - xp.log(xp.abs(xp.sin(math.pi * (wide - xp.rint(wide))))) - found
    )  # (5.5.3)
    found = xp.where(wide < 0.5, reflected, found)
    return xp.where(xp.isinf(wide), xp.inf, found).astype(x.dtype)


def _lgamma_raised(xp: Any, x: Array) -> Array:
    """Stirling's series (5.11.1) after raising small arguments."""
    product = x
    for k in range(1, _SHIFT):
        product = product * (x + k)
    low = x < _SHIFT
    y = xp.where(low, x + _SHIFT, x)
    series = sum(b / (2 * j * (2 * j - 1) * y ** (2 * j - 1)) for j, b in enumerate(_BERNOULLI, start=1))
    found = (y - 0.5) * xp.log(y) - y + 0.5 * math.log(2 * math.pi) + series
    return xp.where(low, found - xp.log(xp.where(low, product, 1)), found)


def _digamma_above(xp: Any, x: Array) -> Array:
    """The derivative of lgamma for x >= 1/2: recurrence (5.5.2), then the asymptotic series (5.11.2)."""
    lifted = sum(1 / (x + k) for k in range(_SHIFT))
    y = x + _SHIFT
    series = sum(b / (2 * j * y ** (2 * j)) for j, b in enumerate(_BERNOULLI, start=1))
    return xp.log(y) - 0.5 / y - series - lifted


def _polygamma(xp: Any, x: Array, *, n: int) -> Array:
    """The derivative of order n + 1 of lgamma; below 1/2 by reflection (5.15.6)."""
    wide = x.astype(xp.float64)
    below = wide < 0.5
    upper = xp.where(below, 1 - wide, wide)
    found = _digamma_above(xp, upper) if n == 0 else (-1) ** (n + 1) * math.factorial(n) * _zeta(n + 1, upper)
    cotangent = 1 / xp.tan(math.pi * (wide - xp.rint(wide)))
    derivative = math.pi ** (n + 1) * _polynomial(cotangent, _cotangent_derivative(n))
    found = xp.where(below, (-1) ** n * found - derivative, found)
    pole = xp.where(wide == 0, -xp.copysign(xp.inf, wide), xp.nan) if n == 0 else (-1) ** (n + 1) * xp.inf
    return xp.where(below & (wide == xp.floor(wide)) & xp.isfinite(wide), pole, found).astype(x.dtype)


def _cotangent_derivative(n: int) -> Any:
    """Return the polynomial in cot(x) that is its n-th derivative, highest power first."""
    polynomial = np.asarray([1.0, 0.0])
    for _ in range(n):
        polynomial = np.polymul([-1.0, 0.0, -1.0], np.polyder(polynomial))
    return polynomial


erf = elementwise("erf", _erf, x=lambda g, x: g * TWO_BY_ROOT_PI * exp(-x * x))
erfc = elementwise("erfc", _erfc, x=lambda g, x: g * -TWO_BY_ROOT_PI * exp(-x * x))
erfinv = elementwise("erfinv", _erfinv, x=lambda g, out: unless_zero(g, g / TWO_BY_ROOT_PI * exp(out * out)))
lgamma = elementwise("lgamma", _lgamma, x=lambda g, x: unless_zero(g, g * polygamma(x, n=0)))
polygamma: Op = elementwise(
    "polygamma", _polygamma, x=lambda g, x, n: unless_zero(g, g * polygamma(x, n=n + 1))
)
