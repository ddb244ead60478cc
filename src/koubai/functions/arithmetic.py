"""Arithmetic on tensors, element by element."""

from __future__ import annotations

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.operands import Number, Operand, as_type, method, promote, to_tensor
from koubai.functions.rows import binary, unary
from koubai.ops import elementwise as ops

mul = multiply = binary(ops.mul, "the product", "mul", "multiply")
floor_divide = binary(ops.floor_divide, "the quotient rounded down to a whole number")
remainder = binary(ops.remainder, "the remainder of the division, with the sign of the divisor (Python's %)")
fmod = binary(ops.fmod, "the remainder of the division, with the sign of the dividend (C's fmod)")
hypot = binary(ops.hypot, "the length of the hypotenuse, sqrt(x*x + y*y)")
copysign = binary(ops.copysign, "the first operand with the sign of the second", to_float=True)
nextafter = binary(
    ops.nextafter, "the next number that the dtype has after the first operand, towards the second"
)
gcd = binary(ops.gcd, "the greatest common divisor")
lcm = binary(ops.lcm, "the least common multiple")

neg = negative = unary(ops.neg, "the negative", "neg", "negative", to_float=False)
abs = absolute = unary(ops.abs_, "the absolute value", "abs", "absolute", to_float=False)
sign = unary(ops.sign, "-1, 0 or 1 by the sign", to_float=False)
sgn = unary(ops.sign, "-1, 0 or 1 by the sign", "sgn", to_float=False)
signbit = unary(
    ops.signbit, "whether the sign bit is set (as it is for -0.0)", to_float=False, in_place=False
)
reciprocal = unary(ops.reciprocal, "one over the value")


@method(names=("add",), in_place=True)
def add(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Return `input + alpha * other`."""
    x, y = promote(input, other)
    return ops.add(x, _times(alpha, y))  # type: ignore[no-any-return]


@method(names=("sub", "subtract"), in_place=True)
def sub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Return `input - alpha * other`.

    Raises:
        RuntimeError: for bool tensors, whose difference `^` or `logical_xor` gives.
    """
    x, y = promote(input, other)
    return ops.sub(x, _times(alpha, y))  # type: ignore[no-any-return]


subtract = sub


@method
def rsub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Return `other - alpha * input`."""
    return sub(other, input, alpha=alpha)


def _times(number: Number, tensor: Tensor) -> Tensor:
    """Return the tensor multiplied by a number that must not change its type.

    Raises:
        RuntimeError: if it would.
    """
    if number == 1:
        return tensor
    if dtypes.category(dtypes.scalar_dtype(number)) > dtypes.category(tensor.dtype):
        raise RuntimeError(
            f"a {tensor.dtype} tensor cannot be scaled by {number!r}; convert it to floating point first"
        )
    return ops.mul(tensor, as_type(number, tensor.dtype))  # type: ignore[no-any-return]


@method(names=("div", "divide"), in_place=True)
def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """Return the quotient; integers divide to the default floating type.

    Args:
        input: the dividend.
        other: the divisor.
        rounding_mode: None for the true quotient; "trunc" rounds it towards zero and "floor" down, and then integers
            stay integers.

    Raises:
        RuntimeError: if the mode is another, or an integer is divided by 0 with rounding.
    """
    if rounding_mode is None:
        return ops.div(*promote(input, other, to_float=True))  # type: ignore[no-any-return]
    rounded = {"trunc": ops.trunc_divide, "floor": ops.floor_divide}
    if rounding_mode not in rounded:
        raise RuntimeError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    return rounded[rounding_mode](*promote(input, other))  # type: ignore[no-any-return]


divide = div
true_divide = binary(ops.div, "the quotient", "true_divide", to_float=True)


@method(in_place=True)
def pow(input: Operand, exponent: Operand) -> Tensor:
    """Return `input` to the power `exponent`.

    Raises:
        RuntimeError: for an integer tensor to a negative whole number.
    """
    x, y = promote(input, exponent)
    if isinstance(exponent, int | float):
        if exponent == 2:
            return ops.mul(x, x)  # type: ignore[no-any-return]
        if exponent < 0 and not dtypes.is_floating(x.dtype):
            raise RuntimeError(
                f"{x.dtype} to the power {exponent} is a fraction; convert to floating point first"
            )
    return ops.pow_(x, y)  # type: ignore[no-any-return]


@method(in_place=True)
def float_power(input: Operand, exponent: Operand) -> Tensor:
    """Return `input` to the power `exponent`, computed in float64."""
    return pow(as_type(input, dtypes.float64), as_type(exponent, dtypes.float64))


@method(in_place=True)
def square(input: Operand) -> Tensor:
    """Return the square of each element."""
    return pow(input, 2)


@method
def positive(input: Tensor) -> Tensor:
    """Return the tensor itself.

    Raises:
        RuntimeError: for a bool tensor, which has no sign.
    """
    if input.dtype == dtypes.bool_:
        raise RuntimeError("positive: a bool tensor has no sign")
    return input


@method(in_place=True)
def addcmul(input: Tensor, tensor1: Operand, tensor2: Operand, *, value: Number = 1) -> Tensor:
    """Return `input + value * tensor1 * tensor2`."""
    x, a, b = promote(input, tensor1, tensor2)
    return ops.add(x, _times(value, ops.mul(a, b)))  # type: ignore[no-any-return]


@method(in_place=True)
def addcdiv(input: Tensor, tensor1: Operand, tensor2: Operand, *, value: Number = 1) -> Tensor:
    """Return `input + value * tensor1 / tensor2`.

    Raises:
        RuntimeError: for integers.
    """
    x, a, b = promote(input, tensor1, tensor2)
    if not dtypes.is_floating(x.dtype):
        raise RuntimeError(f"addcdiv needs floating-point tensors, got {x.dtype}")
    return ops.add(x, _times(value, ops.div(a, b)))  # type: ignore[no-any-return]


@method(in_place=True)
def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """Return `input + weight * (end - input)`: the point that far on the way to `end`."""
    x, y, w = promote(input, end, weight)
    return ops.add(x, ops.mul(w, ops.sub(y, x)))  # type: ignore[no-any-return]


@method(in_place=True)
def ldexp(input: Operand, other: Operand) -> Tensor:
    """Return `input * 2**other`."""
    return mul(input, pow(2.0, to_tensor(other)))


__all__ = [
    "abs",
    "absolute",
    "add",
    "addcdiv",
    "addcmul",
    "copysign",
    "div",
    "divide",
    "float_power",
    "floor_divide",
    "fmod",
    "gcd",
    "hypot",
    "lcm",
    "ldexp",
    "lerp",
    "mul",
    "multiply",
    "neg",
    "negative",
    "nextafter",
    "positive",
    "pow",
    "reciprocal",
    "remainder",
    "rsub",
    "sgn",
    "sign",
    "signbit",
    "square",
    "sub",
    "subtract",
    "true_divide",
]
