"""Pooling over one, two and three spatial dimensions: the maximum, the mean or the p-norm of each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.arithmetic import add
from koubai.functions.placing import beside
from koubai.functions.spatial import Size, batched, check_fits, per_rank, sizes
from koubai.ops.elementwise import where
from koubai.ops.gather import index
from koubai.ops.op import Shape, ShapeError, describe
from koubai.ops.window import Window, window_max, window_sum

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_max_pool1d",
    "avg_pool1d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]

AdaptiveSize = int | None | Sequence[int | None]


# --- windows of a fixed size


def _max_pool(
    name: str,
    rank: int,
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window; NaN if it holds one. Among equal elements the first gets the
    gradient.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W); the batch N may be missing.
        kernel_size: elements of a window.
        stride: step between windows; by default the window's size.
        padding: elements of -∞ added on both sides, at most half a window.
        dilation: step between the elements of a window.
        ceil_mode: let a last window hang over the end.
        return_indices: return also where each maximum stands in the flattened spatial dimensions.

    Returns:
        (N, C, ...), each length L becoming ⌊(L + 2 padding - dilation (kernel - 1) - 1) / stride⌋ + 1, or
        ⌈...⌉ with `ceil_mode`; with `return_indices` that and int64 indices.

    Raises:
        RuntimeError: if the sizes do not fit.
    """
    batch, single = batched(name, input, rank)
    window = _window(name, rank, batch.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    values, which = window_max(batch, window=window)
    values = values.squeeze(0) if single else values
    if not return_indices:
        return values
    indices = _flat_indices(which, window, batch.shape[2:])
    return values, indices.squeeze(0) if single else indices


def _avg_pool(
    name: str,
    rank: int,
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W); the batch N may be missing.
        kernel_size: elements of a window.
        stride: step between windows; by default the window's size.
        padding: zeros added on both sides, at most half a window.
        ceil_mode: let a last window hang over the end; what lies beyond the padding never counts.
        count_include_pad: count the padding's zeros as elements.
        divisor_override: divide by this number instead of the number of elements.

    Returns:
        (N, C, ...), each length L becoming ⌊(L + 2 padding - kernel) / stride⌋ + 1, or ⌈...⌉ with
        `ceil_mode`.

    Raises:
        RuntimeError: if the sizes do not fit, or the divisor is 0.
    """
    if divisor_override == 0:
        raise RuntimeError(f"{name}: divisor_override must not be 0")
    batch, single = batched(name, input, rank)
    lengths = batch.shape[2:]
    window = _window(name, rank, lengths, kernel_size, stride, padding, 1, ceil_mode)
    margins = sizes(padding, rank, name) if count_include_pad else (0,) * rank
    counts = divisor_override or _element_counts(window, lengths, margins)
    mean = _divide(window_sum(batch, window=window), counts)
    return mean.squeeze(0) if single else mean


def _lp_pool(
    name: str,
    rank: int,
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return (Σ x^p)^(1/p) of each window, whose gradient where the sum is 0 is 0.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W); the batch N may be missing.
        norm_type: the power p.
        kernel_size: elements of a window.
        stride: step between windows; by default the window's size.
        ceil_mode: let a last window hang over the end; it is weighted as if it were full.
    """
    mean = _avg_pool(name, rank, input**norm_type, kernel_size, stride, 0, ceil_mode)
    total = mean * math.prod(sizes(kernel_size, rank, name))
    zero = total == 0
    nothing = total.new_zeros(())
    norm: Tensor = where(zero, nothing, where(zero, nothing + 1, total) ** (1 / norm_type))
    return norm


def _max_unpool(
    name: str,
    rank: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put the maxima that a max pooling took back where they stood, among zeros.

    Args:
        input: the maxima, (N, C, ...) or (C, ...).
        indices: where they stood, as the pooling returned them.
        kernel_size: of that pooling.
        stride: of that pooling.
        padding: of that pooling.
        output_size: the shape of that pooling's input, where several were possible; the spatial part is
            enough.

    Raises:
        RuntimeError: if the shapes of input and indices differ.
    """
    if input.shape != indices.shape:
        raise ShapeError(f"{name}: {describe([input, indices])} must have the same shape")
    kernel = sizes(kernel_size, rank, f"{name}: kernel_size", 1)
    steps = kernel if stride is None else sizes(stride, rank, f"{name}: stride", 1)
    cuts = sizes(padding, rank, f"{name}: padding")
    lead = input.ndim - rank
    lengths = tuple((n - 1) * s - 2 * c + k for n, s, c, k in zip(input.shape[lead:], steps, cuts, kernel))
    if output_size is not None:
        lengths = tuple(int(length) for length in output_size[-rank:])
    flat = input.new_zeros((*input.shape[:lead], math.prod(lengths)))
    where_to = indices.reshape(*input.shape[:lead], -1)
    placed = flat.scatter(-1, where_to, input.reshape(*input.shape[:lead], -1))
    return placed.reshape(*input.shape[:lead], *lengths)


# --- windows that share the input out evenly


def _adaptive_max_pool(
    name: str, rank: int, input: Tensor, output_size: AdaptiveSize, return_indices: bool = False
) -> Any:
    """Return the maximum of each of `output_size` windows that share the input out; otherwise as `max_pool`.

    Window i of T over a length L goes from ⌊i L / T⌋ to ⌈(i + 1) L / T⌉.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W); the batch N may be missing.
        output_size: windows along each spatial dimension; None keeps a dimension's length.
        return_indices: return also where each maximum stands in the flattened spatial dimensions.
    """
    batch, single = batched(name, input, rank)
    shares, window = _shares(name, batch.shape[2:], output_size)
    gathered = _gather(batch, shares)
    values, which = window_max(gathered, window=window)
    values = values.squeeze(0) if single else values
    if not return_indices:
        return values
    rows = _row_sizes(batch.shape[2:])
    origins = beside(input, reduce(np.add.outer, [share.place * row for share, row in zip(shares, rows)]))
    indices = index(origins.reshape(-1), _flat_indices(which, window, gathered.shape[2:]), dim=0)
    return values, indices.squeeze(0) if single else indices


def _adaptive_avg_pool(name: str, rank: int, input: Tensor, output_size: AdaptiveSize) -> Tensor:
    """Return the mean of each of `output_size` windows that share the input out.

    Window i of T over a length L goes from ⌊i L / T⌋ to ⌈(i + 1) L / T⌉.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W); the batch N may be missing.
        output_size: windows along each spatial dimension; None keeps a dimension's length.
    """
    batch, single = batched(name, input, rank)
    shares, window = _shares(name, batch.shape[2:], output_size)
    gathered = _gather(batch, shares)
    if gathered is not batch:
        inside = beside(input, reduce(np.logical_and.outer, [share.inside for share in shares]))
        gathered = where(inside, gathered, gathered.new_zeros(()))
    mean = _divide(
        window_sum(gathered, window=window), reduce(np.multiply.outer, [share.counts for share in shares])
    )
    return mean.squeeze(0) if single else mean


max_pool1d, max_pool2d, max_pool3d = per_rank(_max_pool)
avg_pool1d, avg_pool2d, avg_pool3d = per_rank(_avg_pool)
lp_pool1d, lp_pool2d, lp_pool3d = per_rank(_lp_pool)
max_unpool1d, max_unpool2d, max_unpool3d = per_rank(_max_unpool)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = per_rank(_adaptive_max_pool)
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = per_rank(_adaptive_avg_pool)


# --- geometry


def _window(
    name: str,
    rank: int,
    lengths: Shape,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
) -> Window:
    """Return the window of a pooling; with `ceil_mode` its padding reaches as far as the last window."""
    kernel = sizes(kernel_size, rank, f"{name}: kernel_size", 1)
    steps = sizes(stride, rank, f"{name}: stride", 1) if stride else kernel
    margins = sizes(padding, rank, f"{name}: padding")
    window = Window(
        kernel, steps, tuple(zip(margins, margins)), sizes(dilation, rank, f"{name}: dilation", 1)
    )
    if any(2 * margin > span for margin, span in zip(margins, window.spans)):
        raise RuntimeError(
            f"{name}: padding {list(margins)} must be at most half of the window, which spans "
            f"{list(window.spans)}"
        )
    if ceil_mode:
        reach = map(_reach, lengths, margins, window.spans, steps)
        window = window._replace(padding=tuple(zip(margins, reach)))
    check_fits(name, window, lengths)
    return window


def _reach(length: int, margin: int, span: int, step: int) -> int:
    """Return the padding after the input that makes room for one window more, if that starts before its end."""
    count = -((length + 2 * margin - span) // -step) + 1
    if (count - 1) * step >= length + margin:
        count -= 1
    return (count - 1) * step + span - length - margin


def _row_sizes(lengths: Shape) -> list[int]:
    """Return by how much a flat index grows with each dimension's index."""
    return [math.prod(lengths[axis + 1 :]) for axis in range(len(lengths))]


def _flat_indices(which: Tensor, window: Window, lengths: Shape) -> Tensor:
    """Return where in the flattened input the elements at the positions `which` of their windows stand."""
    axes = list(zip(_row_sizes(lengths), window.counts(lengths), *window))
    starts = [row * (np.arange(n) * step - before) for row, n, _, step, (before, _), _ in axes]
    within = [row * gap * np.arange(k) for row, _, k, _, _, gap in axes]
    offsets = beside(which, reduce(np.add.outer, within).reshape(-1))
    return add(index(offsets, which.to(dtypes.int64), dim=0), beside(which, reduce(np.add.outer, starts)))


def _element_counts(window: Window, lengths: Shape, margins: Shape) -> Any:
    """Return how many elements of each window count: those at most `margins` outside of the input."""
    axes = zip(window.counts(lengths), lengths, margins, window.kernel, window.stride, window.padding)
    counts = []
    for n, length, margin, kernel, step, (before, _) in axes:
        starts = np.arange(n) * step - before
        counts.append(np.minimum(starts + kernel, length + margin) - np.maximum(starts, -margin))
    return reduce(np.multiply.outer, counts)


def _divide(total: Tensor, counts: Any) -> Tensor:
    """Divide each window's sum by its count; integers are cut off towards 0."""
    divisor = beside(total, np.asarray(counts, total.dtype))
    if dtypes.is_floating(total.dtype):
        return total / divisor
    return total.div(divisor, rounding_mode="trunc")


class Share(NamedTuple):
    """How one dimension is shared out among windows, all made as long as the longest by repeating their last
    element.

    Attributes:
        place: which element of the input stands at each place of the windows side by side.
        inside: whether that place belongs to the window, and is no repetition.
        counts: the number of elements in each window.
    """

    place: Any
    inside: Any
    counts: Any

    @property
    def kernel(self) -> int:
        """The length of the longest window."""
        return len(self.place) // len(self.counts)


def _share(length: int, windows: int) -> Share:
    """Share out `length` elements among `windows` windows."""
    starts = np.arange(windows) * length // windows
    ends = -(np.arange(1, windows + 1) * length // -windows)
    places = starts[:, None] + np.arange(max(ends - starts))
    return Share(
        np.minimum(places, ends[:, None] - 1).reshape(-1), (places < ends[:, None]).reshape(-1), ends - starts
    )


def _shares(name: str, lengths: Shape, output_size: AdaptiveSize) -> tuple[list[Share], Window]:
    """Return how each dimension is shared out, and the window over the elements that `_gather` puts side by side."""
    given = (
        (output_size,) * len(lengths) if output_size is None or isinstance(output_size, int) else output_size
    )
    if len(given) != len(lengths):
        raise RuntimeError(f"{name}: output_size takes one number or {len(lengths)}, got {output_size}")
    shares = [_share(length, length if size is None else int(size)) for length, size in zip(lengths, given)]
    kernel = tuple(share.kernel for share in shares)
    return shares, Window(kernel, kernel, ((0, 0),) * len(kernel), (1,) * len(kernel))


def _gather(input: Tensor, shares: Sequence[Share]) -> Tensor:
    """Put the elements of all windows side by side, along each dimension where windows overlap."""
    for dim, share in enumerate(shares, 2):
        if len(share.place) != input.shape[dim]:
            input = index(input, beside(input, share.place), dim=dim)
    return input
