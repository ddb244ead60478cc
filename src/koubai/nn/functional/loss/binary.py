"""Losses for yes or no: binary cross-entropy, of probabilities and, more safely, of scores."""

from __future__ import annotations

import koubai
from koubai.engine.function import composite
from koubai.engine.tensor import Tensor
from koubai.nn.functional.activation import logsigmoid
from koubai.nn.functional.loss.checks import same_shape, values_of
from koubai.nn.functional.loss.reduction import reduced

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """-target · log(input) - (1 - target) · log(1 - input) for probabilities; the logarithms are at least -100.

    `binary_cross_entropy_with_logits` is safer: it takes scores, before the sigmoid.

    Args:
        input: probabilities, any shape.
        target: probabilities, mostly 0 or 1, of the same shape.
        weight: of each element, broadcast.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if an input is no probability.
    """
    same_shape("binary_cross_entropy", input=input, target=target)
    values = values_of(input)
    if values is not None and not ((values >= 0) & (values <= 1)).all():
        raise RuntimeError(
            "binary_cross_entropy: the inputs must be probabilities between 0 and 1; for scores use "
            "binary_cross_entropy_with_logits"
        )
    losses = _entropy(input, target.to(input.dtype))
    return reduced(losses if weight is None else losses * weight, reduction)


def _logs(x: Tensor) -> tuple[Tensor, Tensor]:
    """log(x) and log(1 - x), at least -100 as PyTorch has it."""
    return koubai.clamp(koubai.log(x), min=-100.0), koubai.clamp(koubai.log(1 - x), min=-100.0)


def _entropy_gradient(g: Tensor, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """PyTorch's: (x - t) / (x(1 - x)), also where the logarithms are cut off; the denominator is at least 1e-12."""
    logs, others = _logs(x)
    return g * (x - t) / koubai.clamp(x * (1 - x), min=1e-12), g * (others - logs)


@composite(_entropy_gradient)
def _entropy(x: Tensor, t: Tensor) -> Tensor:
    logs, others = _logs(x)
    return -(t * logs + (1 - t) * others)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of scores, sigmoid included, safe against overflow.

    Gradient: sigmoid(input) - target, which is large where the prediction is wrong.

    Args:
        input: scores, any shape.
        target: probabilities, mostly 0 or 1, of the same shape.
        weight: of each element, broadcast.
        reduction: "mean", "sum" or "none".
        pos_weight: of the positive part, broadcast over the last dimensions: above 1 raises recall.

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("binary_cross_entropy_with_logits", input=input, target=target)
    positive = 1.0 if pos_weight is None else (pos_weight - 1) * target + 1
    losses = (1 - target) * input - positive * logsigmoid(input)
    return reduced(losses if weight is None else losses * weight, reduction)
