"""Running sums, products and extremes along a dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koubai.dtypes import DTypeLike
from koubai.functions.gathering import as_line, gather
from koubai.functions.operands import as_float, method, normalize_dim
from koubai.functions.reduction import summable
from koubai.functions.sorting import Ordered
from koubai.ops import cumulative as ops
from koubai.ops.op import Op
from koubai.tensor import Tensor


def _run(op: Op, input: Tensor, dim: int, **attributes: Any) -> Tensor:
    """Apply a running op; a zero-dimensional tensor counts as a line of one element."""
    result: Tensor = op(as_line(input), dim=normalize_dim(dim, input.ndim), **attributes)
    return result if input.ndim else result.reshape(())


@method(in_place=True)
def cumsum(input: Tensor, dim: int, *, dtype: DTypeLike = None) -> Tensor:
    """Return the sum of each element and those before it along `dim`; integers and bool add up as int64."""
    return _run(ops.cumsum, summable(input, dtype), dim)


@method(in_place=True)
def cumprod(input: Tensor, dim: int, *, dtype: DTypeLike = None) -> Tensor:
    """Return the product of each element and those before it along `dim`; integers and bool multiply as int64."""
    return _run(ops.cumprod, summable(input, dtype), dim)


@method
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """Return the logarithm of the running sum of exponentials along `dim`, without overflow."""
    return _run(ops.logcumsumexp, as_float(input), dim)


def _extreme_so_far(name: str, which: str, largest: bool) -> Callable[[Tensor, int], Ordered]:
    def function(input: Tensor, dim: int) -> Ordered:
        indices = _run(ops.extreme_position, input.detach(), dim, largest=largest)
        return Ordered(gather(input, dim, indices), indices)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"Return the {which} element so far along `dim`, and where it stands (the latest of several)."
    )
    return method(function)


cummax = _extreme_so_far("cummax", "largest", True)
cummin = _extreme_so_far("cummin", "smallest", False)

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "logcumsumexp"]
