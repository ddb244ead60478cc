"""Losses for numbers: squared errors, absolute ones, and those in between."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.functional.loss.checks import same_shape
from koubai.nn.functional.loss.reduction import reduced

__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Mean squared error, (input - target)².

    Gradient: proportional to the error, so one outlier can outweigh all others.

    Args:
        input: predictions, any shape.
        target: of the same shape.
        reduction: "mean", "sum" or "none".
        weight: of each element, of the same shape; "mean" is then the weighted mean.

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("mse_loss", input=input, target=target)
    return _weighted(koubai.square(input - target), weight, reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Mean absolute error, |input - target|. The arguments are those of `mse_loss`.

    Gradient: the sign of the error, 0 where there is none; outliers weigh no more than others.
    """
    same_shape("l1_loss", input=input, target=target)
    return _weighted(koubai.abs(input - target), weight, reduction)


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Reduce losses by their weights."""
    if weight is None:
        return reduced(losses, reduction)
    same_shape("weighted loss", losses=losses, weight=weight)
    if reduction == "mean":
        return koubai.sum(losses * weight) / koubai.sum(weight)
    return reduced(losses * weight, reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d²/2β for errors |d| below β, |d| - β/2 above (Girshick 2015).

    Gradient: d/β, cut off at -1 and 1.

    Args:
        input: predictions, any shape.
        target: of the same shape.
        reduction: "mean", "sum" or "none".
        beta: where the parabola ends; 0 gives `l1_loss`.

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if β is negative.
    """
    same_shape("smooth_l1_loss", input=input, target=target)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss: beta is not negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    return reduced(_parabola_with_arms(input - target, beta) / beta, reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d²/2 for errors |d| up to δ, δ(|d| - δ/2) above (Huber 1964).

    Gradient: d, cut off at -δ and δ.

    Args:
        input: predictions, any shape.
        target: of the same shape.
        reduction: "mean", "sum" or "none".
        delta: where the parabola ends.
        weight: of each element, of the same shape; unlike `mse_loss`'s, "mean" does not divide by it, as in PyTorch.

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if δ is not positive.
    """
    same_shape("huber_loss", input=input, target=target)
    if delta <= 0:
        raise RuntimeError(f"huber_loss: delta is positive, got {delta}")
    losses = _parabola_with_arms(input - target, delta)
    if weight is not None:
        same_shape("huber_loss", losses=losses, weight=weight)
        losses = losses * weight
    return reduced(losses, reduction)


def _parabola_with_arms(error: Tensor, end: float) -> Tensor:
    """d²/2, continued in a straight line beyond ±end; no square overflows there."""
    bounded = koubai.clamp(error, -end, end)
    return bounded * (error - bounded / 2)
