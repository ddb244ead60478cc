"""Trigonometric and hyperbolic functions and their inverses, element by element; angles are in radians."""

from __future__ import annotations

import math

from koubai.engine.tensor import Tensor
from koubai.functions.operands import as_float, method
from koubai.functions.rows import binary, unary
from koubai.ops import elementwise as ops

sin = unary(ops.sin, "the sine")
cos = unary(ops.cos, "the cosine")
tan = unary(ops.tan, "the tangent")
asin = arcsin = unary(ops.asin, "the inverse sine", "asin", "arcsin")
acos = arccos = unary(ops.acos, "the inverse cosine", "acos", "arccos")
atan = arctan = unary(ops.atan, "the inverse tangent", "atan", "arctan")
sinh = unary(ops.sinh, "the hyperbolic sine")
cosh = unary(ops.cosh, "the hyperbolic cosine")
tanh = unary(ops.tanh, "the hyperbolic tangent")
asinh = arcsinh = unary(ops.asinh, "the inverse hyperbolic sine", "asinh", "arcsinh")
acosh = arccosh = unary(ops.acosh, "the inverse hyperbolic cosine", "acosh", "arccosh")
atanh = arctanh = unary(ops.atanh, "the inverse hyperbolic tangent", "atanh", "arctanh")
atan2 = arctan2 = binary(
    ops.atan2, "the angle of the point (other, input)", "atan2", "arctan2", to_float=True
)


@method(in_place=True)
def sinc(input: Tensor) -> Tensor:
    """Return sin(pi x) / (pi x), and 1 at 0."""
    x = as_float(input)
    at_zero = x == 0
    angle = ops.where(at_zero, ops.zero(x) + 1, x) * math.pi
    return ops.where(at_zero, ops.zero(x) + 1, ops.sin(angle) / angle)  # type: ignore[no-any-return]


@method(in_place=True)
def deg2rad(input: Tensor) -> Tensor:
    """Return degrees as radians."""
    return as_float(input) * (math.pi / 180)


@method(in_place=True)
def rad2deg(input: Tensor) -> Tensor:
    """Return radians as degrees."""
    return as_float(input) * (180 / math.pi)


__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "rad2deg",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]
