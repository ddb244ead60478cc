"""Rearrangements of images: windows as columns and back, channels as pixels and back."""

from __future__ import annotations

import math

from koubai.engine.tensor import Tensor
from koubai.functions.shape import reshape
from koubai.functions.spatial import Size, check_fits, sizes
from koubai.ops.op import ShapeError, describe
from koubai.ops.window import Window, add_windows, windows

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def unfold(
    input: Tensor, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
) -> Tensor:
    """Return every window as a column (im2col).

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: height and width of the windows.
        dilation: step between the elements of a window.
        padding: zeros added on both sides.
        stride: step between windows.

    Returns:
        (N, C * kernel elements, windows).

    Raises:
        RuntimeError: if the sizes do not fit.
    """
    if input.ndim not in (3, 4):
        raise ShapeError(f"unfold takes images (N, C, H, W) or (C, H, W), got {describe([input])}")
    batch = input.unsqueeze(0) if input.ndim == 3 else input
    window = _window("unfold", kernel_size, dilation, padding, stride)
    check_fits("unfold", window, batch.shape[2:])
    parts = windows(batch, window=window)  # (N, C, *counts, *kernel)
    n, channels, *counts = parts.shape[:4]
    by_element = parts.permute(0, 1, 4, 5, 2, 3)  # (N, C, *kernel, *counts)
    return reshape(by_element, *[n] * (input.ndim == 4), channels * window.elements, math.prod(counts))


def fold(
    input: Tensor,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Tensor:
    """Lay columns that `unfold` made back as windows of an image, and add up where they overlap (col2im).

    Args:
        input: (N, C * kernel elements, windows), or without N.
        output_size: height and width of the image.
        kernel_size: height and width of the windows.
        dilation: step between the elements of a window.
        padding: elements that the windows reach over the edges.
        stride: step between windows.

    Returns:
        (N, C, *output_size).

    Raises:
        RuntimeError: if the columns are not those of an image of this size.
    """
    if input.ndim not in (2, 3):
        raise ShapeError(f"fold takes columns (N, C * kernel elements, windows), got {describe([input])}")
    batch = input.unsqueeze(0) if input.ndim == 2 else input
    window = _window("fold", kernel_size, dilation, padding, stride)
    lengths = sizes(output_size, 2, "fold: output_size", 1)
    check_fits("fold", window, lengths)
    counts = window.counts(lengths)
    n, rows, columns = batch.shape
    if rows % window.elements or columns != math.prod(counts):
        raise ShapeError(
            f"fold: {describe([input])} are not columns of windows of {window.elements} elements, "
            f"{math.prod(counts)} to an image of {list(lengths)}"
        )
    parts = batch.reshape(n, rows // window.elements, *window.kernel, *counts).permute(0, 1, 4, 5, 2, 3)
    image: Tensor = add_windows(parts, lengths=lengths, window=window)
    return image.squeeze(0) if input.ndim == 2 else image


def _window(name: str, kernel_size: Size, dilation: Size, padding: Size, stride: Size) -> Window:
    margins = sizes(padding, 2, f"{name}: padding")
    return Window(
        sizes(kernel_size, 2, f"{name}: kernel_size", 1),
        sizes(stride, 2, f"{name}: stride", 1),
        tuple(zip(margins, margins)),
        sizes(dilation, 2, f"{name}: dilation", 1),
    )


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Spread groups of r² channels over r x r pixels: (..., C r², H, W) becomes (..., C, H r, W r).

    It is the last step of the sub-pixel convolution of Shi et al., 2016.

    Raises:
        RuntimeError: if the channels are no multiple of r².
    """
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % r**2:
        raise ShapeError(f"pixel_shuffle: {describe([input])} needs a multiple of {r}² = {r**2} channels")
    *lead, channels, height, width = input.shape
    split = input.reshape(*lead, channels // r**2, r, r, height, width)
    n = len(lead)
    pixels = split.permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)  # (..., C, H, r, W, r)
    return reshape(pixels, *lead, channels // r**2, height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Undo `pixel_shuffle`: (..., C, H r, W r) becomes (..., C r², H, W).

    Raises:
        RuntimeError: if height or width are no multiple of r.
    """
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-1] % r or input.shape[-2] % r:
        raise ShapeError(f"pixel_unshuffle: height and width of {describe([input])} must be multiples of {r}")
    *lead, channels, height, width = input.shape
    split = input.reshape(*lead, channels, height // r, r, width // r, r)
    n = len(lead)
    pixels = split.permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)  # (..., C, r, r, H, W)
    return reshape(pixels, *lead, channels * r**2, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of `groups` groups out in turn: (N, C, ...) keeps its shape (Zhang et al., 2018,
    ShuffleNet).

    Raises:
        RuntimeError: if the channels are no multiple of `groups`.
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ShapeError(
            f"channel_shuffle: the channels of {describe([input])} must be a multiple of {groups}"
        )
    n, channels, *rest = input.shape
    return reshape(input.reshape(n, groups, channels // groups, *rest).transpose(1, 2), input.shape)
