"""Rounding to whole numbers, whose gradient is 0 everywhere, and the replacement of what is not a number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.operands import Number, as_type, method
from koubai.ops import elementwise as ops
from koubai.ops.movement import alias
from koubai.ops.op import Op


def _rounding(op: Op, meaning: str, *names: str) -> Callable[[Tensor], Tensor]:
    """Make the function that rounds by `op`, and leaves integers as they are."""

    def function(input: Tensor) -> Tensor:
        result: Tensor = (op if dtypes.is_floating(input.dtype) else alias)(input)
        return result

    function.__name__ = function.__qualname__ = names[0]
    function.__doc__ = f"Return each element rounded {meaning}."
    return method(names=names, in_place=True)(function)


floor = _rounding(ops.floor, "down", "floor")
ceil = _rounding(ops.ceil, "up", "ceil")
trunc = fix = _rounding(ops.trunc, "towards zero", "trunc", "fix")


@method(in_place=True)
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Return each element rounded to `decimals` decimal places; halves go to the even neighbour."""
    if not dtypes.is_floating(input.dtype):
        return alias(input)  # type: ignore[no-any-return]
    if decimals == 0:
        return ops.round_(input)  # type: ignore[no-any-return]
    scale = 10.0 ** abs(decimals)
    return ops.round_(input * scale) / scale if decimals > 0 else ops.round_(input / scale) * scale  # type: ignore[no-any-return]


@method(in_place=True)
def frac(input: Tensor) -> Tensor:
    """Return what `trunc` takes away: the part behind the decimal point, with the sign of the number."""
    return input - ops.trunc(input)  # type: ignore[no-any-return]


@method(in_place=True)
def nan_to_num(
    input: Tensor, nan: Number = 0.0, posinf: Number | None = None, neginf: Number | None = None
) -> Tensor:
    """Return the tensor with NaN and infinities replaced, through which no gradient flows there.

    Args:
        input: any tensor; integers come back as they are.
        nan: stands for NaN.
        posinf: stands for infinity; by default the largest number of the dtype.
        neginf: stands for minus infinity; by default the smallest.
    """
    if not dtypes.is_floating(input.dtype):
        return alias(input)  # type: ignore[no-any-return]
    largest = float(np.finfo(input.dtype).max)
    infinite = as_type(largest if posinf is None else posinf, input.dtype)
    negative = as_type(-largest if neginf is None else neginf, input.dtype)
    bounded = ops.where(input == np.inf, infinite, ops.where(input == -np.inf, negative, input))
    return ops.where(ops.isnan(input), as_type(nan, input.dtype), bounded)  # type: ignore[no-any-return]


__all__ = ["ceil", "fix", "floor", "frac", "nan_to_num", "round", "trunc"]
