"""Which results share memory in PyTorch: strides, as they follow from the views a tensor was made by.

Koubai's views need no strides. But PyTorch's `reshape` gives a view only where strides allow it, and programs that
write into the result rely on that; so strides are worked out here, alike in eager and traced programs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from koubai.engine.tensor import Tensor
from koubai.functions.operands import method
from koubai.ops import movement as ops
from koubai.ops.op import Op, Shape

__all__ = ["contiguous", "is_contiguous", "stride"]

Strides = tuple[int, ...]


@method
def stride(input: Tensor, dim: int | None = None) -> Strides | int:
    """Return how many elements of memory lie between neighbours, along each dimension or along `dim`.

    These are PyTorch's, except that a computed result always lies in memory row by row.
    """
    strides = strides_of(input) or row_strides(input.shape)
    return strides if dim is None else strides[dim]


@method
def is_contiguous(input: Tensor) -> bool:
    """Tell whether the elements lie in memory row by row without gaps."""
    strides = strides_of(input)
    if strides is None:
        return False
    pairs = zip(input.shape, strides, row_strides(input.shape))
    return math.prod(input.shape) == 0 or all(length == 1 or own == row for length, own, row in pairs)


@method
def contiguous(input: Tensor) -> Tensor:
    """Return the tensor itself if it lies in memory row by row, else a copy that does."""
    return input if is_contiguous(input) else input.clone()


def row_strides(shape: Shape) -> Strides:
    """Return the strides of elements that lie row by row."""
    return tuple(math.prod(length or 1 for length in shape[dim + 1 :]) for dim in range(len(shape)))


def strides_of(tensor: Tensor) -> Strides | None:
    """Return the strides of a tensor; None where they are not known."""
    unknown = []
    while (view := tensor._view) is not None and view.strides is ...:
        unknown.append(tensor)
        tensor = view.found_base()
    strides: Strides | None = view.strides if view is not None else row_strides(tensor.shape)
    for base, viewed in pairwise([tensor, *reversed(unknown)]):
        view = viewed._view
        assert view is not None
        strides = None if strides is None else _RULES[view.op](base.shape, strides, **view.attributes)
        view.strides = strides
    return strides


def regroup(shape: Shape, strides: Strides, wanted: Shape) -> Strides | None:
    """Return the strides with which the same memory has the shape `wanted`, or None if no strides do it."""
    if math.prod(shape) == 0:
        return row_strides(wanted)
    runs: list[tuple[int, int]] = []  # (elements, stride) of neighbouring dimensions that are one line
    for length, step in zip(shape, strides):
        if length == 1:
            continue
        if runs and runs[-1][1] == length * step:
            length *= runs.pop()[0]
        runs.append((length, step))
    result = []
    for length in reversed(wanted):
        left, step = runs[-1] if runs else (1, 1)
        if left % length:
            return None
        result.append(step)
        if length > 1:
            runs[-1:] = [(left // length, step * length)] if left > length else []
    return tuple(reversed(result))


def _of_expanded(old: Shape, strides: Strides, *, shape: Shape) -> Strides:
    new = len(shape) - len(old)
    return (0,) * new + tuple(step if n == m else 0 for n, m, step in zip(old, shape[new:], strides))


def _of_windows(shape: Shape, strides: Strides, *, dim: int, size: int, step: int) -> Strides:
    return (*strides[:dim], strides[dim] * step, *strides[dim + 1 :], strides[dim])


_RULES: dict[Op, Callable[..., Strides | None]] = {
    ops.alias: lambda shape, strides: strides,
    ops.permute: lambda shape, strides, *, dims: tuple(strides[dim] for dim in dims),
    ops.slice_: lambda shape, strides, *, spans: tuple(own * span[2] for own, span in zip(strides, spans)),
    ops.expand: _of_expanded,
    ops.unfold: _of_windows,
    ops.reshape: lambda old, strides, *, shape: regroup(old, strides, shape),
}
