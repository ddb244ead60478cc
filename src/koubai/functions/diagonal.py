"""Diagonals and triangles of matrices.

`offset` and `diagonal` count diagonals: 0 is the main one, positive ones lie above it, negative ones below.
"""

from __future__ import annotations

import numpy as np

from koubai.engine.tensor import Tensor
from koubai.functions.layout import strides_of
from koubai.functions.operands import method, normalize_dim
from koubai.functions.placing import beside
from koubai.ops import elementwise
from koubai.ops import movement as ops
from koubai.ops.op import ShapeError

__all__ = ["diag", "diag_embed", "diagflat", "diagonal", "tril", "triu"]


def _line(rows: int, columns: int, offset: int) -> ops.Span:
    """Return where the elements of a diagonal lie in the matrix written row by row: (start, stop, step)."""
    start = offset if offset >= 0 else -offset * columns
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    return (start, start + (length - 1) * (columns + 1) + 1, columns + 1) if length else (0, 0, 1)


def _matrix_dims(ndim: int, dim1: int, dim2: int, name: str) -> tuple[int, int]:
    first, second = normalize_dim(dim1, ndim), normalize_dim(dim2, ndim)
    if first == second:
        raise ShapeError(f"{name}: dim1 and dim2 must be two dimensions, both are {dim1}")
    return first, second


@method
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return a view of a diagonal of the matrices that lie in two dimensions; it is the last dimension.

    Args:
        input: at least two-dimensional.
        offset: which diagonal.
        dim1: the dimension of the rows.
        dim2: the dimension of the columns.

    Raises:
        RuntimeError: if `dim1` and `dim2` are the same.
    """
    first, second = _matrix_dims(input.ndim, dim1, dim2, "diagonal")
    rows, columns = input.shape[first], input.shape[second]
    rest = [dim for dim in range(input.ndim) if dim not in (first, second)]
    last = input if [*rest, first, second] == list(range(input.ndim)) else input.permute(*rest, first, second)
    outer = last.shape[:-2]
    lines = ops.reshape(last, shape=(*outer, rows * columns))
    spans = (*((0, length, 1) for length in outer), _line(rows, columns, offset))
    line: Tensor = ops.slice_(lines, spans=spans)
    strides = strides_of(input)
    if strides and line._view is not None:  # a diagonal has strides also where the lines have none
        line._view.strides = (*(strides[dim] for dim in rest), strides[first] + strides[second])
    return line


@method
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return matrices, in the dimensions `dim1` and `dim2`, with the last dimension of `input` on a diagonal."""
    first, second = _matrix_dims(input.ndim + 1, dim1, dim2, "diag_embed")
    if first > second:
        first, second, offset = second, first, -offset
    outer, side = input.shape[:-1], input.shape[-1] + abs(offset)
    spans = (*((0, length, 1) for length in outer), _line(side, side, offset))
    lines = ops.place(input, shape=(*outer, side * side), spans=spans, fill=0)
    matrices: Tensor = ops.reshape(lines, shape=(*outer, side, side))
    return matrices.movedim((-2, -1), (first, second)).contiguous()


@method
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return a matrix with a vector on its diagonal, or a copy of the diagonal of a matrix."""
    if input.ndim not in (1, 2):
        raise ShapeError(f"diag: a vector or a matrix is needed, not {list(input.shape)}")
    return diag_embed(input, diagonal) if input.ndim == 1 else _diagonal(input, diagonal).clone()


_diagonal = diagonal


@method
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Return a matrix with all elements of `input` on its diagonal."""
    return diag_embed(input.reshape(input.numel()), offset)


@method
def trace(input: Tensor) -> Tensor:
    """Return the sum of the diagonal of a matrix."""
    if input.ndim != 2:
        raise ShapeError(f"trace: a matrix is needed, not {list(input.shape)}")
    return diagonal(input).sum()


def _keep(input: Tensor, offset: int, lower: bool) -> Tensor:
    """Return the matrices with 0 above (or below) a diagonal."""
    if input.ndim < 2:
        raise ShapeError(f"{'tril' if lower else 'triu'}: {list(input.shape)} has fewer than two dimensions")
    rows, columns = (beside(input, np.arange(length)) for length in input.shape[-2:])
    above = columns - rows.unsqueeze(1)  # (rows, columns): on which diagonal each element lies
    kept = above <= offset if lower else above >= offset
    return elementwise.where(kept, input, input.new_zeros(()))  # type: ignore[no-any-return]


@method(in_place=True)
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the lower triangle of each matrix, up to and with a diagonal, and 0 above it."""
    return _keep(input, diagonal, lower=True)


@method(in_place=True)
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the upper triangle of each matrix, from a diagonal on, and 0 below it."""
    return _keep(input, diagonal, lower=False)
