"""Losses for what is rare: focal loss for rare classes, Dice for small regions."""

from __future__ import annotations

from collections.abc import Sequence

import koubai
from koubai.engine.tensor import Tensor
from koubai.functions.operands import to_tensor
from koubai.nn.functional.loss.binary import binary_cross_entropy_with_logits
from koubai.nn.functional.loss.checks import classes_fit, same_shape
from koubai.nn.functional.loss.classification import cross_entropy, entries
from koubai.nn.functional.loss.reduction import reduced

__all__ = ["dice_loss", "focal_loss"]


def focal_loss(
    input: Tensor,
    target: Tensor,
    alpha: Tensor | Sequence[float] | float | None = None,
    gamma: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy times (1 - p)^γ, with p the probability of the right answer (Lin et al. 2017).

    Easy samples, where p is near 1, count less.

    Args:
        input: scores, (N, C, ...), for classes; or of the target's shape, for yes/no targets.
        target: class indices, (N, ...); or 0/1 of the input's shape.
        alpha: for classes, weights (C,); for yes/no, the weight of yes (no has 1 - alpha).
        gamma: 0 gives the plain cross-entropy.
        reduction: "mean" (over the samples, not their weights), "sum" or "none".

    Raises:
        ValueError: if the shapes do not fit.
        IndexError: if a target is not a class.
    """
    if input.shape == target.shape:
        entropy = binary_cross_entropy_with_logits(input, target.to(input.dtype), reduction="none")
        weight = 1.0 if alpha is None else alpha * target + (1 - alpha) * (1 - target)  # type: ignore[operator]
    else:
        classes_fit("focal_loss", input, target, min(1, input.ndim - 1))
        entropy = cross_entropy(input, target, reduction="none")
        weight = 1.0 if alpha is None else entries(to_tensor(alpha, input.dtype), target)
    hardness = -koubai.expm1(-entropy)  # 1 - p
    return reduced(hardness**gamma * entropy * weight, reduction)


def dice_loss(input: Tensor, target: Tensor, smooth: float = 1.0, reduction: str = "mean") -> Tensor:
    """1 - 2·|A∩B| / (|A| + |B|) of probabilities and a mask, for each sample (Milletari et al. 2016, without squares).

    Args:
        input: probabilities, (N, ...).
        target: 0 or 1, of the same shape.
        smooth: added above and below, so that empty masks have a value.
        reduction: over the samples: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ, or there is nothing but samples.
    """
    same_shape("dice_loss", input=input, target=target)
    if input.ndim < 2:
        raise ValueError(
            f"dice_loss: expected (N, ...), got {list(input.shape)}; for one sample use unsqueeze(0)"
        )
    mask, inside = target.to(input.dtype), tuple(range(1, input.ndim))
    overlap, total = koubai.sum(input * mask, inside), koubai.sum(input + mask, inside)
    return reduced(1 - (2 * overlap + smooth) / (total + smooth), reduction)
