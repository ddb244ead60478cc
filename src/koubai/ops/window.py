"""Sliding windows: where they stand, and the ops that read them, sum them, take their maximum, or add them up again.

Elements that padding adds are never stored: every op goes kernel element by kernel element, over the part of the input
that this element meets. Results have the channels innermost in memory, which keeps inner loops long, and the shape
(N, C, ...) all the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from koubai import dtypes
from koubai.ops.op import Array, Kind, Op, Shape, ShapeError, Symbol, describe

Index = tuple[Any, ...]


class Window(NamedTuple):
    """A window and how it slides.

    Attributes:
        kernel: elements along each spatial dimension.
        stride: steps between neighbouring windows.
        padding: elements added (before, after) each spatial dimension.
        dilation: steps between neighbouring elements of a window.
    """

    kernel: Shape
    stride: Shape
    padding: tuple[tuple[int, int], ...]
    dilation: Shape

    @property
    def rank(self) -> int:
        """The number of spatial dimensions."""
        return len(self.kernel)

    @property
    def elements(self) -> int:
        """The number of elements in one window."""
        return math.prod(self.kernel)

    @property
    def spans(self) -> Shape:
        """How far a window reaches along each dimension."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation))

    def counts(self, lengths: Shape) -> Shape:
        """Return the number of windows along each dimension of an input with the given lengths.

        Raises:
            ShapeError: if the input, with its padding, is shorter than a window.
        """
        padded = tuple(length + before + after for length, (before, after) in zip(lengths, self.padding))
        if any(span > length for span, length in zip(self.spans, padded)):
            raise ShapeError(
                f"a window that spans {list(self.spans)} (kernel {list(self.kernel)}, dilation "
                f"{list(self.dilation)}) does not fit into the input {list(lengths)}, {list(padded)} "
                "with its padding"
            )
        return tuple(
            (length - span) // step + 1 for length, span, step in zip(padded, self.spans, self.stride)
        )


@lru_cache(maxsize=1024)
def meetings(window: Window, lengths: Shape) -> tuple[tuple[Index, Index, Index], ...]:
    """Return for each kernel element that meets the input: itself, what it meets, and the windows in which it does.

    All three are indices; the last two go behind `...`.
    """
    axes = []
    for length, count, kernel, step, (before, _), dilation in zip(
        lengths, window.counts(lengths), window.kernel, window.stride, window.padding, window.dilation
    ):
        starts = [(element, element * dilation - before) for element in range(kernel)]
        axes.append(
            [met for element, start in starts if (met := _meeting(element, start, step, length, count))]
        )
    combinations = [tuple(zip(*combination)) for combination in itertools.product(*axes)]
    return tuple((element, met, where) for element, met, where in combinations)


def _meeting(element: int, start: int, step: int, length: int, count: int) -> Index | None:
    """Return (element, inputs, windows) along one dimension, for the windows t with 0 <= start + t step < length."""
    first, end = max(0, -(start // step)), min(count, -((start - length) // step))
    if first >= end:
        return None
    return element, slice(start + first * step, start + (end - 1) * step + 1, step), slice(first, end)


def channels_last(make: Callable[..., Array], shape: Shape, *value: Any, dtype: Any) -> Array:
    """Return `make(shape, *value)` of shape (N, C, ...), with the channels innermost in memory."""
    array = make((shape[0], *shape[2:], shape[1]), *value, dtype=dtype)
    return array.transpose(0, array.ndim - 1, *range(1, array.ndim - 1))


# --- rules


def _lengths(x: Symbol, window: Window) -> Shape:
    if x.ndim != window.rank + 2:
        raise ShapeError(f"{describe([x])} is not (N, C, and {window.rank} spatial dimensions)")
    return x.shape[2:]


def _windows_rule(x: Symbol, *, window: Window) -> Symbol:
    counts = window.counts(_lengths(x, window))
    return Symbol((*x.shape[:2], *counts, *window.kernel), x.dtype)


def _sum_rule(x: Symbol, *, window: Window) -> Symbol:
    return Symbol((*x.shape[:2], *window.counts(_lengths(x, window))), x.dtype)


def _max_rule(x: Symbol, *, window: Window) -> tuple[Symbol, Symbol]:
    values = _sum_rule(x, window=window)
    return values, Symbol(values.shape, position_dtype(window))


def _take_rule(x: Symbol, which: Symbol, *, window: Window) -> Symbol:
    return _sum_rule(x, window=window)


def _add_rule(parts: Symbol, *, lengths: Shape, window: Window) -> Symbol:
    return Symbol((*parts.shape[:2], *lengths), parts.dtype)


def _put_rule(values: Symbol, which: Symbol, *, lengths: Shape, window: Window) -> Symbol:
    return Symbol((*values.shape[:2], *lengths), values.dtype)


def position_dtype(window: Window) -> dtypes.DType:
    """Return the smallest type that holds the position of an element in a window."""
    return dtypes.uint8 if window.elements <= 256 else dtypes.int32


def _position(element: Index, window: Window) -> int:
    """Return where a kernel element stands in a window, counted row by row."""
    position = 0
    for index, length in zip(element, window.kernel):
        position = position * length + index
    return position


# --- forwards


def _windows(xp: Any, x: Array, *, window: Window) -> Array:
    lengths, rank = x.shape[2:], window.rank
    out = xp.zeros((*x.shape[:2], *window.kernel, *window.counts(lengths)), x.dtype)
    for element, met, where in meetings(window, lengths):
        out[(slice(None), slice(None), *element, *where)] = x[(..., *met)]
    return out.transpose(0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))


def _add_windows(xp: Any, parts: Array, *, lengths: Shape, window: Window) -> Array:
    out = channels_last(xp.zeros, (*parts.shape[:2], *lengths), dtype=parts.dtype)
    for element, met, where in meetings(window, lengths):
        out[(..., *met)] += parts[(..., *where, *element)]
    return out


def _window_sum(xp: Any, x: Array, *, window: Window) -> Array:
    lengths = x.shape[2:]
    out = channels_last(xp.zeros, (*x.shape[:2], *window.counts(lengths)), dtype=x.dtype)
    for _, met, where in meetings(window, lengths):
        out[(..., *where)] += x[(..., *met)]
    return out


def _window_max(xp: Any, x: Array, *, window: Window) -> tuple[Array, Array]:
    lengths = x.shape[2:]
    shape = (*x.shape[:2], *window.counts(lengths))
    lowest = -math.inf if dtypes.is_floating(x.dtype) else xp.iinfo(x.dtype).min
    out = channels_last(xp.full, shape, lowest, dtype=x.dtype)
    which = channels_last(xp.zeros, shape, dtype=position_dtype(window))
    which[...] = _first_positions(xp, window, lengths)
    for element, met, where in meetings(window, lengths):
        part, best = x[(..., *met)], out[(..., *where)]
        _raise_to(xp, which[(..., *where)], part > best, _position(element, window))
        xp.maximum(part, best, out=best)
    if dtypes.is_floating(x.dtype) and xp.isnan(out).any():
        which *= ~xp.isnan(out)
        for element, met, where in meetings(window, lengths):  # the last of NaNs, as in PyTorch
            _raise_to(xp, which[(..., *where)], xp.isnan(x[(..., *met)]), _position(element, window))
    return out, which


def _first_positions(xp: Any, window: Window, lengths: Shape) -> Array:
    """Return the position of the first element of each window that is not padding: the maximum if all are -inf."""
    first = xp.zeros(window.counts(lengths), position_dtype(window))
    for element, _, where in reversed(meetings(window, lengths)):
        first[where] = _position(element, window)
    return first


def _raise_to(xp: Any, which: Array, mask: Array, position: int) -> None:
    """Store `position` where the mask holds; positions come in rising order, so that the larger is the later."""
    xp.maximum(which, mask * xp.asarray(position, which.dtype), out=which)


def _window_take(xp: Any, x: Array, which: Array, *, window: Window) -> Array:
    out = channels_last(xp.zeros, which.shape, dtype=x.dtype)
    select = _selector(xp, x)
    for element, met, where in meetings(window, x.shape[2:]):
        out[(..., *where)] += select(which[(..., *where)] == _position(element, window), x[(..., *met)])
    return out


def _window_put(xp: Any, values: Array, which: Array, *, lengths: Shape, window: Window) -> Array:
    out = channels_last(xp.zeros, (*values.shape[:2], *lengths), dtype=values.dtype)
    select = _selector(xp, values)
    for element, met, where in meetings(window, lengths):
        out[(..., *met)] += select(which[(..., *where)] == _position(element, window), values[(..., *where)])
    return out


def _selector(xp: Any, values: Array) -> Callable[[Array, Array], Array]:
    """Return the function of (mask, values) that is values where the mask holds, else 0.

    For finite values that is a product, which is many times faster than a choice that the processor cannot
    predict.
    """
    if xp.isfinite(values).all():
        return xp.multiply  # type: ignore[no-any-return]
    return lambda mask, part: xp.where(mask, part, xp.zeros((), part.dtype))


def _spread(g: Any, lengths: Shape, window: Window) -> Any:
    """Give every element of each window the gradient of the window."""
    from koubai.ops.movement import expand, reshape

    shape = (*g.shape, *window.kernel)
    parts = expand(reshape(g, shape=(*g.shape, *(1,) * window.rank)), shape=shape)
    return add_windows(parts, lengths=lengths, window=window)


# --- ops

# (N, C, *lengths) -> (N, C, *counts, *kernel): every window, with 0 where it hangs over the edge
windows: Op = Op(
    "windows",
    Kind.MOVEMENT,
    _windows,
    _windows_rule,
    x=lambda g, x_like, window: add_windows(g, lengths=x_like.shape[2:], window=window),
)
# (N, C, *counts, *kernel) -> (N, C, *lengths): windows laid back where they came from, overlaps added up
add_windows: Op = Op(
    "add_windows",
    Kind.REDUCE,
    _add_windows,
    _add_rule,
    parts=lambda g, window: windows(g, window=window),
)
# (N, C, *lengths) -> (N, C, *counts)
window_sum: Op = Op(
    "window_sum",
    Kind.REDUCE,
    _window_sum,
    _sum_rule,
    x=lambda g, x_like, window: _spread(g, x_like.shape[2:], window),
)
# (N, C, *lengths) -> the maximum of each window, and its position in the window; among equals the first
window_max: Op = Op(
    "window_max",
    Kind.REDUCE,
    _window_max,
    _max_rule,
    x=lambda g, x_like, out, window: window_put(g[0], out[1], lengths=x_like.shape[2:], window=window),
)
# the element of each window that stands at position `which`, and its way back
window_take: Op = Op(
    "window_take",
    Kind.GATHER,
    _window_take,
    _take_rule,
    x=lambda g, x_like, which, window: window_put(g, which, lengths=x_like.shape[2:], window=window),
)
window_put: Op = Op(
    "window_put",
    Kind.GATHER,
    _window_put,
    _put_rule,
    values=lambda g, which, window: window_take(g, which, window=window),
)
