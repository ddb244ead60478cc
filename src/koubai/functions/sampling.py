"""Reading images at points between their pixels: `grid_sample`, and the grid of an affine map."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add, mul
from typing import NamedTuple

import numpy as np

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.placing import beside
from koubai.functions.shape import reshape
from koubai.ops.gather import index
from koubai.ops.op import ShapeError, describe

__all__: list[str] = []


class Tap(NamedTuple):
    """A neighbour of every point along one dimension: its (whole) coordinate, and its weight."""

    place: Tensor
    weight: Tensor


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Return the points at which `grid_sample` reads an image to apply an affine map to it.

    Args:
        theta: (N, 2, 3) for images, (N, 3, 4) for volumes: the map from the result's coordinates to the
            input's.
        size: the shape of the result, (N, C, H, W) or (N, C, D, H, W).
        align_corners: whether -1 and 1 are the centres of the outermost pixels, or (by default) their outer
            edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3), coordinates in the order x, y(, z).

    Raises:
        RuntimeError: if theta and size do not belong together.
    """
    lengths = tuple(size[2:])
    rank = len(lengths)
    if theta.ndim != 3 or theta.shape[1:] != (rank, rank + 1) or theta.shape[0] != size[0]:
        raise ShapeError(
            f"affine_grid: theta must be ({size[0]}, {rank}, {rank + 1}) for {size}, got {list(theta.shape)}"
        )
    axes = [_coordinates(length, bool(align_corners)) for length in lengths]
    points = np.stack([*np.meshgrid(*axes, indexing="ij")[::-1], np.ones(lengths)], axis=-1)
    base = beside(theta, points.reshape(-1, rank + 1).astype(theta.dtype))  # (points, rank + 1)
    grid = base @ theta.transpose(1, 2)  # (N, points, rank)
    return reshape(grid, size[0], *lengths, rank)


def _coordinates(length: int, align_corners: bool) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the coordinates of the pixels of a dimension that goes from -1 to 1."""
    if align_corners:
        return np.linspace(-1, 1, length) if length > 1 else np.zeros(1)
    return (np.arange(length) * 2 + 1) / length - 1


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Read images at points between their pixels (Jaderberg et al., 2015, "Spatial Transformer Networks").

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, H', W', 2) or (N, D', H', W', 3): points in the order x, y(, z), from -1 to 1.
        mode: "bilinear" (for volumes: trilinear), "nearest", or for images "bicubic".
        padding_mode: what stands outside: "zeros", "border" (the nearest pixel) or "reflection".
        align_corners: whether -1 and 1 are the centres of the outermost pixels, or (by default) their outer
            edges.

    Returns:
        (N, C, H', W') or (N, C, D', H', W').

    Raises:
        ValueError: for unknown modes.
        RuntimeError: if the shapes do not fit.
    """
    rank = input.ndim - 2
    if mode not in _TAPS or (mode == "bicubic" and rank != 2):
        raise ValueError(
            f"grid_sample: mode must be one of {list(_TAPS)} (bicubic for images only), got {mode!r}"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"grid_sample: padding_mode must be zeros, border or reflection, got {padding_mode!r}"
        )
    if (
        rank not in (2, 3)
        or grid.ndim != input.ndim
        or grid.shape[-1] != rank
        or grid.shape[0] != input.shape[0]
    ):
        raise ShapeError(
            f"grid_sample: {describe([input, grid])} must be (N, C, *lengths) and (N, *points, {rank})"
        )
    n, channels, *lengths = input.shape
    points = grid.reshape(n, -1, rank)
    axes = [
        _neighbours(points.select(-1, rank - 1 - axis), length, mode, padding_mode, bool(align_corners))
        for axis, length in enumerate(lengths)
    ]
    pixels = input.reshape(n, channels, -1).transpose(1, 2).reshape(-1, channels)  # (N pixels, C)
    first = beside(input, np.arange(n)[:, None] * math.prod(lengths))
    terms = []
    for taps in itertools.product(*axes):
        steps = [tap.place * math.prod(lengths[axis + 1 :]) for axis, tap in enumerate(taps)]
        weight = reduce(mul, [tap.weight for tap in taps]).unsqueeze(-1)  # (N, points, 1)
        terms.append(index(pixels, reduce(add, steps, first), dim=0) * weight)  # (N, points, C)
    return reshape(reduce(add, terms).transpose(1, 2), n, channels, *grid.shape[1:-1])


def _neighbours(x: Tensor, length: int, mode: str, padding_mode: str, align_corners: bool) -> list[Tap]:
    """Return the neighbours of each point along one dimension; those outside get the weight 0."""
    x = (x + 1) * ((length - 1) / 2) if align_corners else ((x + 1) * length - 1) / 2
    inside = _reflect_and_clamp if padding_mode == "reflection" else _clamp
    if padding_mode != "zeros" and mode != "bicubic":
        x = inside(x, length, align_corners)
    taps = []
    for place, weight in _TAPS[mode](x):
        if padding_mode == "zeros" or mode != "bicubic":
            weight = weight * ((place >= 0) & (place <= length - 1)).to(weight.dtype)
            place = _clamp(place, length)
        else:
            place = inside(place, length, align_corners)
        taps.append(Tap(place.to(dtypes.int64), weight))
    return taps


def _clamp(x: Tensor, length: int, align_corners: bool = False) -> Tensor:
    inside: Tensor = x.clamp(0, length - 1)
    return inside


def _reflect_and_clamp(x: Tensor, length: int, align_corners: bool) -> Tensor:
    """Fold a coordinate back at the outermost centres, or the outer edges, until it is inside."""
    low, span = (0.0, length - 1) if align_corners else (-0.5, length)
    if span == 0:
        return x * 0
    away = (x - low).abs()
    turns = (away / span).floor().detach()
    rest = away - turns * span
    odd = (turns % 2).to(x.dtype)
    return _clamp(rest + odd * (span - 2 * rest) + low, length)


def _nearest(x: Tensor) -> list[Tap]:
    place = x.detach().round()
    return [Tap(place, place.ones_like())]


def _linear(x: Tensor) -> list[Tap]:
    before = x.detach().floor()
    part = x - before
    return [Tap(before, 1 - part), Tap(before + 1, part)]


def _cubic(x: Tensor) -> list[Tap]:
    """The four neighbours of cubic convolution with a = -0.75 (Keys, 1981)."""
    before = x.detach().floor()
    part = x - before
    return [
        Tap(before - 1, _far(part + 1)),
        Tap(before, _near(part)),
        Tap(before + 1, _near(1 - part)),
        Tap(before + 2, _far(2 - part)),
    ]


def _near(t: Tensor) -> Tensor:
    return (1.25 * t - 2.25) * t * t + 1


def _far(t: Tensor) -> Tensor:
    return -0.75 * (((t - 5) * t + 8) * t - 4)


_TAPS: dict[str, Callable[[Tensor], list[Tap]]] = {
    "bilinear": _linear,
    "nearest": _nearest,
    "bicubic": _cubic,
}
