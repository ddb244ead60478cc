"""Running sums, products and extremes along a dimension, and differences of neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koubai import dtypes
from koubai.dtypes import DTypeLike
from koubai.engine.tensor import Tensor
from koubai.functions.arithmetic import sub
from koubai.functions.gathering import as_line, gather
from koubai.functions.joining import cat
from koubai.functions.logic import logical_xor
from koubai.functions.operands import as_float, method, normalize_dim
from koubai.functions.reduction import summable
from koubai.functions.sorting import Ordered, names_its_result
from koubai.ops import cumulative as ops
from koubai.ops.op import Op


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
    return method(names_its_result(function))


cummax = _extreme_so_far("cummax", "largest", True)
cummin = _extreme_so_far("cummin", "smallest", False)


@method
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Return the differences of neighbours along `dim`, which is shorter by one for each time.

    Args:
        input: a tensor of at least one dimension.
        n: how often differences are taken.
        dim: the dimension.
        prepend: put before the elements first.
        append: put behind the elements first.

    Raises:
        RuntimeError: for a number, or negative `n`.
    """
    if input.ndim == 0 or n < 0:
        raise RuntimeError(
            f"diff: needs at least one dimension and n >= 0, got {list(input.shape)} and n={n}"
        )
    if n == 0:
        return input
    x = cat([part for part in (prepend, input, append) if part is not None], dim)
    subtract = logical_xor if x.dtype == dtypes.bool_ else sub
    for _ in range(min(n, x.shape[dim])):
        length = x.shape[dim]
        x = subtract(x.narrow(dim, 1, length - 1), x.narrow(dim, 0, length - 1))
    return x


__all__ = ["cummax", "cummin", "cumprod", "cumsum", "diff", "logcumsumexp"]
