"""Dropout layers: in training mode, a random part of the input becomes zero (or SELU's floor)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from koubai.engine.tensor import Tensor
from koubai.nn.functional.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from koubai.nn.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Dropout(Module):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p is a probability, between 0 and 1, got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training mode; return the input in evaluation mode."""
        return type(self)._function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Set each element to zero with probability p and divide the others by 1 - p (Srivastava et al., 2014).

    p is the part that is dropped, as in PyTorch, Keras and Flax. Usual values are 0.2 to 0.5.

    Args:
        p: probability of being dropped.
        inplace: change the input itself.

    Shape:
        input and output: any, the same.
    """

    _function = dropout


class Dropout1d(_Dropout):
    """`Dropout` of whole channels, (N, C, L) or (C, L), whose neighbours are alike (Tompson et al., 2015)."""

    _function = dropout1d


class Dropout2d(_Dropout):
    """`Dropout` of whole channels of images, (N, C, H, W) or (C, H, W)."""

    _function = dropout2d


class Dropout3d(_Dropout):
    """`Dropout` of whole channels of volumes, (N, C, D, H, W) or (C, D, H, W)."""

    _function = dropout3d


class AlphaDropout(_Dropout):
    """`Dropout` for SELU networks: keeps mean 0 and variance 1 (Klambauer et al., 2017, section 3).

    Dropped elements become -1.758 (the value SELU approaches at -∞); then all are scaled and shifted.

    Shape:
        input and output: any, the same.
    """

    _function = alpha_dropout


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels, (N, C, *)."""

    _function = feature_alpha_dropout
