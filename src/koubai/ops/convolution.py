"""The convolution and its two gradients, over any number of spatial dimensions.

With Σ x·w·y summed over all pairs of a window and a kernel element, each op is the derivative of that one sum
by one of its three factors, so every gradient formula is one of the other two ops. Windows are copied side by
side, a cache-sized block at a time, and multiplied as matrices (Chellapilla, Puri and Simard, 2006), channels
innermost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from koubai.ops.bfloat16 import factors
from koubai.ops.op import Array, Kind, Op, Shape, ShapeError, Symbol, describe
from koubai.ops.window import Window, channels_last, meetings

_BLOCK = 2**18  # elements of the copied windows that are held at once: they should stay in the cache of a CPU


def _convolution_rule(
    x: Symbol, weight: Symbol, *, window: Window, groups: int, precision: str | None = None
) -> Symbol:
    rank = window.rank
    if x.ndim != rank + 2 or weight.ndim != rank + 2 or weight.shape[2:] != window.kernel:
        raise ShapeError(
            f"{describe([x, weight])} are not an input and a weight with {rank} spatial dimensions"
        )
    if x.shape[1] != groups * weight.shape[1] or weight.shape[0] % groups:
        raise ShapeError(f"the channels of {describe([x, weight])} do not fit with groups={groups}")
    return Symbol((x.shape[0], weight.shape[0], *window.counts(x.shape[2:])), x.dtype)


def _input_rule(
    y: Symbol,
    weight: Symbol,
    *,
    lengths: Shape,
    window: Window,
    groups: int,
    precision: str | None = None,
) -> Symbol:
    x = Symbol((y.shape[0], groups * weight.shape[1], *lengths), y.dtype)
    if _convolution_rule(x, weight, window=window, groups=groups).shape != y.shape:
        raise ShapeError(
            f"{describe([y, weight])} are not an output and a weight for an input of {list(lengths)}"
        )
    return x


def _weight_rule(
    x: Symbol, y: Symbol, *, window: Window, groups: int, precision: str | None = None
) -> Symbol:
    weight = Symbol((y.shape[1], x.shape[1] // groups, *window.kernel), x.dtype)
    if _convolution_rule(x, weight, window=window, groups=groups).shape != y.shape:
        raise ShapeError(f"{describe([x, y])} are not an input and an output of a convolution")
    return weight


# --- layouts: g groups, n images, t windows, k kernel elements, c input and o output channels of a group


def _columns(xp: Any, x: Array, window: Window, groups: int) -> Array:
    """Return all windows of `x` as a view of the padded input: (g, n, *t, *k, c)."""
    n, channels, *lengths = x.shape
    within = channels // groups
    padded = _padded(xp, x, window)
    batch, channel, *steps = padded.strides
    strides = (
        channel * within,
        batch,
        *(step * stride for step, stride in zip(steps, window.stride)),
        *(step * dilation for step, dilation in zip(steps, window.dilation)),
        channel,
    )
    shape = (groups, n, *window.counts(tuple(lengths)), *window.kernel, within)
    return xp.lib.stride_tricks.as_strided(padded, shape, strides)


def _padded(xp: Any, x: Array, window: Window) -> Array:
    """Return `x` with its padding; where that is negative, the windows end before the surplus elements."""
    margins = [(before, max(after, 0)) for before, after in window.padding]
    if not any(map(any, margins)):
        return x
    lengths = [length + before + after for length, (before, after) in zip(x.shape[2:], margins)]
    out = channels_last(xp.zeros, (*x.shape[:2], *lengths), dtype=x.dtype)
    out[(..., *(slice(before, before + length) for length, (before, _) in zip(x.shape[2:], margins)))] = x
    return out


def _rows(y: Array, groups: int) -> Array:
    """Return `y` (n, g o, *t) as a view (g, n, *t, o)."""
    n, channels, *counts = y.shape
    split = y.reshape(n, groups, channels // groups, *counts)
    return split.transpose(1, 0, *range(3, split.ndim), 2)


def _matrix(weight: Array, groups: int) -> Array:
    """Return the weight (g o, c, *k) as (g, k c, o)."""
    out_channels, channels = weight.shape[:2]
    split = weight.reshape(groups, out_channels // groups, channels, -1)
    return split.transpose(0, 3, 2, 1).reshape(groups, -1, out_channels // groups)


def _blocks(xp: Any, shape: Shape, row: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cut an array (g, n, t, ...) into blocks of about as many elements as suit: several images, or some rows of one.

    Args:
        xp: the array library, which may know better.
        shape: of the array.
        row: the elements of one image at one t.
    """
    _, images, rows = shape[:3]
    every, block = slice(None), getattr(xp, "copied_elements", _BLOCK)
    together = max(1, block // max(1, row * rows))
    height = rows if together > 1 or images == 0 else max(1, block // max(1, row))
    for n in range(0, images, together):
        for t in range(0, rows, height):
            yield every, slice(n, n + together), slice(t, t + height)


# --- forwards


def _convolution(
    xp: Any, x: Array, weight: Array, *, window: Window, groups: int, precision: str | None = None
) -> Array:
    x, weight = factors(xp, precision, x, weight)
    columns, matrix = _columns(xp, x, window, groups), _matrix(weight, groups)
    depth, width = matrix.shape[1:]
    counts = columns.shape[2 : 2 + window.rank]
    out = xp.empty((groups, x.shape[0], *counts, width), x.dtype)
    for block in _blocks(xp, columns.shape, math.prod(columns.shape[3:]) * groups):
        rows = columns[block].reshape(groups, -1, depth)  # (g, n t, k c)
        xp.matmul(rows, matrix, out=out[block].reshape(groups, -1, width))
    return _channels_second(out)


def _channels_second(rows: Array) -> Array:
    """Return (g, n, *t, o) as (n, g o, *t)."""
    groups, n, *counts, width = rows.shape
    return rows.transpose(1, 0, rows.ndim - 1, *range(2, rows.ndim - 1)).reshape(n, groups * width, *counts)


def _convolution_input(
    xp: Any,
    y: Array,
    weight: Array,
    *,
    lengths: Shape,
    window: Window,
    groups: int,
    precision: str | None = None,
) -> Array:
    y, weight = factors(xp, precision, y, weight)
    rows = _rows(y, groups)  # (g, n, *t, o)
    channels = weight.shape[1]
    matrices = weight.reshape(groups, -1, channels, window.elements).transpose(0, 3, 1, 2)
    matrices = xp.ascontiguousarray(matrices).reshape(groups, *window.kernel, -1, channels)  # (g, *k, o, c)
    out = xp.zeros((groups, y.shape[0], *lengths, channels), y.dtype)
    per_image = math.prod(rows.shape[2:-1]) * window.elements * groups * channels
    for every, images, _ in _blocks(xp, (*rows.shape[:2], 1), per_image):
        part = rows[every, images]
        flat = part.reshape(groups, -1, part.shape[-1])  # (g, n t, o)
        for element, met, where in meetings(window, lengths):
            laid = xp.matmul(flat, matrices[(every, *element)]).reshape(*part.shape[:-1], channels)
            out[(every, images, *met)] += laid[(every, every, *where)]
    return _channels_second(out)


def _convolution_weight(
    xp: Any, x: Array, y: Array, *, window: Window, groups: int, precision: str | None = None
) -> Array:
    x, y = factors(xp, precision, x, y)
    columns, rows = _columns(xp, x, window, groups), _rows(y, groups)
    depth, width = window.elements * columns.shape[-1], rows.shape[-1]
    out = xp.zeros((groups, width, depth), x.dtype)
    for block in _blocks(xp, columns.shape, math.prod(columns.shape[3:]) * groups):
        left = rows[block].reshape(groups, -1, width).transpose(0, 2, 1)  # (g, o, n t)
        out += xp.matmul(left, columns[block].reshape(groups, -1, depth))
    out = out.reshape(groups * width, window.elements, -1).transpose(0, 2, 1)
    return xp.ascontiguousarray(out).reshape(groups * width, -1, *window.kernel)


# --- ops

# (n, c, *lengths), (o, c/groups, *kernel) -> (n, o, *counts)
convolution: Op = Op(
    "convolution",
    Kind.CONTRACTION,
    _convolution,
    _convolution_rule,
    x=lambda g, x_like, weight, window, groups: convolution_input(
        g, weight, lengths=x_like.shape[2:], window=window, groups=groups
    ),
    weight=lambda g, x, window, groups: convolution_weight(x, g, window=window, groups=groups),
)
# (n, o, *counts), (o, c/groups, *kernel) -> (n, c, *lengths)
convolution_input: Op = Op(
    "convolution_input",
    Kind.CONTRACTION,
    _convolution_input,
    _input_rule,
    y=lambda g, weight, window, groups: convolution(g, weight, window=window, groups=groups),
    weight=lambda g, y, window, groups: convolution_weight(g, y, window=window, groups=groups),
)
# (n, c, *lengths), (n, o, *counts) -> (o, c/groups, *kernel)
convolution_weight: Op = Op(
    "convolution_weight",
    Kind.CONTRACTION,
    _convolution_weight,
    _weight_rule,
    x=lambda g, x_like, y, window, groups: convolution_input(
        y, g, lengths=x_like.shape[2:], window=window, groups=groups
    ),
    y=lambda g, x, window, groups: convolution(x, g, window=window, groups=groups),
)
