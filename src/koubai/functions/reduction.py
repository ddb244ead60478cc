"""Reductions: sums, products, means, variances and tests along dimensions."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

from koubai import dtypes
from koubai.dtypes import DTypeLike
from koubai.engine.tensor import Tensor
from koubai.functions.operands import Dims, as_float, as_type, method, normalize_dim, normalize_dims
from koubai.ops import elementwise as maps
from koubai.ops import movement
from koubai.ops import reduce as ops
from koubai.ops.op import Op


def summable(input: Tensor, dtype: DTypeLike) -> Tensor:
    """Return the tensor in the type it is added up in: `dtype`, else int64 for integers and bool."""
    if dtype is None:
        dtype = input.dtype if dtypes.is_floating(input.dtype) else dtypes.int64
    return as_type(input, dtypes.as_dtype(dtype))


def count_along(input: Tensor, dim: Dims) -> int:
    """Return how many elements each result along `dim` is made of."""
    return math.prod(input.shape[d] for d in normalize_dims(dim, input.ndim))


def check_floating(input: Tensor, name: str) -> None:
    """Raise RuntimeError unless the tensor is of a floating type."""
    if not dtypes.is_floating(input.dtype):
        raise RuntimeError(f"{name}() of {input.dtype} is not defined; convert first: x.float().{name}()")


@method
def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Tensor:
    """Return the sum over the dimensions `dim` (all by default); integers and bool add up as int64."""
    return ops.sum_(summable(input, dtype), dims=normalize_dims(dim, input.ndim), keepdim=keepdim)  # type: ignore[no-any-return]


@method
def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Tensor:
    """Return the sum over the dimensions `dim` (all by default), with NaN counted as 0."""
    x = summable(input, dtype)
    if dtypes.is_floating(x.dtype):
        x = maps.where(maps.isnan(x), maps.zero(x), x)
    return sum(x, dim, keepdim)


@method
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Tensor:
    """Return the mean over the dimensions `dim` (all by default).

    Raises:
        RuntimeError: for integers, unless a floating `dtype` is given.
    """
    x = input if dtype is None else as_type(input, dtypes.as_dtype(dtype))
    check_floating(x, "mean")
    return sum(x, dim, keepdim) / (count_along(x, dim) or math.nan)


@method
def nanmean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Tensor:
    """Return the mean over the dimensions `dim` (all by default) of what is not NaN."""
    x = input if dtype is None else as_type(input, dtypes.as_dtype(dtype))
    check_floating(x, "nanmean")
    return nansum(x, dim, keepdim) / as_type(~maps.isnan(x), x.dtype).sum(dim, keepdim)


@method
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Tensor:
    """Return the product of all elements, or along `dim`; integers and bool multiply as int64."""
    x = summable(input, dtype)
    if dim is None:
        return ops.prod(movement.reshape(x, shape=(math.prod(x.shape),)), dims=(0,), keepdim=False)  # type: ignore[no-any-return]
    dims = (normalize_dim(dim, x.ndim),)
    return ops.prod(x, dims=dims, keepdim=keepdim) if x.ndim else x


# --- spread


def _spread(name: str, finish: Callable[[Tensor, Tensor], Any], what: str) -> Callable[..., Any]:
    """Make one of var, std, var_mean, std_mean; `finish` takes the variance and the mean."""

    def function(
        input: Tensor,
        dim: Dims | bool = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        check_floating(input, name)
        if correction is None:
            correction = 0 if unbiased is False else 1
        middle = mean(input, dim, keepdim=True)
        away = input - middle
        degrees = builtins.max(count_along(input, dim) - correction, 0)
        variance = sum(away * away, dim, keepdim) / float(degrees)
        return finish(variance, middle if keepdim else sum(middle, dim))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Return {what} over the dimensions `dim` (all by default).

    Args:
        input: a floating tensor.
        dim: the dimensions to reduce; a bool here means `unbiased`.
        unbiased: False divides by the number of elements n, True (the default) by n - 1.
        keepdim: keep reduced dimensions with length 1.
        correction: divide by n - correction instead.

    Where all elements are equal, the gradient of a standard deviation is taken as 0.

    Raises:
        RuntimeError: for integers.
    """
    return method(function)


var = _spread("var", lambda variance, middle: variance, "the variance")
std = _spread("std", lambda variance, middle: maps.sqrt(variance), "the standard deviation")
var_mean = _spread("var_mean", lambda variance, middle: (variance, middle), "the variance and the mean")
std_mean = _spread(
    "std_mean", lambda variance, middle: (maps.sqrt(variance), middle), "the standard deviation and the mean"
)


@method
def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """Return log(sum(exp(input))) over the dimensions `dim`, without overflow."""
    x = as_float(input)
    dims = normalize_dims(dim, x.ndim)
    if count_along(x, dim) == 0:
        return maps.log(sum(maps.exp(x), dim, keepdim))  # type: ignore[no-any-return]
    largest = ops.amax(x.detach(), dims=dims, keepdim=True)
    shift = maps.where(maps.isfinite(largest), largest, maps.zero(x))
    total = maps.log(sum(maps.exp(x - shift), dim, keepdim))
    return total + (shift if keepdim else sum(shift, dim))  # type: ignore[no-any-return]


# --- tests


def _test(name: str, op: Op, meaning: str) -> Callable[..., Tensor]:
    def function(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
        found = op(as_type(input, dtypes.bool_), dims=normalize_dims(dim, input.ndim), keepdim=keepdim)
        return as_type(found, dtypes.uint8) if input.dtype == dtypes.uint8 else found

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Return whether {meaning} over the dimensions `dim` (all by default) is not 0."
    return method(function)


any = _test("any", ops.any_, "any element")
all = _test("all", ops.all_, "every element")


@method
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """Return how many elements over the dimensions `dim` (all by default) are not 0."""
    return sum(as_type(input, dtypes.bool_), dim)


__all__ = [
    "all",
    "any",
    "count_nonzero",
    "logsumexp",
    "mean",
    "nanmean",
    "nansum",
    "prod",
    "std",
    "std_mean",
    "sum",
    "var",
    "var_mean",
]
