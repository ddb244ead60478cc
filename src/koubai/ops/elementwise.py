"""Maps: ops that treat every element alone, with broadcasting. One row each: NumPy expression, then gradients.

At points where a derivative does not exist these subgradients are taken, which are PyTorch's: 0 for abs and sign at 0,
half to each side for maximum and minimum at a tie. Where a derivative is infinite or NaN (log, sqrt, division at 0) and
exactly no gradient arrives, none is passed on, so an unused branch of `where` cannot poison the other.
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
    """Return `gradient`, but 0 where `g` is 0: an infinite slope times no gradient passes nothing on."""
    return where(g == 0, _zero(gradient), gradient)


def _zero(like: Any) -> Any:
    return like.new_zeros(())


where = elementwise(
    "where",
    lambda xp, condition, x, y: xp.where(condition, x, y),
    where_rule,
    x=lambda g, condition: where(condition, g, _zero(g)),
    y=lambda g, condition: where(condition, _zero(g), g),
)

# --- arithmetic
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
abs_ = elementwise("abs", lambda xp, x: xp.abs(x), x=lambda g, x: g * sign(x))
sign = elementwise("sign", lambda xp, x: xp.sign(x), x=lambda g: g * 0)
pow_ = elementwise(
    "pow",
    lambda xp, x, y: xp.power(x, y),
    x=lambda g, x, y: unless_zero(g * y, g * y * x ** (y - 1)),
    y=lambda g, x, y, out: where((x == 0) & (y >= 0), _zero(g), g * out * log(x)),
)
maximum = elementwise(
    "maximum",
    lambda xp, x, y: xp.maximum(x, y),
    x=lambda g, x, y: _share(g, x > y, x == y),
    y=lambda g, x, y: _share(g, y > x, x == y),
)
minimum = elementwise(
    "minimum",
    lambda xp, x, y: xp.minimum(x, y),
    x=lambda g, x, y: _share(g, x < y, x == y),
    y=lambda g, x, y: _share(g, y < x, x == y),
)


def _share(g: Any, wins: Any, tie: Any) -> Any:
    """Return all of `g` where this side wins, half at a tie, else 0."""
    return where(tie, g * 0.5, where(wins, g, _zero(g)))


# --- exponentials and logarithms
exp = elementwise("exp", lambda xp, x: xp.exp(x), x=lambda g, out: g * out)
exp2 = elementwise("exp2", lambda xp, x: xp.exp2(x), x=lambda g, out: g * out * math.log(2))
expm1 = elementwise("expm1", lambda xp, x: xp.expm1(x), x=lambda g, out: g * (out + 1))
log = elementwise("log", lambda xp, x: xp.log(x), x=lambda g, x: unless_zero(g, g / x))
log2 = elementwise("log2", lambda xp, x: xp.log2(x), x=lambda g, x: unless_zero(g, g / (x * math.log(2))))
log10 = elementwise("log10", lambda xp, x: xp.log10(x), x=lambda g, x: unless_zero(g, g / (x * math.log(10))))
log1p = elementwise("log1p", lambda xp, x: xp.log1p(x), x=lambda g, x: unless_zero(g, g / (x + 1)))
sqrt = elementwise("sqrt", lambda xp, x: xp.sqrt(x), x=lambda g, out: unless_zero(g, g / (out * 2)))

# --- trigonometric and hyperbolic
sin = elementwise("sin", lambda xp, x: xp.sin(x), x=lambda g, x: g * cos(x))
cos = elementwise("cos", lambda xp, x: xp.cos(x), x=lambda g, x: -g * sin(x))
tan = elementwise("tan", lambda xp, x: xp.tan(x), x=lambda g, out: g * (1 + out * out))
asin = elementwise("asin", lambda xp, x: xp.arcsin(x), x=lambda g, x: unless_zero(g, g / sqrt(1 - x * x)))
acos = elementwise("acos", lambda xp, x: xp.arccos(x), x=lambda g, x: unless_zero(g, -g / sqrt(1 - x * x)))
atan = elementwise("atan", lambda xp, x: xp.arctan(x), x=lambda g, x: g / (1 + x * x))
sinh = elementwise("sinh", lambda xp, x: xp.sinh(x), x=lambda g, x: g * cosh(x))
cosh = elementwise("cosh", lambda xp, x: xp.cosh(x), x=lambda g, x: g * sinh(x))
tanh = elementwise("tanh", lambda xp, x: xp.tanh(x), x=lambda g, out: g * (1 - out * out))
asinh = elementwise("asinh", lambda xp, x: xp.arcsinh(x), x=lambda g, x: g / sqrt(1 + x * x))
acosh = elementwise("acosh", lambda xp, x: xp.arccosh(x), x=lambda g, x: unless_zero(g, g / sqrt(x * x - 1)))
atanh = elementwise("atanh", lambda xp, x: xp.arctanh(x), x=lambda g, x: unless_zero(g, g / (1 - x * x)))
atan2 = elementwise(
    "atan2",
    lambda xp, y, x: xp.arctan2(y, x),
    y=lambda g, y, x: unless_zero(g * x, g * x / (x * x + y * y)),
    x=lambda g, y, x: unless_zero(g * y, -g * y / (x * x + y * y)),
)


def _sigmoid(xp: Any, x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow on either side."""
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1, small) / (1 + small)


relu = elementwise(
    "relu", lambda xp, x: xp.maximum(x, xp.zeros((), x.dtype)), x=lambda g, out: where(out > 0, g, _zero(g))
)
sigmoid = elementwise("sigmoid", _sigmoid, x=lambda g, out: g * out * (1 - out))

# --- rounding, whose slope is 0
floor = elementwise("floor", lambda xp, x: xp.floor(x), x=lambda g: g * 0)
ceil = elementwise("ceil", lambda xp, x: xp.ceil(x), x=lambda g: g * 0)
round_ = elementwise("round", lambda xp, x: xp.rint(x), x=lambda g: g * 0)
trunc = elementwise("trunc", lambda xp, x: xp.trunc(x), x=lambda g: g * 0)

# --- comparisons and tests
eq = elementwise("eq", lambda xp, x, y: xp.equal(x, y), test_rule)
ne = elementwise("ne", lambda xp, x, y: xp.not_equal(x, y), test_rule)
lt = elementwise("lt", lambda xp, x, y: xp.less(x, y), test_rule)
le = elementwise("le", lambda xp, x, y: xp.less_equal(x, y), test_rule)
gt = elementwise("gt", lambda xp, x, y: xp.greater(x, y), test_rule)
ge = elementwise("ge", lambda xp, x, y: xp.greater_equal(x, y), test_rule)
isnan = elementwise("isnan", lambda xp, x: xp.isnan(x), test_rule)
isinf = elementwise("isinf", lambda xp, x: xp.isinf(x), test_rule)
isfinite = elementwise("isfinite", lambda xp, x: xp.isfinite(x), test_rule)

# --- logic on bool, bits on integers
bitwise_and = elementwise("bitwise_and", lambda xp, x, y: xp.bitwise_and(x, y))
bitwise_or = elementwise("bitwise_or", lambda xp, x, y: xp.bitwise_or(x, y))
bitwise_xor = elementwise("bitwise_xor", lambda xp, x, y: xp.bitwise_xor(x, y))
bitwise_not = elementwise("bitwise_not", lambda xp, x: xp.invert(x))


def _cast_rule(x: Symbol, *, dtype: dtypes.DType) -> Symbol:
    return Symbol(x.shape, dtype)


cast = elementwise(
    "cast",
    lambda xp, x, *, dtype: x.astype(dtype),
    _cast_rule,
    x=lambda g, x_like: cast(g, dtype=x_like.dtype),
)
