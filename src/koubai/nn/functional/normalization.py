"""Normalisations, all by one of two composites: mean 0 and variance 1, or root mean square 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import koubai
from koubai.engine.function import composite
from koubai.engine.tensor import Tensor

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


def _standardize_gradient(g: Tensor, out: Tensor, scale: Tensor, dims: tuple[int, ...]) -> tuple[Tensor]:
    # y = c s with c = x - mean, s = 1/√(mean of c² + eps):  dx = s (g - mean of g - y · mean of g y)
    along = out * (g * out).mean(dims, keepdim=True)
    return ((g - g.mean(dims, keepdim=True) - along) * scale,)


@composite(_standardize_gradient)
def standardize(
    x: Tensor, *, dims: tuple[int, ...], eps: float, statistics: dict[str, Tensor] | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """(x - mean) / √(variance + eps), both over `dims`, the variance divided by n.

    `statistics`, if given, receives the mean and the variance, for those who keep running ones.
    """
    mean = x.mean(dims, keepdim=True)
    centred = x - mean
    variance = (centred * centred).mean(dims, keepdim=True)
    scale = (variance + eps).rsqrt()
    if statistics is not None:
        statistics.update(mean=mean, variance=variance)
    return centred * scale, {"scale": scale}


def _rms_gradient(g: Tensor, out: Tensor, scale: Tensor, dims: tuple[int, ...]) -> tuple[Tensor]:
    # y = x s with s = 1/√(mean of x² + eps):  dx = s (g - y · mean of g y)
    return ((g - out * (g * out).mean(dims, keepdim=True)) * scale,)


@composite(_rms_gradient)
def _divide_by_rms(x: Tensor, *, dims: tuple[int, ...], eps: float) -> tuple[Tensor, dict[str, Tensor]]:
    scale = ((x * x).mean(dims, keepdim=True) + eps).rsqrt()
    return x * scale, {"scale": scale}


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


def _per_channel(values: Tensor | None, x: Tensor) -> Tensor | None:
    """Reshape one value per channel so that it broadcasts against (N, C, *)."""
    return None if values is None else values.reshape(-1, *[1] * (x.ndim - 2))


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """γ (x - mean) / √(variance + eps) + β over the last dimensions (Ba et al., 2016).

    Args:
        input: (*, *normalized_shape).
        normalized_shape: the dimensions over which to normalise.
        weight: γ, of shape normalized_shape.
        bias: β, of shape normalized_shape.
        eps: added to the variance.

    Raises:
        RuntimeError: the input, γ or β does not end with normalized_shape.
    """
    dims = _trailing_dims("layer_norm", input, normalized_shape, weight, bias)
    return _affine(standardize(input, dims=dims, eps=eps), weight, bias)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """γ x / √(mean of x² + eps) over the last dimensions (Zhang and Sennrich, 2019).

    Args:
        input: (*, *normalized_shape).
        normalized_shape: the dimensions over which to normalise.
        weight: γ, of shape normalized_shape.
        eps: added to the mean square; by default the spacing of the input's dtype at 1.

    Raises:
        RuntimeError: the input or γ does not end with normalized_shape.
    """
    dims = _trailing_dims("rms_norm", input, normalized_shape, weight)
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    return _affine(_divide_by_rms(input, dims=dims, eps=eps), weight, None)


def _trailing_dims(
    name: str, input: Tensor, normalized_shape: Sequence[int], *affine: Tensor | None
) -> tuple[int, ...]:
    """The last dimensions, which must be `normalized_shape`."""
    shape = tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"{name}: the input {list(input.shape)} must end with normalized_shape {list(shape)}, "
            "which must have a dimension"
        )
    for parameter in affine:
        if parameter is not None and tuple(parameter.shape) != shape:
            raise RuntimeError(
                f"{name}: weight and bias must be normalized_shape {list(shape)}, not {list(parameter.shape)}"
            )
    return tuple(range(input.ndim - len(shape), input.ndim))


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """γ (x - mean) / √(variance + eps) + β over groups of channels (Wu and He, 2018).

    Args:
        input: (N, C, *).
        num_groups: groups into which the channels are split, in order.
        weight: γ, of shape (C).
        bias: β, of shape (C).
        eps: added to the variance.

    Raises:
        RuntimeError: there are fewer than two dimensions, or the groups do not divide the channels.
    """
    if input.ndim < 2 or input.shape[1] % num_groups:
        raise RuntimeError(
            f"group_norm: input {list(input.shape)} must be (N, C, *), C divisible by num_groups={num_groups}"
        )
    images, channels, *lengths = input.shape
    grouped = input.reshape(images, num_groups, channels // num_groups, *lengths)
    normal = standardize(grouped, dims=tuple(range(2, grouped.ndim)), eps=eps).reshape(input.shape)
    return _affine(normal, _per_channel(weight, input), _per_channel(bias, input))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """γ (x - mean) / √(variance + eps) + β for each channel (Ioffe and Szegedy, 2015).

    Args:
        input: (N, C, *).
        running_mean: (C), changed in place while training, used otherwise.
        running_var: (C), likewise.
        weight: γ, of shape (C).
        bias: β, of shape (C).
        training: normalise by the batch's statistics, and move the running ones towards them.
        momentum: share of the batch in the running statistics.
        eps: added to the variance.

    Raises:
        ValueError: there is just one value per channel to take the variance of, or eps is negative.
        RuntimeError: the input has another number of channels, or running statistics are missing.
    """
    if input.shape == (0,):
        return input  # an empty batch without channels, which PyTorch lets pass
    _check_batch_norm(input, running_mean, running_var, weight, bias, training, eps)
    if training:
        if input.numel() // max(input.shape[1], 1) == 1:
            raise ValueError(
                f"batch_norm: training needs more than one value per channel, got {list(input.shape)}"
            )
        dims = (0, *range(2, input.ndim))
        statistics: dict[str, Tensor] = {}
        normal = standardize(input, dims=dims, eps=eps, statistics=statistics)
        _track(statistics, input.numel() // input.shape[1], running_mean, running_var, momentum)
    else:
        normal = _by_running(input, running_mean, running_var, eps)
    return _affine(normal, _per_channel(weight, input), _per_channel(bias, input))


def _check_batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    eps: float,
) -> None:
    if eps < 0:
        raise ValueError(f"batch_norm: eps must not be negative, got {eps}")
    if input.ndim < 2:
        raise RuntimeError(f"batch_norm: expected (N, C, *), got input {list(input.shape)}")
    if not training and (running_mean is None or running_var is None):
        raise RuntimeError("batch_norm: evaluation needs running_mean and running_var; or pass training=True")
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, values in given.items():
        if values is not None and tuple(values.shape) != (input.shape[1],):
            raise RuntimeError(
                f"batch_norm: {name} has shape {list(values.shape)}, but input {list(input.shape)} has "
                f"{input.shape[1]} channels"
            )


def _by_running(x: Tensor, mean: Any, variance: Any, eps: float) -> Tensor:
    """Normalise (N, C, *) by given statistics of each channel."""
    centre, spread = _per_channel(mean, x), _per_channel((variance + eps).rsqrt(), x)
    return (x - centre) * spread


def _track(
    statistics: dict[str, Tensor],
    count: int,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    momentum: float | Tensor,
) -> None:
    """Move running statistics towards those of a batch; the variance is made unbiased for `count` values."""
    if count == 0:
        return  # an empty batch tells nothing
    unbiased = count / max(count - 1, 1)
    news = ((running_mean, statistics["mean"]), (running_var, statistics["variance"] * unbiased))
    with koubai.no_grad():
        for running, new in news:
            if running is not None:
                new = new.reshape(-1, *running.shape).mean(0)
                running.copy_(running * (1 - momentum) + new * momentum)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """γ (x - mean) / √(variance + eps) + β for each channel of each sample (Ulyanov et al., 2016).

    Args:
        input: (N, C, *).
        running_mean: (C), moved towards the samples' mean where the input's statistics are used.
        running_var: (C), likewise.
        weight: γ, of shape (C).
        bias: β, of shape (C).
        use_input_stats: normalise by the input's statistics, not the running ones.
        momentum: share of the batch in the running statistics.
        eps: added to the variance.

    Raises:
        ValueError: there is just one value per channel to take the variance of.
        RuntimeError: running statistics are missing.
    """
    if use_input_stats:
        spatial = math.prod(input.shape[2:])
        if spatial == 1:
            raise ValueError(
                f"instance_norm: a variance needs more than one element per channel, got {list(input.shape)}"
            )
        statistics: dict[str, Tensor] = {}
        normal = standardize(input, dims=tuple(range(2, input.ndim)), eps=eps, statistics=statistics)
        _track(statistics, spatial, running_mean, running_var, momentum)
    elif running_mean is None or running_var is None:
        raise RuntimeError("instance_norm: use_input_stats=False needs running_mean and running_var")
    else:
        normal = _by_running(input, running_mean, running_var, eps)
    return _affine(normal, _per_channel(weight, input), _per_channel(bias, input))


def local_response_norm(
    input: Tensor, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha/size Σ x²)^beta over neighbouring channels (Krizhevsky et al., 2012, section 3.3).

    Args:
        input: (N, C, *), with three dimensions or more.
        size: channels in a neighbourhood.
        alpha: weight of the mean square.
        beta: exponent.
        k: added.

    Raises:
        ValueError: the input has fewer than three dimensions.
    """
    if input.ndim < 3:
        raise ValueError(f"local_response_norm: expected (N, C, *), got input {list(input.shape)}")
    if input.numel() == 0:
        return input
    channels = input.shape[1]
    margins = [0, 0] * (input.ndim - 2) + [size // 2, (size - 1) // 2]
    squares = koubai.nn.functional.pad(input * input, margins)
    total = squares[:, :channels]
    for offset in range(1, size):
        total = total + squares[:, offset : offset + channels]
    divisor: Tensor = (total * (alpha / size) + k) ** beta
    return input / divisor


def normalize(input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖ₚ, eps) along `dim`: vectors of length 1."""
    length: Tensor = input.norm(p, dim, keepdim=True).clamp(min=eps)
    return input / length
