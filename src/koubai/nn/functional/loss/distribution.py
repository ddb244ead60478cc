"""Losses between distributions: Kullback-Leibler divergence, and likelihoods of counts and of normal numbers."""

from __future__ import annotations

import math

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.functional.loss.checks import same_shape, values_of
from koubai.nn.functional.loss.reduction import reduced

__all__ = ["gaussian_nll_loss", "kl_div", "poisson_nll_loss"]


def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Kullback-Leibler divergence, target · (log(target) - input), from log-probabilities.

    Args:
        input: log-probabilities, any shape.
        target: probabilities, or log-probabilities with log_target=True, of the same shape.
        reduction: "batchmean" is the divergence itself; "mean" also divides by the number of classes; "sum", "none".
        log_target: whether the target is given as logarithms.

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("kl_div", input=input, target=target)
    if log_target:
        losses = koubai.exp(target) * (target - input)
    else:
        losses = koubai.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return koubai.sum(losses) / (input.shape[0] if input.ndim else 1)
    return reduced(losses, reduction)


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
        input: the logarithm of the expected count, or the count itself with log_input=False; any shape.
        target: the counts, of the same shape.
        log_input: whether the input is a logarithm.
        full: add Stirling's approximation of log(target!).
        eps: added to the input before its logarithm is taken.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("poisson_nll_loss", input=input, target=target)
    count, log_count = (koubai.exp(input), input) if log_input else (input, koubai.log(input + eps))
    losses = count - target * log_count
    return reduced(losses + _log_factorial(target) if full else losses, reduction)


def _log_factorial(n: Tensor) -> Tensor:
    """Stirling's approximation of log(n!), 0 up to 1."""
    safe = koubai.where(n > 1, n, 1.0)
    approximation = safe * koubai.log(safe) - safe + 0.5 * koubai.log(2 * math.pi * safe)
    return koubai.where(n > 1, approximation, 0.0)


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
        input: expected values, any shape.
        target: samples, of the same shape.
        var: variances, of the input's shape, with 1 in place of one dimension, or without the last; or one number.
        full: add the constant log(2π)/2.
        eps: the variances are at least this; the bound has no gradient.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if a variance is negative or of another shape.
    """
    same_shape("gaussian_nll_loss", input=input, target=target)
    variance = _variance(var, input)
    lower = koubai.clamp(variance, min=eps) - variance
    bounded = variance + lower.detach()
    losses = 0.5 * koubai.log(bounded) + 0.5 * koubai.square(input - target) / bounded
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def _variance(var: Tensor | float, input: Tensor) -> Tensor:
    """Return the variances in a shape that broadcasts to the input's."""
    variance = var if isinstance(var, Tensor) else koubai.full_like(input, var)
    if variance.shape == input.shape[:-1]:
        variance = variance.unsqueeze(-1)
    stretched = [length for length, wanted in zip(variance.shape, input.shape) if length != wanted]
    if variance.ndim != input.ndim or stretched not in ([], [1]):
        raise ValueError(
            f"gaussian_nll_loss: var has shape {list(variance.shape)}, the input {list(input.shape)}"
        )
    values = values_of(variance)
    if values is not None and (values < 0).any():
        raise ValueError("gaussian_nll_loss: var has a negative entry")
    return variance
