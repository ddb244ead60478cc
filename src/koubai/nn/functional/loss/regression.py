"""Losses for numbers: squared, absolute and in between, and likelihoods of counts and of normal numbers."""

from __future__ import annotations

import math

import koubai
from koubai.nn.functional.loss.reduction import reduced, same_shape
from koubai.tensor import Tensor

__all__ = [
    "gaussian_nll_loss",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Mean squared error, (input - target)².

    Args:
        input: predictions, any shape.
        target: of the same shape.
        reduction: "mean", "sum" or "none".
        weight: of each element; with "mean" the weighted mean.

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("mse_loss", input, target)
    return _weighted((input - target).square(), weight, reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Mean absolute error, |input - target|; outliers weigh less than in `mse_loss`. The arguments are its."""
    same_shape("l1_loss", input, target)
    return _weighted((input - target).abs(), weight, reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d²/2β for errors |d| below β, |d| - β/2 above (Girshick 2015).

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if β is negative.
    """
    same_shape("smooth_l1_loss", input, target)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss: beta is not negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    error = input - target
    size = error.abs()
    return reduced(koubai.where(size < beta, error.square() / (2 * beta), size - beta / 2), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d²/2 for errors |d| below δ, δ(|d| - δ/2) above (Huber 1964).

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if δ is not positive.
    """
    same_shape("huber_loss", input, target)
    if delta <= 0:
        raise RuntimeError(f"huber_loss: delta is positive, got {delta}")
    error = input - target
    size = error.abs()
    losses = koubai.where(size <= delta, error.square() / 2, (size - delta / 2) * delta)
    return _weighted(losses, weight, reduction)


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is None:
        return reduced(losses, reduction)
    if weight.shape != losses.shape:
        raise ValueError(f"weight has shape {list(weight.shape)}, the losses {list(losses.shape)}; they must agree")
    weighted = losses * weight
    return weighted.sum() / weight.sum() if reduction == "mean" else reduced(weighted, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of counts: exp(input) - target · input, or input - target · log(input).

    Args:
        input: the logarithm of the expected count, or the count itself with log_input=False.
        target: the counts.
        log_input: whether the input is a logarithm.
        full: add Stirling's approximation of log(target!).
        eps: added to the input before its logarithm is taken.
        reduction: "mean", "sum" or "none".
    """
    same_shape("poisson_nll_loss", input, target)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        safe = koubai.where(target > 1, target, 1.0)
        stirling = safe * safe.log() - safe + 0.5 * (2 * math.pi * safe).log()
        losses = losses + koubai.where(target > 1, stirling, 0.0)
    return reduced(losses, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of normal numbers: (log(var) + (input - target)² / var) / 2 (Nix and Weigend 1994).

    Args:
        input: expected values.
        target: samples.
        var: variances, of the input's shape, with 1 in place of one dimension, or without the last; or one number.
        full: add the constant log(2π)/2.
        eps: the variances are at least this; the bound has no gradient.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if a variance is negative or of another shape.
    """
    same_shape("gaussian_nll_loss", input, target)
    variance = var if isinstance(var, Tensor) else koubai.full(input.shape, float(var), dtype=input.dtype)
    if variance.shape == input.shape[:-1] and variance.shape != input.shape:
        variance = variance.unsqueeze(-1)
    stretched = [length for length, wanted in zip(variance.shape, input.shape) if length != wanted]
    if variance.ndim != input.ndim or stretched not in ([], [1]):
        raise ValueError(f"gaussian_nll_loss: var has shape {list(variance.shape)}, the input {list(input.shape)}")
    if not variance._is_symbolic and bool((variance < 0).any()):
        raise ValueError("gaussian_nll_loss: var has a negative entry")
    bounded = variance + (variance.detach().clamp(min=eps) - variance.detach())
    losses = 0.5 * (bounded.log() + (input - target).square() / bounded)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)
