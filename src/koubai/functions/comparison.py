"""Comparisons and tests, whose results are bool, and the choice by a condition."""

from __future__ import annotations

from typing import overload

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.operands import Operand, as_float, method, promote
from koubai.functions.rows import binary, unary
from koubai.ops import elementwise as ops
from koubai.ops.op import ShapeError

eq = binary(ops.eq, "whether both are equal")
ne = not_equal = binary(ops.ne, "whether both differ", "ne", "not_equal")
lt = less = binary(ops.lt, "whether the first is smaller", "lt", "less")
le = less_equal = binary(ops.le, "whether the first is smaller or both are equal", "le", "less_equal")
gt = greater = binary(ops.gt, "whether the first is larger", "gt", "greater")
ge = greater_equal = binary(ops.ge, "whether the first is larger or both are equal", "ge", "greater_equal")

isnan = unary(ops.isnan, "whether it is NaN", in_place=False)
isinf = unary(ops.isinf, "whether it is infinite", in_place=False)
isfinite = unary(ops.isfinite, "whether it is neither NaN nor infinite", in_place=False)


@method
def isposinf(input: Tensor) -> Tensor:
    """Return whether each element is infinity."""
    return as_float(input) == float("inf")


@method
def isneginf(input: Tensor) -> Tensor:
    """Return whether each element is minus infinity."""
    return as_float(input) == -float("inf")


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Tensor, input: Operand, other: Operand) -> Tensor: ...
@method
def where(
    condition: Tensor, input: Operand | None = None, other: Operand | None = None
) -> Tensor | tuple[Tensor, ...]:
    """Return `input` where the condition holds, else `other`; no gradient flows to the branch not taken.

    With the condition alone: the indices of where it holds, one tensor for each dimension.

    Args:
        condition: a bool tensor.
        input: a tensor or number, broadcast with the others.
        other: likewise.

    Raises:
        ShapeError: if the condition is not bool.
    """
    if input is None or other is None:
        return condition.nonzero(as_tuple=True)
    if condition.dtype != dtypes.bool_:
        raise ShapeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}; "
            "compare it with something, or use condition.bool()"
        )
    return ops.where(condition, *promote(input, other))  # type: ignore[no-any-return]


def _where_method(input: Tensor, condition: Tensor, other: Operand) -> Tensor:
    """Return this tensor's elements where the condition holds, else those of `other`."""
    return where(condition, input, other)


Tensor.where = _where_method  # type: ignore[attr-defined]


@method
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Return where |input - other| <= atol + rtol * |other|.

    Args:
        input: a tensor.
        other: what it is compared with.
        rtol: the tolerance relative to `other`.
        atol: the absolute tolerance.
        equal_nan: whether NaN is close to NaN.
    """
    x, y = promote(input, other)
    close = x == y
    if dtypes.is_floating(x.dtype) and equal_nan:
        close = close | (isnan(x) & isnan(y))
    distance = abs(as_float(x) - as_float(y))
    return close | (isfinite(distance) & (distance <= atol + abs(rtol * as_float(y))))


@method
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Tell whether all elements are close, as `isclose` has it."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@method
def equal(input: Tensor, other: Tensor) -> bool:
    """Tell whether both tensors have the same shape and elements."""
    return input.shape == other.shape and bool((input == other).all())


def isin(
    elements: Operand, test_elements: Operand, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Return where an element is one of `test_elements` (or with `invert`, is none of them)."""
    x, candidates = promote(elements, test_elements)
    found = (x.unsqueeze(-1) == candidates.reshape((-1,))).any(-1)
    return ~found if invert else found


__all__ = [
    "allclose",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "le",
    "less",
    "less_equal",
    "lt",
    "ne",
    "not_equal",
    "where",
]
