"""Joining tensors into one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from koubai.engine.tensor import Tensor
from koubai.functions.broadcasting import atleast_1d, atleast_2d, atleast_3d, meshgrid
from koubai.functions.operands import normalize_dim, promote
from koubai.functions.placing import beside
from koubai.ops import movement as ops
from koubai.ops.op import ShapeError

__all__ = [
    "block_diag",
    "cartesian_prod",
    "cat",
    "column_stack",
    "combinations",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "row_stack",
    "stack",
    "vstack",
]

Tensors = Sequence[Tensor]


def cat(tensors: Tensors, dim: int = 0) -> Tensor:
    """Return the tensors one after the other along `dim`, in their common element type.

    Args:
        tensors: of one shape except along `dim`; empty ones of shape (0,) are left out, as PyTorch does.
        dim: an existing dimension; `stack` makes a new one.

    Raises:
        ValueError: if there are no tensors.
        RuntimeError: if the shapes do not fit, or a tensor has no dimension.
    """
    if not tensors:
        raise ValueError("cat: there is no tensor to join")
    if any(tensor.ndim == 0 for tensor in tensors):
        raise ShapeError("cat: a tensor without dimensions cannot be joined to others; use stack")
    promoted = promote(*tensors)
    parts = [tensor for tensor in promoted if tensor.shape != (0,)] or promoted
    return ops.cat(*parts, dim=normalize_dim(dim, parts[0].ndim))  # type: ignore[no-any-return]


concat = concatenate = cat


def stack(tensors: Tensors, dim: int = 0) -> Tensor:
    """Return the tensors, all of one shape, side by side along a new dimension `dim`.

    Raises:
        ValueError: if there are no tensors.
        RuntimeError: if the shapes differ.

    Example:
        >>> koubai.stack([koubai.zeros(3), koubai.ones(3)]).shape
        (2, 3)
    """
    if not tensors:
        raise ValueError("stack: there is no tensor to join")
    shapes = {tensor.shape for tensor in tensors}
    if len(shapes) > 1:
        raise ShapeError(
            f"stack: the tensors must have one shape, not {' and '.join(str(list(shape)) for shape in sorted(shapes))}"
        )
    at = normalize_dim(dim, tensors[0].ndim + 1)
    return cat([tensor.unsqueeze(at) for tensor in tensors], at)


def hstack(tensors: Tensors) -> Tensor:
    """Return the tensors side by side: along the second dimension, vectors along their only one."""
    raised = [atleast_1d(tensor) for tensor in tensors]
    return cat(raised, 0 if raised and raised[0].ndim == 1 else 1)


def vstack(tensors: Tensors) -> Tensor:
    """Return the tensors one below the other: along the first dimension, vectors as rows."""
    return cat([atleast_2d(tensor) for tensor in tensors], 0)


row_stack = vstack


def dstack(tensors: Tensors) -> Tensor:
    """Return the tensors one behind the other: along the third dimension."""
    return cat([atleast_3d(tensor) for tensor in tensors], 2)


def column_stack(tensors: Tensors) -> Tensor:
    """Return the tensors side by side, vectors as columns."""
    return hstack([tensor.reshape(-1, 1) if tensor.ndim < 2 else tensor for tensor in tensors])


def block_diag(*tensors: Tensor) -> Tensor:
    """Return a matrix with the given matrices (or rows, or numbers) along its diagonal and 0 elsewhere."""
    blocks = promote(*(atleast_2d(tensor) for tensor in tensors))
    width = sum(block.shape[1] for block in blocks)
    rows, left = [], 0
    for block in blocks:
        if block.ndim > 2:
            raise ShapeError(f"block_diag: {list(block.shape)} is not a matrix")
        spans = ((0, block.shape[0], 1), (left, left + block.shape[1], 1))
        rows.append(ops.place(block, shape=(block.shape[0], width), spans=spans, fill=0))
        left += block.shape[1]
    return cat(rows, 0)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Return all combinations of one element from each vector, as rows: (N1·N2·…, number of vectors).

    One vector alone is returned as it is.
    """
    if any(tensor.ndim != 1 for tensor in tensors):
        raise ShapeError("cartesian_prod: the tensors must be one-dimensional")
    if len(tensors) == 1:
        return tensors[0]
    columns: list[Any] = [grid.reshape(-1) for grid in meshgrid(*tensors)]
    return stack(columns, 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return all choices of `r` elements of a vector, in its order, as rows: (number of choices, r).

    Args:
        input: a vector.
        r: how many are chosen.
        with_replacement: an element may be chosen again.

    Raises:
        RuntimeError: if `input` is no vector, or `r` is negative.
    """
    if input.ndim != 1 or r < 0:
        raise ShapeError(f"combinations: needs a vector and r >= 0, got {list(input.shape)} and r={r}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    if r == 0:
        return input.new_zeros((0,))
    chosen = np.array(list(choose(range(len(input)), r)), np.int64)
    return input[beside(input, chosen.reshape(-1, r))]
