"""Changing shapes: every result that only regards the same elements otherwise is a view."""

from __future__ import annotations

import math
from typing import Any

from koubai.functions.operands import method, normalize_dim, one_shape
from koubai.ops import movement as ops
from koubai.tensor import Tensor


@method
def numel(input: Tensor) -> int:
    """Return the number of elements."""
    return math.prod(input.shape)


@method(names=("reshape", "view"))
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """Return the elements in the given shape, in which one length may be -1: the one that fits."""
    wanted = one_shape(shape)
    if -1 in wanted:
        known = math.prod(length for length in wanted if length != -1)
        fitting = numel(input) // known if known else 0
        wanted = tuple(fitting if length == -1 else length for length in wanted)
    return ops.reshape(input, shape=wanted)


@method
def permute(input: Tensor, *dims: Any) -> Tensor:
    """Return the dimensions in the order `dims`."""
    return ops.permute(input, dims=tuple(normalize_dim(d, input.ndim) for d in one_shape(dims)))


@method
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return the tensor with two dimensions exchanged."""
    first, second = normalize_dim(dim0, input.ndim), normalize_dim(dim1, input.ndim)
    dims = list(range(input.ndim))
    dims[first], dims[second] = second, first
    return ops.permute(input, dims=tuple(dims))


Tensor.T = property(lambda self: permute(self, *reversed(range(self.ndim))))  # type: ignore[attr-defined]
