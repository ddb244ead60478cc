"""Stretching dimensions of length 1, and bringing shapes together. All are views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from koubai.engine.tensor import Tensor
from koubai.functions.operands import method, one_shape, to_tensor
from koubai.ops import movement as ops
from koubai.ops.op import Shape, ShapeError
from koubai.ops.op import broadcast_shapes as common_shape

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "meshgrid",
]


@method
def expand(input: Tensor, *sizes: Any, size: Sequence[int] | None = None, implicit: bool = False) -> Tensor:
    """Return a view in which dimensions of length 1 are stretched; -1 keeps a length.

    Args:
        input: any tensor.
        sizes: the lengths of the result, or one sequence of them; new dimensions come first.
        size: the same by name.
        implicit: without effect; PyTorch has it.

    Raises:
        RuntimeError: if another dimension than those of length 1 would change.
    """
    wanted = one_shape(sizes) if size is None else tuple(size)
    new = len(wanted) - input.ndim
    if new < 0 or -1 in wanted[:new]:
        raise ShapeError(f"expand: {list(input.shape)} cannot be expanded to {list(wanted)}")
    lengths = zip(wanted[new:], input.shape)
    shape = (*wanted[:new], *(old if length == -1 else length for length, old in lengths))
    return ops.expand(input, shape=shape)  # type: ignore[no-any-return]


@method
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Return a view stretched to the shape of `other`."""
    return expand(input, other.shape)


@method
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Return a view stretched to the shape `size`."""
    return expand(input, size)


def broadcast_shapes(*shapes: int | Sequence[int]) -> Shape:
    """Return the shape that tensors of these shapes have in common.

    Raises:
        RuntimeError: if they do not broadcast.
    """
    return common_shape(*((shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes))


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return views of all tensors in their common shape."""
    given = _several(tensors)
    shape = common_shape(*(tensor.shape for tensor in given))
    return tuple(expand(tensor, shape) for tensor in given)


def meshgrid(*tensors: Tensor, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Return the coordinates of a grid: one view per tensor, which varies along its own dimension only.

    Args:
        tensors: one-dimensional tensors (or numbers), of lengths N1, N2 …
        indexing: "ij": results have the shape (N1, N2, …); "xy": (N2, N1, …), as for pictures.

    Raises:
        ValueError: for another `indexing`.
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f'meshgrid: indexing must be "ij" or "xy", not {indexing!r}')
    given = _several(tensors)
    if any(tensor.ndim > 1 for tensor in given) or len({tensor.dtype for tensor in given}) > 1:
        raise ShapeError("meshgrid: the tensors must be one-dimensional and of one element type")
    order = [1, 0, *range(2, len(given))] if indexing == "xy" and len(given) > 1 else list(range(len(given)))
    lengths = [given[dim].numel() for dim in order]
    own = [
        tuple(length if dim == at else 1 for dim, length in zip(order, lengths)) for at in range(len(given))
    ]
    return tuple(expand(tensor.reshape(shape), lengths) for tensor, shape in zip(given, own))


def _several(tensors: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Read tensors that are given one by one or as one sequence."""
    if len(tensors) == 1 and isinstance(tensors[0], Sequence):
        tensors = tuple(tensors[0])
    return tuple(map(to_tensor, tensors))


def _at_least(ndim: int, shape_of: Callable[[Shape], Shape]) -> Callable[..., Any]:
    """Make the function that gives its arguments at least `ndim` dimensions."""

    def raised(*tensors: Any) -> Any:
        results = tuple(t if t.ndim >= ndim else t.reshape(shape_of(t.shape)) for t in _several(tensors))
        return results[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else results

    raised.__name__ = raised.__qualname__ = f"atleast_{ndim}d"
    raised.__doc__ = (
        f"Return a view of each tensor with at least {ndim} dimensions; a tuple if several are given."
    )
    return raised


atleast_1d = _at_least(1, lambda shape: (1,))
atleast_2d = _at_least(2, lambda shape: (1, *shape) if shape else (1, 1))
atleast_3d = _at_least(3, lambda shape: (*shape, 1) if len(shape) == 2 else (1, *(shape or (1,)), 1))
