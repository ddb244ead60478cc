"""Contrastive losses: two views of the same sample belong together, all others apart."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.functional.loss.checks import same_shape
from koubai.nn.functional.loss.classification import cross_entropy
from koubai.nn.functional.normalization import normalize

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
        ValueError: if the shapes are not one (N, D), or the temperature is not positive.
    """
    same_shape("nt_xent_loss", first=first, second=second)
    if first.ndim != 2:
        raise ValueError(f"nt_xent_loss: expected embeddings (N, D), got {list(first.shape)}")
    if temperature <= 0:
        raise ValueError(f"nt_xent_loss: the temperature is positive, got {temperature}")
    unit = normalize(koubai.cat([first, second]), dim=1)  # (2N, D)
    similarity = unit @ unit.T / temperature  # (2N, 2N)
    places = koubai.arange(unit.shape[0], device=unit.device)
    scores = koubai.where(places == places.unsqueeze(1), float("-inf"), similarity)  # not with itself
    return cross_entropy(scores, places.roll(first.shape[0]), reduction=reduction)
