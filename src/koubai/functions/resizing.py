"""Resizing of images, sequences and volumes.

Every mode treats one dimension at a time. The nearest modes pick elements; the others are sums of neighbours
with fixed weights, and are computed as a product with the matrix of these weights, whose transpose is the
gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.placing import beside
from koubai.functions.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from koubai.functions.products import matmul
from koubai.functions.transposition import transpose
from koubai.ops.gather import index
from koubai.ops.op import Shape, ShapeError, describe

Array = Any
Sizes = int | Sequence[int] | None
Factors = float | Sequence[float] | None

_MODES = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "trilinear": (5,),
    "bicubic": (4,),
}


def interpolate(
    input: Tensor,
    size: Sizes = None,
    scale_factor: Factors = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize the spatial dimensions.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: the new spatial lengths.
        scale_factor: or what to multiply them by; the result is rounded down.
        mode: "nearest", "nearest-exact" (which rounds half pixels correctly), "area" (means of windows), or
            by number of spatial dimensions "linear", "bilinear", "trilinear"; "bicubic" (with a = -0.75) for
            images.
        align_corners: map the centres of the corner elements on each other, instead of their outer edges.
        recompute_scale_factor: use the ratio of the rounded lengths instead of the given `scale_factor`.
        antialias: widen the weights when an image is made smaller (bilinear and bicubic, which then has a =
            -0.5).

    Raises:
        ValueError: if not exactly one of size and scale factor is given, or they do not fit the input, or an
            option does not belong to the mode.
        NotImplementedError: if the mode does not exist for this number of dimensions.
    """
    if input.ndim not in _MODES.get(mode, ()):
        raise NotImplementedError(
            f"interpolate: mode {mode!r} does not exist for an input of {describe([input])}; the modes are "
            + ", ".join(f"{name} for {'/'.join(map(str, ndims))}-d" for name, ndims in _MODES.items())
        )
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(f"interpolate: align_corners has no meaning for mode {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            f"interpolate: antialias has no meaning for mode {mode!r}, only for bilinear and bicubic"
        )
    lengths, factors = _lengths(input, size, scale_factor)
    if mode == "area":
        pool = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[input.ndim - 3]
        return pool(input, lengths)  # type: ignore[no-any-return]
    for dim, (length, factor) in enumerate(zip(lengths, factors), 2):
        ratio = input.shape[dim] / length if factor is None or recompute_scale_factor else 1 / factor
        if mode in ("nearest", "nearest-exact"):
            input = _pick(input, dim, length, ratio, 0.5 if mode == "nearest-exact" else 0.0)
        else:
            weights = _weights(input.shape[dim], length, ratio, mode, bool(align_corners), antialias)
            input = _mix(input, dim, weights)
    return input


def upsample_nearest(input: Tensor, size: Sizes = None, scale_factor: Factors = None) -> Tensor:
    """Return `interpolate(...)` with `mode="nearest"`."""
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Sizes = None, scale_factor: Factors = None) -> Tensor:
    """Return `interpolate(...)` with `mode="bilinear"` and corners aligned."""
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _lengths(input: Tensor, size: Sizes, scale_factor: Factors) -> tuple[Shape, Sequence[float | None]]:
    """Return the new lengths, and the factors where they were given."""
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    rank = input.ndim - 2
    given: Any = size if scale_factor is None else scale_factor
    values = tuple(given) if isinstance(given, Sequence) else (given,) * rank
    if len(values) != rank:
        raise ValueError(
            f"interpolate: {describe([input])} has {rank} spatial dimensions, got {len(values)} sizes"
        )
    if size is not None:
        lengths = tuple(int(value) for value in values)
        factors: Sequence[float | None] = (None,) * rank
    else:
        lengths = tuple(math.floor(length * factor) for length, factor in zip(input.shape[2:], values))
        factors = values
    if min(lengths) < 1:
        raise ShapeError(f"interpolate: {describe([input])} cannot be resized to {list(lengths)}")
    return lengths, factors


def _pick(input: Tensor, dim: int, length: int, ratio: float, shift: float) -> Tensor:
    """Take the nearest element for each new one."""
    old = input.shape[dim]
    if length % old == 0 and ratio == old / length:
        return input.repeat_interleave(length // old, dim)
    places = np.floor((np.arange(length, dtype=np.float32) + np.float32(shift)) * np.float32(ratio))
    nearest = beside(input, np.minimum(places.astype(dtypes.int64), old - 1))
    return index(input, nearest, dim=dim)  # type: ignore[no-any-return]


def _mix(input: Tensor, dim: int, weights: Array) -> Tensor:
    """Multiply one dimension by a matrix (new length, old length)."""
    if weights.shape[0] == weights.shape[1] and (weights == np.eye(len(weights))).all():
        return input
    matrix = beside(input, weights.T.astype(input.dtype))
    return transpose(matmul(input.transpose(dim, -1), matrix), dim, -1)


def _weights(old: int, new: int, ratio: float, mode: str, align_corners: bool, antialias: bool) -> Array:
    """Return by how much each old element counts in each new one: (new, old)."""
    if align_corners:
        ratio = (old - 1) / (new - 1) if new > 1 else 0.0
    shift = 0.0 if align_corners else 0.5
    centres = (np.arange(new) + shift) * ratio - shift
    cubic = mode == "bicubic"
    if antialias:
        return _antialiased(
            old, centres, max(ratio, 1.0), _cubic(-0.5) if cubic else _triangle, 2 if cubic else 1
        )
    if not cubic:
        centres = np.maximum(centres, 0)
    first = np.floor(centres).astype(int)
    weights = np.zeros((new, old))
    for step in (-1, 0, 1, 2) if cubic else (0, 1):
        places = np.clip(first + step, 0, old - 1)  # neighbours beyond the edge repeat the edge
        weights[np.arange(new), places] += (_cubic(-0.75) if cubic else _triangle)(centres - (first + step))
    return weights


def _antialiased(
    old: int, centres: Array, width: float, kernel: Callable[[Array], Array], reach: int
) -> Array:
    """Return the weights of a kernel made wider, cut off at the edges and scaled to the sum 1."""
    first = np.floor(centres + 0.5 - reach * width + 0.5)
    last = np.floor(centres + 0.5 + reach * width + 0.5)
    places = np.arange(old)
    weights = kernel((places - centres[:, None]) / width)
    weights *= (places >= first[:, None]) & (places < last[:, None])
    return weights / weights.sum(1, keepdims=True)


def _triangle(x: Array) -> Array:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(a: float) -> Callable[[Array], Array]:
    """Return the cubic convolution kernel with slope `a` at 1 (Keys, 1981, "Cubic Convolution Interpolation
    for Digital Image Processing", eq. 8)."""

    def kernel(x: Array) -> Array:
        x = np.abs(x)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = a * (((x - 5) * x + 8) * x - 4)
        return np.where(x <= 1, near, np.where(x < 2, far, 0))

    return kernel
