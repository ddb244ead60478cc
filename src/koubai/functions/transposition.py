"""Other orders of the dimensions. All are views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koubai.engine.tensor import Tensor
from koubai.functions.operands import method, normalize_dim, one_shape, view_method
from koubai.ops import movement as ops
from koubai.ops.op import ShapeError

__all__ = ["adjoint", "moveaxis", "movedim", "permute", "swapaxes", "swapdims", "t", "transpose"]


@method
def permute(input: Tensor, *order: Any, dims: Sequence[int] | None = None) -> Tensor:
    """Return a view with the dimensions in another order.

    Args:
        input: any tensor.
        order: for each dimension of the result, the dimension of `input` that it is; or one sequence of them.
        dims: the same by name.

    Example:
        >>> koubai.zeros(2, 3, 5).permute(2, 0, 1).shape
        (5, 2, 3)
    """
    wanted = one_shape(order) if dims is None else tuple(dims)
    if len(wanted) != input.ndim:
        raise ShapeError(f"permute: {list(wanted)} does not name each dimension of {list(input.shape)} once")
    return ops.permute(input, dims=tuple(normalize_dim(d, input.ndim) for d in wanted))  # type: ignore[no-any-return]


@view_method
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two dimensions exchanged."""
    first, second = normalize_dim(dim0, input.ndim), normalize_dim(dim1, input.ndim)
    dims = list(range(input.ndim))
    if dims:
        dims[first], dims[second] = second, first
    return permute(input, dims)


@view_method
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Return a view with two dimensions exchanged."""
    return transpose(input, axis0, axis1)


@view_method
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two dimensions exchanged."""
    return transpose(input, dim0, dim1)


@view_method
def t(input: Tensor) -> Tensor:
    """Return a matrix transposed; a vector or number as it is.

    Raises:
        RuntimeError: for more than two dimensions.
    """
    if input.ndim > 2:
        raise ShapeError(
            f"t: {list(input.shape)} has more than two dimensions; use transpose(dim0, dim1) or mT"
        )
    return permute(input, *reversed(range(input.ndim)))


@method
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return a view in which the dimensions `source` stand at `destination`, the others in their order.

    Raises:
        RuntimeError: if the two do not name equally many dimensions, or one of them twice.
    """
    sources, destinations = _dims(input, source), _dims(input, destination)
    if len(sources) != len(destinations):
        raise ShapeError(f"movedim: source {source} and destination {destination} do not match one to one")
    rest = iter(dim for dim in range(input.ndim) if dim not in sources)
    placed = dict(zip(destinations, sources))
    return permute(input, [placed[dim] if dim in placed else next(rest) for dim in range(input.ndim)])


def _dims(input: Tensor, dim: int | Sequence[int]) -> list[int]:
    """Return dimensions counted from the front, in the given order.

    Raises:
        RuntimeError: if one is named twice.
    """
    dims = [normalize_dim(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
    if len(set(dims)) != len(dims):
        raise ShapeError(f"movedim: a dimension is named twice in {dim}")
    return dims if input.ndim else []


@method
def moveaxis(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return a view in which the dimensions `source` stand at `destination`, the others in their order."""
    return movedim(input, source, destination)


@method
def adjoint(input: Tensor) -> Tensor:
    """Return a view with the last two dimensions exchanged.

    Raises:
        RuntimeError: for fewer than two dimensions.
    """
    if input.ndim < 2:
        raise ShapeError(f"mT: a matrix has at least two dimensions, {list(input.shape)} has {input.ndim}")
    return transpose(input, -2, -1)


def _reversed(input: Tensor) -> Tensor:
    return permute(input, *reversed(range(input.ndim)))


# Conjugation does nothing to real numbers, so H is T, and mH is mT.
Tensor.T = property(_reversed)  # type: ignore[assignment]
Tensor.H = property(t)  # type: ignore[assignment]
Tensor.mT = property(adjoint)  # type: ignore[assignment]
Tensor.mH = property(adjoint)  # type: ignore[attr-defined]
