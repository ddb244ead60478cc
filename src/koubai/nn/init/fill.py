"""Distributions for first values: each function fills a tensor in place and returns it.

Values come from Koubai's own generator, or from the one given. Fans count as for a weight that is used
transposed, x Wᵀ, so that a Linear weight (out, in) has fan_in = in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

import koubai
from koubai.engine.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "fan_in_uniform_",
    "fans",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lecun_normal_",
    "lecun_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

Generator = Any

_LINEAR = (
    "linear",
    *(f"conv{rank}d" for rank in (1, 2, 3)),
    *(f"conv_transpose{rank}d" for rank in (1, 2, 3)),
)
_GAINS = {**dict.fromkeys((*_LINEAR, "sigmoid"), 1.0), "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights are larger to make up for what `nonlinearity` takes from the signal.

    Args:
        nonlinearity: "linear" (or a convolution), "sigmoid": 1; "tanh": 5/3; "relu": √2; "leaky_relu":
            √(2 / (1 + slope²)); "selu": 3/4.
        param: the slope of "leaky_relu", 0.01 by default.

    Raises:
        ValueError: no gain is known for it, or the slope is not a number.
    """
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity != "leaky_relu":
        raise ValueError(f"no gain is known for {nonlinearity!r}; choose from {[*_GAINS, 'leaky_relu']}")
    slope = 0.01 if param is None else param
    if isinstance(slope, bool) or not isinstance(slope, (int, float)):
        raise ValueError(f"the slope of leaky_relu must be a number, got {param!r}")
    return math.sqrt(2 / (1 + slope**2))


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out): how many inputs each output has, and how many outputs each input.

    Raises:
        ValueError: the tensor has fewer than two dimensions.
    """
    if tensor.ndim < 2:
        raise ValueError(f"fan_in and fan_out need two dimensions or more, got shape {tuple(tensor.shape)}")
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return fans(tensor)[mode == "fan_out"]


def _untracked(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Fill without recording; a tensor without elements is returned as it is."""

    @wraps(function)
    def fill(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        with koubai.no_grad():
            return function(tensor, *args, **kwargs) if tensor.numel() else tensor

    return fill


@_untracked
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill from the uniform distribution on [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@_untracked
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill from the normal distribution. "Small random" weights are `normal_(w, std=0.01)`."""
    return tensor.normal_(mean, std, generator=generator)


@_untracked
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill from the normal distribution as it is within [a, b]; a and b are values, not multiples of std.

    A uniform number between the distribution function at a and at b is put through its inverse.
    """
    low, high = (math.erf((bound - mean) / (std * math.sqrt(2))) for bound in (a, b))
    drawn = koubai.empty_like(tensor).uniform_(low, high, generator=generator)
    values = drawn.erfinv() * (std * math.sqrt(2)) + mean
    return tensor.copy_(values.clamp(a, b))


@_untracked
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


@_untracked
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on the diagonal: a Linear layer that passes its input on."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_ fills a matrix, got shape {tuple(tensor.shape)}")
    return tensor.copy_(koubai.eye(*tensor.shape))


@_untracked
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it passes on as many channels as it can, within each group.

    Raises:
        ValueError: not 3 to 5 dimensions, or the groups do not divide the output channels.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(
            f"dirac_ fills a convolution's weight of 3 to 5 dimensions, got {tuple(tensor.shape)}"
        )
    if tensor.shape[0] % groups:
        raise ValueError(f"groups={groups} must divide the first dimension of {tuple(tensor.shape)}")
    per_group = tensor.shape[0] // groups
    centre = tuple(length // 2 for length in tensor.shape[2:])
    values = np.zeros(tensor.shape)
    for group in range(groups):
        for channel in range(min(per_group, tensor.shape[1])):
            values[(group * per_group + channel, channel, *centre)] = 1
    return tensor.copy_(koubai.from_numpy(values))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform, variance gain² 2/(fan_in + fan_out) (Glorot and Bengio, 2010): for tanh, sigmoid, softmax."""
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with variance gain² 2/(fan_in + fan_out) (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform with variance gain²/fan (He et al., 2015). For the ReLU family.

    Args:
        tensor: to fill.
        a: the negative slope, for "leaky_relu".
        mode: "fan_in" keeps the size of the signal, "fan_out" that of the gradient.
        nonlinearity: as for `calculate_gain`.
        generator: to draw from.
    """
    bound = math.sqrt(3) * _he_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with variance gain²/fan (He et al., 2015). Arguments are `kaiming_uniform_`'s."""
    return normal_(tensor, 0.0, _he_std(tensor, a, mode, nonlinearity), generator)


def _he_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    return calculate_gain(nonlinearity, a) / math.sqrt(max(_fan(tensor, mode), 1))


def lecun_uniform_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Uniform with variance 1/fan_in (LeCun et al., 1998)."""
    return kaiming_uniform_(tensor, nonlinearity="linear", generator=generator)


def lecun_normal_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Normal with variance 1/fan_in (LeCun et al., 1998). For SELU (Klambauer et al., 2017)."""
    return kaiming_normal_(tensor, nonlinearity="linear", generator=generator)


def fan_in_uniform_(tensor: Tensor, weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Uniform in ±1/√fan_in of `weight`: where PyTorch's layers start their biases."""
    fan_in, _ = fans(weight)
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    return uniform_(tensor, -bound, bound, generator)


@_untracked
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with rows (or columns, if fewer) at right angles, of length `gain` (Saxe et al., 2014).

    Q of a random normal matrix, with the signs that make it uniform (Mezzadri, 2007). Dimensions after the
    first count as one.
    """
    fan_in = fans(tensor)[0]
    rows, columns = tensor.shape[0], fan_in
    drawn = koubai.empty(max(rows, columns), min(rows, columns)).normal_(generator=generator)
    q, r = np.linalg.qr(drawn.numpy().astype(np.float64))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    matrix = q if rows >= columns else q.T
    return tensor.copy_(koubai.from_numpy(gain * matrix).reshape(tensor.shape))


@_untracked
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with normal numbers, but ⌈sparsity · rows⌉ of each column with 0 (Martens, 2010)."""
    if tensor.ndim != 2:
        raise ValueError(f"sparse_ fills a matrix, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    keep = np.ones((rows, columns))
    for column in range(columns):
        keep[koubai.randperm(rows, generator=generator).numpy()[:zeros], column] = 0
    normal_(tensor, 0.0, std, generator)
    return tensor.mul_(koubai.from_numpy(keep).to(tensor))
