"""`x[index]` and `x[index] = value`, with PyTorch's rules for every kind of index.

The basic part of an index gives a view. Integer tensors and masks in it are then read from the view, or written into
it, at positions along one dimension: `[i, j]` of lengths (n, m) is the position `i * m + j` of length n·m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.gathering import reshaped
from koubai.functions.operands import as_type, method, to_tensor
from koubai.functions.placing import on_device
from koubai.functions.selection import is_mask, read_index
from koubai.ops import elementwise, gather
from koubai.ops import movement as ops
from koubai.ops.op import Shape

__all__ = ["index_put"]


@dataclass
class _Places:
    """Positions along one dimension of a tensor whose dimensions are put into an order and some of them joined."""

    positions: Tensor
    dim: int
    order: Shape
    ordered: Shape
    joined: Shape

    def arrange(self, x: Tensor) -> Tensor:
        """Return `x` so arranged."""
        return reshaped(_permuted(x, self.order), self.joined)

    def restore(self, arranged: Tensor) -> Tensor:
        """Return a tensor so arranged in the usual form."""
        return _permuted(reshaped(arranged, self.ordered), ops.inverse(self.order))


def _permuted(x: Tensor, order: Shape) -> Tensor:
    return x if order == tuple(range(x.ndim)) else ops.permute(x, dims=order)


def _places(shape: Shape, tensors: dict[int, Tensor]) -> _Places:
    """Bring indices of several dimensions to positions along one: where they are if they are neighbours, else in front.

    Indices that are single numbers (whose value is not known, or they would be integers) count as integers do: as if
    their dimension was not there.
    """
    columns = {dim + n: index for dim, t in tensors.items() for n, index in enumerate(_as_integers(t))}
    dims = sorted(columns)
    remaining = [dim for dim in range(len(shape)) if dim not in dims or columns[dim].ndim]
    used = [at for at, dim in enumerate(remaining) if dim in dims]
    first = used[0] if used and used == list(range(used[0], used[-1] + 1)) else 0
    rest = [dim for dim in remaining if dim not in dims]
    order = (*rest[:first], *dims, *rest[first:])
    ordered = tuple(shape[dim] for dim in order)
    joined = (*ordered[:first], math.prod(shape[dim] for dim in dims), *ordered[first + len(dims) :])
    return _Places(_positions(shape, columns), first, order, ordered, joined)


def _as_integers(tensor: Tensor) -> Sequence[Tensor]:
    """Return the integer indices that a tensor in an index stands for: a mask's are one for each of its dimensions."""
    if not is_mask(tensor):
        return [as_type(tensor, dtypes.int64)]
    mask = ops.reshape(tensor, shape=(1,)) if tensor.ndim == 0 else tensor
    return gather.nonzero(mask).unbind(1)  # type: ignore[no-any-return]


def _positions(shape: Shape, columns: dict[int, Tensor]) -> Tensor:
    """Return the positions along the joined dimensions."""
    first, *others = (
        (shape[dim], gather.position(columns[dim], size=shape[dim], dim=dim, wraps=True, by="index"))
        for dim in sorted(columns)
    )
    joined: Tensor = first[1]
    for length, position in others:
        joined = joined * length + position
    return joined


def getitem(input: Tensor, index: Any) -> Tensor:
    """Return what the index selects: a view if it is made of integers, slices, None and `...` only, else a copy."""
    selection = read_index(input, index)
    view = selection.view(input)
    if not selection.tensors:
        return view
    places = _places(view.shape, selection.tensors)
    return gather.index(places.arrange(view), places.positions, dim=places.dim)  # type: ignore[no-any-return]


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """Write `value`, broadcast and converted to the type of `input`, to what the index selects."""
    selection = read_index(input, index)
    view = selection.view(input)
    value = _without_leading_ones(as_type_of(value, input), view.ndim)
    view._become(_written(view, selection.tensors, value) if selection.tensors else value, "index assignment")


def _written(x: Tensor, tensors: dict[int, Tensor], value: Tensor, accumulate: bool = False) -> Tensor:
    """Return `x` with `value` written, or added, at the places that integer tensors and masks select."""
    if len(tensors) == 1 and not accumulate:
        ((dim, mask),) = tensors.items()
        if is_mask(mask) and _is_same_at_every_place(value, x.ndim - dim - max(mask.ndim, 1)):
            return _where_masked(x, mask, value, x.ndim - dim - max(mask.ndim, 1))
    places = _places(x.shape, tensors)
    write = gather.index_add if accumulate else gather.index_put
    return places.restore(write(places.arrange(x), places.positions, value, dim=places.dim))


def _is_same_at_every_place(value: Tensor, after: int) -> bool:
    """Tell whether `value` does not vary along the dimension of the places, which `after` dimensions follow."""
    return value.ndim <= after or value.shape[value.ndim - after - 1] == 1


def _where_masked(x: Tensor, mask: Tensor, value: Tensor, after: int) -> Tensor:
    """Return `x` with `value` where the mask, whose dimensions `after` others follow, holds.

    Unlike the positions of a mask, this can be traced.
    """
    lengths = mask.shape or (1,)
    condition = ops.reshape(mask, shape=(*lengths, *(1,) * after))
    if value.ndim > after:  # (before, 1, after) -> (before, 1 for each dimension of the mask, after)
        before = value.ndim - after - 1
        shape = (*value.shape[:before], *(1,) * len(lengths), *value.shape[before + 1 :])
        value = ops.reshape(value, shape=shape)
    return elementwise.where(condition, value, x)  # type: ignore[no-any-return]


def as_type_of(value: Any, tensor: Tensor) -> Tensor:
    """Return a number, array or tensor as a tensor of the element type of `tensor`, on its device."""
    if isinstance(value, int | float):
        return as_type(value, tensor.dtype)
    return as_type(on_device(to_tensor(value), tensor.device), tensor.dtype)


def _without_leading_ones(value: Tensor, ndim: int) -> Tensor:
    """Return `value` without those leading dimensions of length 1 that are too many for `ndim` dimensions."""
    extra = 0
    while extra < value.ndim - ndim and value.shape[extra] == 1:
        extra += 1
    return ops.reshape(value, shape=value.shape[extra:]) if extra else value


@method(in_place=True)
def index_put(
    input: Tensor, indices: Sequence[Tensor | None], values: Any, accumulate: bool = False
) -> Tensor:
    """Return `input` with `values` written at the places `input[indices]`.

    Args:
        input: any tensor.
        indices: integer tensors or masks, one for each of the first dimensions; None for all of a dimension.
        values: what is written; broadcast.
        accumulate: add instead, as often as a place occurs.

    Raises:
        IndexError: if an index is out of range.
    """
    selection = read_index(input, tuple(slice(None) if index is None else index for index in indices))
    view = selection.view(input)
    return _written(view, selection.tensors, as_type_of(values, input), accumulate)


Tensor.__getitem__ = getitem  # type: ignore[method-assign]
Tensor.__setitem__ = setitem  # type: ignore[method-assign]
