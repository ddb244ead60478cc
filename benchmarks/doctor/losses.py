"""Keras's losses, as anyone would write them for a loop of one's own: plain functions of output and target.

They use tensor methods alone, which Koubai and PyTorch share. Like Keras's, those that take probabilities clip them,
and none of them minds if the shapes of output and target differ, as long as one can be repeated to fit the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["HINGES", "LOSSES", "SPARSE", "Loss", "penalised"]

Tensor = Any  # of either framework
Loss = Callable[[Tensor, Tensor], Tensor]

EPSILON = 1e-7


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """(o − t)²."""
    return ((output - target) ** 2).mean()


def mean_absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """|o − t|."""
    return (output - target).abs().mean()


def mean_absolute_percentage_error(output: Tensor, target: Tensor) -> Tensor:
    """100 |o − t| / |t|."""
    return 100 * ((output - target).abs() / target.abs().clamp(min=EPSILON)).mean()


def mean_squared_logarithmic_error(output: Tensor, target: Tensor) -> Tensor:
    """(ln(1 + o) − ln(1 + t))²."""
    difference = output.clamp(min=EPSILON).log1p() - target.clamp(min=EPSILON).log1p()
    return (difference**2).mean()


def huber(output: Tensor, target: Tensor) -> Tensor:
    """(o − t)²/2 up to a distance of 1, and straight beyond."""
    distance = (output - target).abs()
    near = distance.clamp(max=1.0)
    return (near * near / 2 + distance - near).mean()


def log_cosh(output: Tensor, target: Tensor) -> Tensor:
    """ln cosh(o − t)."""
    distance = (output - target).abs()
    return (distance + (-2 * distance).exp().log1p() - 0.6931471805599453).mean()


def hinge(output: Tensor, target: Tensor) -> Tensor:
    """max(0, 1 − t o), with targets -1 and 1."""
    return (1 - target * output).clamp(min=0.0).mean()


def squared_hinge(output: Tensor, target: Tensor) -> Tensor:
    """max(0, 1 − t o)², with targets -1 and 1."""
    return ((1 - target * output).clamp(min=0.0) ** 2).mean()


def categorical_hinge(output: Tensor, target: Tensor) -> Tensor:
    """The best wrong class against the right one."""
    right = (target * output).sum(-1)
    wrong = ((1 - target) * output).amax(-1)
    return (wrong - right + 1).clamp(min=0.0).mean()


def poisson(output: Tensor, target: Tensor) -> Tensor:
    """O − t ln o."""
    return (output - target * (output + EPSILON).log()).mean()


def kullback_leibler_divergence(output: Tensor, target: Tensor) -> Tensor:
    """Σ t ln(t / o)."""
    target, output = target.clamp(EPSILON, 1.0), output.clamp(EPSILON, 1.0)
    return (target * (target / output).log()).sum(-1).mean()


def cosine_similarity(output: Tensor, target: Tensor) -> Tensor:
    """The cosine of the angle between both, with a minus in front."""
    lengths = ((output**2).sum(-1) * (target**2).sum(-1)).clamp(min=EPSILON).sqrt()
    return -((output * target).sum(-1) / lengths).mean()


def binary_crossentropy(output: Tensor, target: Tensor) -> Tensor:
    """Of probabilities."""
    output = output.clamp(EPSILON, 1 - EPSILON)
    return -(target * output.log() + (1 - target) * (1 - output).log()).mean()


def categorical_crossentropy(output: Tensor, target: Tensor) -> Tensor:
    """Of probabilities, made to add up to 1, with one-hot targets."""
    output = (output / output.sum(-1, keepdim=True)).clamp(EPSILON, 1 - EPSILON)
    return -(target * output.log()).sum(-1).mean()


def sparse_categorical_crossentropy(output: Tensor, target: Tensor) -> Tensor:
    """Of probabilities, made to add up to 1, with the numbers of the classes as targets."""
    output = output.clamp(EPSILON, 1 - EPSILON)
    output = output / output.sum(-1, keepdim=True)
    return -output.gather(-1, target.unsqueeze(-1)).log().mean()


def penalised(loss: Loss, weights: Sequence[Tensor], l1: float, l2: float) -> Loss:
    """Return a loss with `l1 Σ|w| + l2 Σw²` added."""

    @functools.wraps(loss)
    def total(output: Tensor, target: Tensor) -> Tensor:
        value = loss(output, target)
        for weight in weights:
            value = value + l1 * weight.abs().sum() + l2 * (weight**2).sum()
        return value

    return total


_SHORT = {
    "mse": mean_squared_error,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
    "huber_loss": huber,
    "logcosh": log_cosh,
    "kld": kullback_leibler_divergence,
    "kl_divergence": kullback_leibler_divergence,
    "bce": binary_crossentropy,
    "binary_cross_entropy": binary_crossentropy,
    "cce": categorical_crossentropy,
    "categorical_cross_entropy": categorical_crossentropy,
    "scce": sparse_categorical_crossentropy,
    "sparse_categorical_cross_entropy": sparse_categorical_crossentropy,
}
_ALL: tuple[Loss, ...] = (
    mean_squared_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_logarithmic_error,
    huber,
    log_cosh,
    hinge,
    squared_hinge,
    categorical_hinge,
    poisson,
    kullback_leibler_divergence,
    cosine_similarity,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
LOSSES: dict[str, Loss] = {**{loss.__name__: loss for loss in _ALL}, **_SHORT}  # type: ignore[attr-defined]
SPARSE = {sparse_categorical_crossentropy}
HINGES = {hinge, squared_hinge}
