"""Logic on truth values (anything but 0 is true), and on the bits of integers."""

from __future__ import annotations

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.operands import Operand, as_type, method, promote, to_tensor
from koubai.functions.rows import Binary, binary, unary
from koubai.ops import elementwise as ops
from koubai.ops.op import Op

bitwise_and = binary(ops.bitwise_and, "the bits set in both")
bitwise_or = binary(ops.bitwise_or, "the bits set in either")
bitwise_xor = binary(ops.bitwise_xor, "the bits set in exactly one")
bitwise_not = unary(ops.bitwise_not, "the bits turned over (for bool: the opposite)", to_float=False)
bitwise_left_shift = binary(ops.left_shift, "the bits of the first shifted left by the second")
bitwise_right_shift = binary(ops.right_shift, "the bits of the first shifted right by the second")


def _logical(name: str, op: Op, meaning: str) -> Binary:
    def function(input: Operand, other: Operand) -> Tensor:
        x, y = (as_type(to_tensor(operand), dtypes.bool_) for operand in (input, other))
        result: Tensor = op(x, y)
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Return whether {meaning}, element by element; anything but 0 is true."
    return method(in_place=True)(function)


logical_and = _logical("logical_and", ops.bitwise_and, "both are true")
logical_or = _logical("logical_or", ops.bitwise_or, "either is true")
logical_xor = _logical("logical_xor", ops.bitwise_xor, "exactly one is true")


@method(in_place=True)
def logical_not(input: Tensor) -> Tensor:
    """Return whether each element is 0."""
    return ops.bitwise_not(as_type(to_tensor(input), dtypes.bool_))  # type: ignore[no-any-return]


@method(in_place=True)
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """Return 0 for negative elements, 1 for positive ones, and `values` where they are 0."""
    x, at_zero = promote(input, values)
    return ops.where(x == 0, at_zero, as_type(x > 0, x.dtype))  # type: ignore[no-any-return]


__all__ = [
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "heaviside",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
]
