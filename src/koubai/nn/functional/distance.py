"""Comparing vectors: by angle, by distance."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-08) -> Tensor:
    """x₁·x₂ / (max(‖x₁‖, eps) max(‖x₂‖, eps)) along `dim`.

    Args:
        x1: (*, D, *).
        x2: of a shape that broadcasts with it.
        dim: where D is.
        eps: keeps the divisor from 0.

    Returns:
        the broadcast shape without `dim`.
    """
    x1, x2 = koubai.broadcast_tensors(x1, x2)
    unit1, unit2 = (x / x.norm(2, dim, keepdim=True).clamp(min=eps) for x in (x1, x2))
    return (unit1 * unit2).sum(dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False
) -> Tensor:
    """‖x₁ - x₂ + eps‖ₚ along the last dimension.

    Args:
        x1: (N, D) or (D).
        x2: of a shape that broadcasts with it.
        p: of the norm.
        eps: added to each difference, so that the gradient is finite where they are equal.
        keepdim: keep the last dimension, with length 1.

    Returns:
        (N) or ().
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The distances ‖xᵢ - xⱼ‖ₚ of all pairs i < j of the rows of a matrix (N, D), N (N - 1)/2 of them."""
    rows = input.shape[0]
    first, second = koubai.triu_indices(rows, rows, offset=1, device=input.device)
    return (input[first] - input[second]).norm(p, -1)
