"""Reading elements at positions that are data."""

from __future__ import annotations

import math

import numpy as np

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.operands import as_type, method, normalize_dim
from koubai.functions.placing import beside
from koubai.ops import gather as ops
from koubai.ops import movement
from koubai.ops.op import Shape, ShapeError, broadcast_shapes, describe

__all__ = [
    "argwhere",
    "gather",
    "index_select",
    "masked_select",
    "nonzero",
    "take",
    "take_along_dim",
]


def checked_index(index: Tensor, size: int, dim: int, by: str, wraps: bool = False) -> Tensor:
    """Return an index as int64, checked to lie within a dimension of `size`.

    Raises:
        IndexError: if it is not of an integer type, or out of range.
    """
    if index.dtype == dtypes.bool_ or dtypes.is_floating(index.dtype):
        raise IndexError(f"{by}: an index must be of an integer type, not {index.dtype}")
    return ops.position(as_type(index, dtypes.int64), size=size, dim=dim, wraps=wraps, by=by)  # type: ignore[no-any-return]


def checked_mask(mask: Tensor, by: str) -> Tensor:
    """Return a mask.

    Raises:
        RuntimeError: if it is not bool.
    """
    if mask.dtype != dtypes.bool_:
        raise RuntimeError(f"{by}: the mask must be bool, not {mask.dtype}")
    return mask


def reshaped(x: Tensor, shape: Shape) -> Tensor:
    """Return a view in another shape, or the tensor itself if it has that shape."""
    return x if x.shape == shape else movement.reshape(x, shape=shape)


def flat(input: Tensor) -> Tensor:
    """Return all elements in one dimension."""
    return reshaped(input, (math.prod(input.shape),))


def as_line(tensor: Tensor) -> Tensor:
    """Return a number as a vector of one element; other tensors as they are."""
    return tensor if tensor.ndim else reshaped(tensor, (1,))


def along(index: Tensor, shape: Shape, dim: int, by: str, wraps: bool = False) -> Tensor:
    """Return the positions, in a flattened tensor of `shape`, of the elements that `index` points to along `dim`.

    In every other dimension the place of an element is that of its index, whose shape may be smaller there.
    """
    if len(index.shape) != len(shape):
        raise ShapeError(f"{by}: the index {list(index.shape)} must have as many dimensions as {list(shape)}")
    if any(n > length for at, (n, length) in enumerate(zip(index.shape, shape)) if at != dim):
        raise ShapeError(
            f"{by}: the index {list(index.shape)} is larger than {list(shape)} besides dimension {dim}"
        )
    positions, stride = checked_index(index, shape[dim], dim, by, wraps), math.prod(shape[dim + 1 :])
    if stride != 1:
        positions = positions * stride
    if index.shape == (index.shape[dim],):
        return positions
    starts = np.ix_(*(range(n) if at != dim else (0,) for at, n in enumerate(index.shape)))
    return positions + beside(positions, np.ravel_multi_index(starts, shape))


@method
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Return, at each place of `index`, the element of `input` that it points to along `dim`.

    Args:
        input: any tensor.
        dim: the dimension along which `index` points.
        index: integers, with as many dimensions as `input` and nowhere longer, besides along `dim`.
        sparse_grad: without effect; PyTorch has it.

    Returns:
        `out[i][j] = input[i][index[i][j]]` for `dim=1`, in the shape of `index`.

    Raises:
        IndexError: if an index is out of range (negative ones are).
        RuntimeError: if the shapes do not fit.
    """
    return _gathered(input, dim, index, "gather")


def _gathered(input: Tensor, dim: int, index: Tensor, by: str, wraps: bool = False) -> Tensor:
    line, places = as_line(input), as_line(index)
    at = normalize_dim(dim, input.ndim)
    positions = along(places, line.shape, at, by, wraps) if index.numel() else as_type(places, dtypes.int64)
    found = ops.index(flat(line), positions, dim=0)
    return reshaped(found, index.shape)


@method
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Return the elements that `indices` point to along `dim`, where both are broadcast in all other dimensions.

    Made for the results of `argsort` and `argmax`. Without `dim`, both are flattened. Negative indices count back.
    """
    if dim is None:
        return _gathered(flat(input), 0, flat(indices), "take_along_dim", wraps=True)
    at = normalize_dim(dim, input.ndim)
    if input.ndim != indices.ndim:
        raise ShapeError(f"take_along_dim: {describe([input, indices])} must have equally many dimensions")
    common = broadcast_shapes(_without(input.shape, at), _without(indices.shape, at))
    wide, places = (
        tensor.expand(*common[:at], tensor.shape[at], *common[at:]) for tensor in (input, indices)
    )
    return _gathered(wide, at, places, "take_along_dim", wraps=True)


def _without(shape: Shape, dim: int) -> Shape:
    return (*shape[:dim], *shape[dim + 1 :])


@method
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the slices of `input` at the positions `index` (a vector) along `dim`.

    Raises:
        IndexError: if an index is out of range (negative ones are).
    """
    if index.ndim > 1:
        raise IndexError(f"index_select: the index must be a vector, not of shape {list(index.shape)}")
    at, line = normalize_dim(dim, input.ndim), as_line(input)
    found = ops.index(line, checked_index(as_line(index), line.shape[at], at, "index_select"), dim=at)
    return found if input.ndim else reshaped(found, ())


@method
def take(input: Tensor, index: Tensor) -> Tensor:
    """Return the elements at positions of the flattened `input`, in the shape of `index`; negative ones count back.

    Raises:
        IndexError: if an index is out of range.
    """
    return ops.index(flat(input), checked_index(index, input.numel(), 0, "take", wraps=True), dim=0)  # type: ignore[no-any-return]


@method
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Return the positions of all nonzero elements: (count, input.ndim), or with `as_tuple` one vector per dimension.

    Raises:
        DataDependentError: when traced, since the shape depends on values.
    """
    places: Tensor = ops.nonzero(as_line(input) if as_tuple else input)
    return places.unbind(1) if as_tuple else places


@method
def argwhere(input: Tensor) -> Tensor:
    """Return the positions of all nonzero elements, (count, input.ndim)."""
    return ops.nonzero(input)  # type: ignore[no-any-return]


@method
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return the elements at which the mask holds, in one dimension; both are broadcast.

    Raises:
        DataDependentError: when traced, since the shape depends on values.
    """
    shape = broadcast_shapes(input.shape, checked_mask(mask, "masked_select").shape)
    chosen = ops.nonzero(flat(mask.expand(shape)))  # (count, 1)
    return ops.index(flat(input.expand(shape)), flat(chosen), dim=0)  # type: ignore[no-any-return]
