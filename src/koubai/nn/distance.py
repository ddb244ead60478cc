"""Layers that compare two inputs: by angle, by distance."""

from __future__ import annotations

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """x₁·x₂ / max(‖x₁‖ ‖x₂‖, eps) along one dimension: 1 for the same direction, -1 for opposite ones.

    Args:
        dim: dimension along which vectors lie.
        eps: keeps the divisor from 0.

    Shape:
        inputs (*, D, *), which broadcast; output (*, *).
    """

    def __init__(self, dim: int = 1, eps: float = 1e-08) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Compare by angle."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """‖x₁ - x₂ + eps‖ₚ along the last dimension.

    Args:
        p: of the norm; 2 is Euclid's.
        eps: keeps the gradient finite where the inputs are equal.
        keepdim: keep the last dimension, with length 1.

    Shape:
        inputs (N, D) or (D), output (N) or ().
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Compare by distance."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
