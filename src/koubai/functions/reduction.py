"""Reductions: sums, means, extremes along dimensions."""

from __future__ import annotations

import math

from numpy.typing import DTypeLike

from koubai import dtypes
from koubai.functions.operands import Dims, as_type, method, normalize_dims
from koubai.ops import reduce as ops
from koubai.tensor import Tensor


@method
def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Tensor:
    """Return the sum over the dimensions `dim` (all by default); integers and bool add up as int64."""
    if dtype is None:
        dtype = input.dtype if dtypes.is_floating(input.dtype) else dtypes.int64
    return ops.sum_(
        as_type(input, dtypes.as_dtype(dtype)), dims=normalize_dims(dim, input.ndim), keepdim=keepdim
    )


@method
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Tensor:
    """Return the mean over the dimensions `dim` (all by default).

    Raises:
        RuntimeError: for integers, unless a floating `dtype` is given.
    """
    if dtype is not None:
        input = as_type(input, dtypes.as_dtype(dtype))
    if not dtypes.is_floating(input.dtype):
        raise RuntimeError(f"mean() of {input.dtype} is not defined; convert first: x.float().mean()")
    count = math.prod(input.shape[d] for d in normalize_dims(dim, input.ndim))
    return sum(input, dim, keepdim) / (count if count else math.nan)


@method
def amax(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """Return the largest element along `dim`; tied elements share the gradient equally."""
    return ops.amax(input, dims=normalize_dims(dim, input.ndim), keepdim=keepdim)
