"""Copies in which one part, such as a slice or a diagonal, is replaced."""

from __future__ import annotations

import numpy as np

from koubai.engine.tensor import Tensor
from koubai.functions.operands import Number, method
from koubai.functions.placing import beside

__all__ = ["diagonal_scatter", "select_scatter", "slice_scatter"]


def _replaced(copy: Tensor, part: Tensor, src: Tensor, by: str) -> Tensor:
    """Return `copy` after `src` was written to `part`, a view of it.

    Raises:
        RuntimeError: if `src` has not the shape of that part.
    """
    if src.shape != part.shape:
        raise RuntimeError(f"{by}: the part has the shape {list(part.shape)}, the source {list(src.shape)}")
    part.copy_(src)
    return copy


@method
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Return a copy in which `select(dim, index)` is replaced by `src`."""
    copy = input.clone()
    return _replaced(copy, copy.select(dim, index), src, "select_scatter")


@method
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """Return a copy in which the slice from `start` to `end` along `dim` is replaced by `src`."""
    copy = input.clone()
    part = copy.movedim(dim, 0)[start:end:step].movedim(0, dim)
    return _replaced(copy, part, src, "slice_scatter")


@method
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return a copy in which `diagonal(offset, dim1, dim2)` is replaced by `src`."""
    copy = input.clone()
    return _replaced(copy, copy.diagonal(offset, dim1, dim2), src, "diagonal_scatter")


@method
def fill_diagonal_(input: Tensor, fill_value: Number, wrap: bool = False) -> Tensor:
    """Set the main diagonal of a matrix, or of a tensor with equal dimensions, to one number, in place.

    Args:
        input: at least two-dimensional; with more dimensions, all of one length.
        fill_value: the number.
        wrap: in a matrix with more rows than columns, begin again after each block of columns and one row.

    Raises:
        RuntimeError: for fewer dimensions, or more that are not of one length.
    """
    if input.ndim < 2 or (input.ndim > 2 and len(set(input.shape)) > 1):
        raise RuntimeError(f"fill_diagonal_: {list(input.shape)} has no main diagonal")
    rows = np.arange(input.shape[0] if wrap else min(input.shape))
    places = [rows] * input.ndim
    if wrap and input.ndim == 2:
        block = input.shape[1] + 1
        places = [rows[rows % block < block - 1], rows[rows % block < block - 1] % block]
    input[tuple(beside(input, place) for place in places)] = fill_value
    return input
