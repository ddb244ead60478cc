"""Changing shapes: every result that only regards the same elements otherwise is a view."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.layout import regroup, strides_of
from koubai.functions.operands import method, normalize_dim, one_shape, view_method
from koubai.ops import movement as ops
from koubai.ops.op import Shape, ShapeError

__all__ = ["flatten", "numel", "ravel", "reshape", "squeeze", "unflatten", "unsqueeze"]

Sizes = Sequence[int]


@method(names=("numel", "nelement"))
def numel(input: Tensor) -> int:
    """Return the number of elements."""
    return math.prod(input.shape)


@method
def reshape(input: Tensor, *sizes: Any, shape: Sizes | None = None) -> Tensor:
    """Return the elements in another shape: a view where PyTorch's is one, else a copy.

    Args:
        input: any tensor.
        sizes: the lengths, or one sequence of them; one may be -1: the one that fits.
        shape: the same by name.

    Raises:
        RuntimeError: if the number of elements differs.

    Example:
        >>> koubai.arange(6).reshape(2, -1).shape
        (2, 3)
    """
    wanted = _completed(
        numel(input), one_shape(sizes) if shape is None else tuple(shape), "reshape", input.shape
    )
    result: Tensor = ops.reshape(input, shape=wanted)
    return result if _is_view(input, wanted) else result.clone()


@method
def view(input: Tensor, *sizes: Any) -> Tensor:
    """Return a view of the elements in another shape; as `reshape`, but never a copy.

    Given a dtype instead of a shape, the same bytes are read as elements of that type: `x.view(koubai.int32)`.

    Raises:
        RuntimeError: if the elements do not lie in memory so that the shape is a view of them, or the bytes do not make
            whole elements of the dtype.
    """
    if len(sizes) == 1 and isinstance(sizes[0], dtypes.dtype):
        return ops.bits(input, dtype=dtypes.as_dtype(sizes[0]))  # type: ignore[no-any-return]
    wanted = _completed(numel(input), one_shape(sizes), "view", input.shape)
    if not _is_view(input, wanted):
        raise RuntimeError(
            f"view: a tensor of shape {list(input.shape)} and strides {list(strides_of(input) or ())} cannot be "
            f"regarded as {list(wanted)} without a copy; use reshape()"
        )
    return ops.reshape(input, shape=wanted)  # type: ignore[no-any-return]


def _completed(size: int, shape: Shape, name: str, old: Shape) -> Shape:
    """Return `shape` with the length that fits in the place of -1.

    Raises:
        RuntimeError: if the shape does not hold `size` elements.
    """
    known = math.prod(length for length in shape if length != -1)
    fits = size == known if -1 not in shape else known != 0 and size % known == 0
    if not fits or shape.count(-1) > 1 or min(shape, default=0) < -1:
        raise ShapeError(
            f"{name}: {list(old)}, which is {size} elements, cannot take the shape {list(shape)}"
        )
    return tuple(size // known if length == -1 else length for length in shape)


def _is_view(input: Tensor, wanted: Shape) -> bool:
    """Tell whether PyTorch has this reshape as a view."""
    if input._view is None:
        return True
    strides = strides_of(input)
    if strides is None:  # then only dimensions of length 1 may come and go
        return [n for n in input.shape if n != 1] == [n for n in wanted if n != 1]
    return regroup(input.shape, strides, wanted) is not None


@method
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """Return a view in the shape of `other`."""
    return view(input, other.shape)


@method
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """Return the elements in the shape of `other`."""
    return reshape(input, other.shape)


@method
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the tensor with the dimensions from `start_dim` to `end_dim` joined into one.

    Raises:
        RuntimeError: if `start_dim` comes after `end_dim`.
    """
    first, last = normalize_dim(start_dim, input.ndim), normalize_dim(end_dim, input.ndim)
    if input.ndim == 0:
        return reshape(input, 1)
    if first > last:
        raise RuntimeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    if first == last:
        return input
    shape = input.shape
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@method
def ravel(input: Tensor) -> Tensor:
    """Return all elements in one dimension."""
    return reshape(input, numel(input))


@method
def unflatten(input: Tensor, dim: int, sizes: Sizes) -> Tensor:
    """Return a view in which the dimension `dim` is split into several, of lengths `sizes` (one may be -1).

    Raises:
        RuntimeError: if `sizes` do not multiply to the length of the dimension.
    """
    at = normalize_dim(dim, input.ndim)
    if not len(sizes):
        raise RuntimeError("unflatten: sizes must name at least one length")
    length = input.shape[at]
    lengths = _completed(length, tuple(sizes), f"unflatten of dimension {dim}", (length,))
    return view(input, (*input.shape[:at], *lengths, *input.shape[at + 1 :]))


@view_method
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Return a view with a new dimension of length 1 at `dim`."""
    at = normalize_dim(dim, input.ndim + 1)
    return ops.reshape(input, shape=(*input.shape[:at], 1, *input.shape[at:]))  # type: ignore[no-any-return]


@view_method
def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Return a view without the dimensions of length 1, or without those of them that `dim` names."""
    if dim is None:
        gone = set(range(input.ndim))
    else:
        gone = {normalize_dim(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)}
    kept = tuple(length for at, length in enumerate(input.shape) if length != 1 or at not in gone)
    return ops.reshape(input, shape=kept)  # type: ignore[no-any-return]
