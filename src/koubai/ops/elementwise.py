"""Maps: ops that treat every element alone, with broadcasting. One row each: NumPy expression, then gradients.

At points where a derivative does not exist these subgradients are taken, which are PyTorch's: 0 for abs and sign at 0,
half to each side for maximum and minimum at a tie, all of it for clamp at a bound. PyTorch's slope of the square root
at 0 is infinite; here it is 0. Where a derivative is infinite or NaN (log, division at 0) and exactly no gradient
arrives, none is passed on, so an unused branch of `where` cannot poison the other.
"""

from __future__ import annotations

import math
from typing import Any

from koubai import dtypes
from koubai.ops.op import Array, Kind, Op, ShapeError, Symbol, describe, map_rule


def elementwise(name: str, forward: Any, infer: Any = map_rule, **gradients: Any) -> Op:
    """Declare a map."""
    return Op(name, Kind.MAP, forward, infer, **gradients)


def test_rule(*inputs: Symbol, **_: Any) -> Symbol:
    """Shape rule of comparisons and tests: shapes broadcast, the result is bool."""
    return Symbol(map_rule(*inputs).shape, dtypes.bool_)


def where_rule(condition: Symbol, x: Symbol, y: Symbol) -> Symbol:
    """Shape rule of `where`.

    Raises:
        ShapeError: if the condition is not bool.
    """
    if condition.dtype != dtypes.bool_:
        raise ShapeError(f"the condition must be bool, got {describe([condition])}")
    return Symbol(map_rule(condition, x, y).shape, x.dtype)


def unless_zero(g: Any, gradient: Any) -> Any:
    """Return `gradient`, but 0 where `g` is 0 and it is NaN: an infinite slope times no gradient passes nothing on."""
    return where((g == 0) & isnan(gradient), zero(gradient), gradient)


def zero(like: Any) -> Any:
    """Return the number 0 in the dtype of `like`."""
    return like.new_zeros(())


def flat(g: Any) -> Any:
    """Return the gradient of an op whose slope is 0 everywhere: zeros, even where `g` is not finite."""
    return zero(g).expand(g.shape)


def _where(xp: Any, condition: Array, x: Array, y: Array) -> Array:
    masks = y.ndim == 0 and x.shape == condition.shape and x.dtype.kind == "f"
    if masks and not y.view(f"i{y.itemsize}"):  # +0.0, not -0.0
        return _masked(xp, condition, x)
    return xp.where(condition, x, y)


def _masked(xp: Any, condition: Array, x: Array) -> Array:
    """x where the condition holds, else 0, by its bits: a tenth of the time of a choice that no branch can predict."""
    bits = condition.astype(f"i{x.itemsize}")
    xp.negative(bits, out=bits)  # all ones where the condition holds
    bits &= x.view(bits.dtype)
    return bits.view(x.dtype)


where: Op = elementwise(
    "where",
    _where,
    where_rule,
    x=lambda g, condition: where(condition, g, zero(g)),
    y=lambda g, condition: where(condition, zero(g), g),
)
# value in the shape of x, whose elements do not matter
fill = elementwise("fill", lambda xp, x, value: xp.broadcast_to(value, x.shape), x=flat, value=lambda g: g)

# --- arithmetic


def _sign(xp: Any, x: Array) -> Array:
    """-1, 0 or 1; 0 for NaN."""
    return x != 0 if x.dtype.kind == "b" else xp.subtract(x > 0, x < 0, dtype=x.dtype)


def _power(xp: Any, x: Array, y: Array) -> Array:
    """x**y; of integers with a negative exponent, the integer part of the reciprocal."""
    if x.dtype.kind == "b":
        return x | ~y
    if x.dtype.kind != "i":
        return xp.power(x, y)
    inverse = xp.where(xp.abs(x) == 1, xp.where(y % 2 == 0, 1, x), 0)
    return xp.where(y < 0, inverse.astype(x.dtype), xp.power(x, xp.maximum(y, 0)))


add = elementwise("add", lambda xp, x, y: xp.add(x, y), x=lambda g: g, y=lambda g: g)
sub = elementwise("sub", lambda xp, x, y: xp.subtract(x, y), x=lambda g: g, y=lambda g: -g)
mul = elementwise("mul", lambda xp, x, y: xp.multiply(x, y), x=lambda g, y: g * y, y=lambda g, x: g * x)
div = elementwise(
    "div",
    lambda xp, x, y: xp.true_divide(x, y),
    x=lambda g, y: unless_zero(g, g / y),
    y=lambda g, y, out: unless_zero(g, -g * out / y),
)
neg = elementwise("neg", lambda xp, x: xp.negative(x), x=lambda g: -g)
reciprocal = elementwise(
    "reciprocal",
    lambda xp, x: xp.true_divide(1, x, dtype=x.dtype),
    x=lambda g, out: unless_zero(g, -g * out * out),
)
abs_ = elementwise("abs", lambda xp, x: xp.abs(x), x=lambda g, x: g * sign(x))
sign: Op = elementwise("sign", _sign, x=flat)
pow_ = elementwise(
    "pow",
    _power,
    x=lambda g, x, y: unless_zero(g * y, g * y * x ** (y - 1)),
    y=lambda g, x, y, out: where((x == 0) & (y >= 0), zero(g), g * out * log(x)),
)
hypot = elementwise(
    "hypot",
    lambda xp, x, y: xp.hypot(x, y),
    x=lambda g, x, out: unless_zero(g * x, g * (x / out)),
    y=lambda g, y, out: unless_zero(g * y, g * (y / out)),
)
copysign = elementwise(
    "copysign",
    lambda xp, x, y: xp.copysign(x, y),
    x=lambda g, x, out: g * sign(x) * sign(out),
    y=flat,
)
nextafter = elementwise(
    "nextafter", lambda xp, x, y: xp.nextafter(x, y), x=lambda g, x, y: _only(x != y, g), y=flat
)

# --- division with a whole quotient


def _refuse_zero(xp: Any, divisor: Array) -> None:
    """Raise where NumPy would quietly give 0: integers have no infinity."""
    if divisor.dtype.kind != "f" and not divisor.all():
        raise RuntimeError(
            "an integer is divided by 0; divide floating-point tensors, or mask the zeros first"
        )


def _divide_down(xp: Any, x: Array, y: Array) -> Array:
    _refuse_zero(xp, y)
    return xp.floor_divide(x, y)


def _divide_toward_zero(xp: Any, x: Array, y: Array) -> Array:
    if x.dtype.kind == "f":
        return xp.trunc(xp.true_divide(x, y))
    _refuse_zero(xp, y)
    return xp.floor_divide(x - xp.fmod(x, y), y)


def _remainder(xp: Any, x: Array, y: Array) -> Array:
    _refuse_zero(xp, y)
    return xp.remainder(x, y)


def _fmod(xp: Any, x: Array, y: Array) -> Array:
    _refuse_zero(xp, y)
    return xp.fmod(x, y)


floor_divide = elementwise("floor_divide", _divide_down, x=flat, y=flat)
trunc_divide = elementwise("trunc_divide", _divide_toward_zero, x=flat, y=flat)
# The sign of the divisor (Python's %), and the sign of the dividend (C's).
remainder = elementwise("remainder", _remainder, x=lambda g: g, y=lambda g, x, y: -g * floor_divide(x, y))
fmod = elementwise("fmod", _fmod, x=lambda g: g, y=lambda g, x, y: -g * trunc_divide(x, y))
gcd = elementwise("gcd", lambda xp, x, y: xp.gcd(x, y))
lcm = elementwise("lcm", lambda xp, x, y: xp.abs(xp.lcm(x, y)))

# --- extremes


def _share(g: Any, loses: Any, tie: Any) -> Any:
    """Return none of `g` where this side loses, half at a tie, else all."""
    return where(tie, g * 0.5, where(loses, zero(g), g))


def _only(where_: Any, g: Any) -> Any:
    """Return `g` where the condition holds, else 0."""
    return where(where_, g, zero(g))


maximum = elementwise(
    "maximum",
    lambda xp, x, y: xp.maximum(x, y),
    x=lambda g, x, y: _share(g, x < y, x == y),
    y=lambda g, x, y: _share(g, y < x, x == y),
)
minimum = elementwise(
    "minimum",
    lambda xp, x, y: xp.minimum(x, y),
    x=lambda g, x, y: _share(g, x > y, x == y),
    y=lambda g, x, y: _share(g, y > x, x == y),
)
# As maximum and minimum, but NaN loses; at a tie the first wins.
fmax = elementwise(
    "fmax",
    lambda xp, x, y: xp.fmax(x, y),
    x=lambda g, x, y: _only((x >= y) | isnan(y), g),
    y=lambda g, x, y: _only(~((x >= y) | isnan(y)), g),
)
fmin = elementwise(
    "fmin",
    lambda xp, x, y: xp.fmin(x, y),
    x=lambda g, x, y: _only((x <= y) | isnan(y), g),
    y=lambda g, x, y: _only(~((x <= y) | isnan(y)), g),
)
clamp = elementwise(
    "clamp",
    lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),
    x=lambda g, x, low, high: _only((x >= low) & (x <= high), g),
    low=lambda g, x, low, high: _only((x < low) & (low < high), g),
    high=lambda g, x, low, high: _only((x > high) | (low > high), g),
)
clamp_min = elementwise(
    "clamp_min",
    lambda xp, x, low: xp.maximum(x, low),
    x=lambda g, x, low: _only(x >= low, g),
    low=lambda g, x, low: _only(x < low, g),
)
clamp_max = elementwise(
    "clamp_max",
    lambda xp, x, high: xp.minimum(x, high),
    x=lambda g, x, high: _only(x <= high, g),
    high=lambda g, x, high: _only(x > high, g),
)
relu = elementwise(
    "relu", lambda xp, x: xp.maximum(x, xp.zeros((), x.dtype)), x=lambda g, out: where(out <= 0, zero(g), g)
)

# --- exponentials and logarithms

exp = elementwise("exp", lambda xp, x: xp.exp(x), x=lambda g, out: g * out)
exp2 = elementwise("exp2", lambda xp, x: xp.exp2(x), x=lambda g, out: g * out * math.log(2))
expm1 = elementwise("expm1", lambda xp, x: xp.expm1(x), x=lambda g, out: g * (out + 1))
log: Op = elementwise("log", lambda xp, x: xp.log(x), x=lambda g, x: unless_zero(g, g / x))
log2 = elementwise("log2", lambda xp, x: xp.log2(x), x=lambda g, x: unless_zero(g, g / (x * math.log(2))))
log10 = elementwise("log10", lambda xp, x: xp.log10(x), x=lambda g, x: unless_zero(g, g / (x * math.log(10))))
log1p = elementwise("log1p", lambda xp, x: xp.log1p(x), x=lambda g, x: unless_zero(g, g / (x + 1)))
logaddexp = elementwise(
    "logaddexp",
    lambda xp, x, y: xp.logaddexp(x, y),
    x=lambda g, x, y: g * sigmoid(x - y),
    y=lambda g, x, y: g * sigmoid(y - x),
)
logaddexp2 = elementwise(
    "logaddexp2",
    lambda xp, x, y: xp.logaddexp2(x, y),
    x=lambda g, x, y: g * sigmoid((x - y) * math.log(2)),
    y=lambda g, x, y: g * sigmoid((y - x) * math.log(2)),
)
xlogy = elementwise(  # x log y, and 0 where x is 0, whatever the logarithm
    "xlogy",
    lambda xp, x, y: xp.where((x == 0) & ~xp.isnan(y), xp.zeros((), x.dtype), x * xp.log(y)),
    x=lambda g, x, y: where((x == 0) & (y <= 0), zero(g), g * log(y)),
    y=lambda g, x, y: unless_zero(g * x, g * x / y),
)
# At 0, where the slope is infinite, 0 is taken: a norm written by hand, sqrt((x * x).sum()), has a gradient at x = 0.
sqrt = elementwise(
    "sqrt",
    lambda xp, x: xp.sqrt(x),
    x=lambda g, out: where(out == 0, zero(g), unless_zero(g, g / (out * 2))),
)
rsqrt = elementwise(
    "rsqrt", lambda xp, x: 1 / xp.sqrt(x), x=lambda g, out: unless_zero(g, g * out * out * out * -0.5)
)
# where exp(-x) overflows to inf, the result is 0 as it should be
sigmoid: Op = elementwise("sigmoid", lambda xp, x: 1 / (1 + xp.exp(-x)), x=lambda g, out: g * out * (1 - out))

# --- trigonometric and hyperbolic
sin = elementwise("sin", lambda xp, x: xp.sin(x), x=lambda g, x: g * cos(x))
cos: Op = elementwise("cos", lambda xp, x: xp.cos(x), x=lambda g, x: -g * sin(x))
tan = elementwise("tan", lambda xp, x: xp.tan(x), x=lambda g, out: g * (1 + out * out))
asin = elementwise("asin", lambda xp, x: xp.arcsin(x), x=lambda g, x: unless_zero(g, g / sqrt(1 - x * x)))
acos = elementwise("acos", lambda xp, x: xp.arccos(x), x=lambda g, x: unless_zero(g, -g / sqrt(1 - x * x)))
atan = elementwise("atan", lambda xp, x: xp.arctan(x), x=lambda g, x: g / (1 + x * x))
sinh = elementwise("sinh", lambda xp, x: xp.sinh(x), x=lambda g, x: g * cosh(x))
cosh: Op = elementwise("cosh", lambda xp, x: xp.cosh(x), x=lambda g, x: g * sinh(x))
tanh = elementwise("tanh", lambda xp, x: xp.tanh(x), x=lambda g, out: g * (1 - out * out))
asinh = elementwise("asinh", lambda xp, x: xp.arcsinh(x), x=lambda g, x: g / sqrt(1 + x * x))
acosh = elementwise("acosh", lambda xp, x: xp.arccosh(x), x=lambda g, x: unless_zero(g, g / sqrt(x * x - 1)))
atanh = elementwise("atanh", lambda xp, x: xp.arctanh(x), x=lambda g, x: unless_zero(g, g / (1 - x * x)))
atan2 = elementwise(
    "atan2",
    lambda xp, y, x: xp.arctan2(y, x),
    y=lambda g, y, x: unless_zero(g * x, g * (x / hypot(x, y)) / hypot(x, y)),
    x=lambda g, y, x: unless_zero(g * y, -g * (y / hypot(x, y)) / hypot(x, y)),
)

# --- rounding, whose slope is 0
floor = elementwise("floor", lambda xp, x: xp.floor(x), x=flat)
ceil = elementwise("ceil", lambda xp, x: xp.ceil(x), x=flat)
round_ = elementwise("round", lambda xp, x: xp.rint(x), x=flat)
trunc = elementwise("trunc", lambda xp, x: xp.trunc(x), x=flat)

# --- comparisons and tests
eq = elementwise("eq", lambda xp, x, y: xp.equal(x, y), test_rule)
ne = elementwise("ne", lambda xp, x, y: xp.not_equal(x, y), test_rule)
lt = elementwise("lt", lambda xp, x, y: xp.less(x, y), test_rule)
le = elementwise("le", lambda xp, x, y: xp.less_equal(x, y), test_rule)
gt = elementwise("gt", lambda xp, x, y: xp.greater(x, y), test_rule)
ge = elementwise("ge", lambda xp, x, y: xp.greater_equal(x, y), test_rule)
isnan: Op = elementwise("isnan", lambda xp, x: xp.isnan(x), test_rule)
isinf = elementwise("isinf", lambda xp, x: xp.isinf(x), test_rule)
isfinite = elementwise("isfinite", lambda xp, x: xp.isfinite(x), test_rule)
signbit = elementwise("signbit", lambda xp, x: xp.signbit(x) if x.dtype.kind == "f" else x < 0, test_rule)

# --- logic on bool, bits on integers
bitwise_and = elementwise("bitwise_and", lambda xp, x, y: xp.bitwise_and(x, y))
bitwise_or = elementwise("bitwise_or", lambda xp, x, y: xp.bitwise_or(x, y))
bitwise_xor = elementwise("bitwise_xor", lambda xp, x, y: xp.bitwise_xor(x, y))
bitwise_not = elementwise("bitwise_not", lambda xp, x: xp.invert(x))
left_shift = elementwise("bitwise_left_shift", lambda xp, x, y: xp.left_shift(x, y))
right_shift = elementwise("bitwise_right_shift", lambda xp, x, y: xp.right_shift(x, y))


def _cast_rule(x: Symbol, *, dtype: dtypes.DType) -> Symbol:
    return Symbol(x.shape, dtype)


cast: Op = elementwise(
    "cast",
    lambda xp, x, *, dtype: x.astype(dtype),
    _cast_rule,
    x=lambda g, x_like: cast(g, dtype=x_like.dtype),
)
