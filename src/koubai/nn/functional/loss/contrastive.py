"""Contrastive losses: two views of the same sample belong together, all others apart."""

from __future__ import annotations

import koubai
from koubai.nn.functional.loss.classification import cross_entropy
from koubai.nn.functional.loss.reduction import same_shape
from koubai.tensor import Tensor

__all__ = ["nt_xent_loss"]


def nt_xent_loss(first: Tensor, second: Tensor, temperature: float = 0.5, reduction: str = "mean") -> Tensor:
    """Normalised temperature-scaled cross-entropy of SimCLR (Chen et al. 2020, equation 1).

    Of the 2N embeddings each one's positive is the other view of its sample; the other 2N - 2 are its negatives.

    Args:
        first: embeddings of one view, (N, D).
        second: embeddings of the other view, in the same order, (N, D).
        temperature: divides the cosine similarities; 0.1 to 0.5 are usual.
        reduction: over the 2N embeddings: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ or the temperature is not positive.
    """
    same_shape("nt_xent_loss", first, second)
    if temperature <= 0:
        raise ValueError(f"nt_xent_loss: the temperature is positive, got {temperature}")
    both = koubai.cat([first, second])  # (2N, D)
    unit = both / (both * both).sum(1, keepdim=True).sqrt().clamp(min=1e-12)
    similarity = unit @ unit.T / temperature  # (2N, 2N)
    count = both.shape[0]
    itself = koubai.eye(count, dtype=koubai.bool)
    scores = koubai.where(itself, float("-inf"), similarity)
    partner = (koubai.arange(count) + count // 2) % count
    return cross_entropy(scores, partner, reduction=reduction)
