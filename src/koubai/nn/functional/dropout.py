"""Dropping elements or whole channels at random."""

from __future__ import annotations

import math

import koubai
from koubai.engine.tensor import Tensor

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

_SELU_FLOOR = 1.0507009873554804934193349852946 * 1.6732632423543772848170429916717
"""Minus the value that SELU approaches at -∞."""


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to 0 with probability p and divide the others by 1 - p (Srivastava et al., 2014).

    Args:
        input: of any shape.
        p: probability of being dropped.
        training: without it, the input is returned as it is.
        inplace: change the input itself.
    """
    _check_probability(p)
    if not training or p == 0:
        return input
    return _store(input, input * _mask(input, input.shape, p, scale=True), inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of sequences, (N, C, L) or (C, L)."""
    return _drop_channels(input, 1, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of images, (N, C, H, W); three dimensions are taken as (N, C, L), as in PyTorch."""
    return _drop_channels(input, 1 if input.ndim == 3 else 2, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of volumes, (N, C, D, H, W) or (C, D, H, W)."""
    return _drop_channels(input, 3, p, training, inplace)


def _drop_channels(input: Tensor, rank: int, p: float, training: bool, inplace: bool) -> Tensor:
    _check_probability(p)
    if input.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"dropout{rank}d: expected {rank + 1} or {rank + 2} dimensions, got input {list(input.shape)}; "
            "plain dropout takes any"
        )
    if not training or p == 0:
        return input
    channels = (*input.shape[:-rank], *[1] * rank)
    return _store(input, input * _mask(input, channels, p, scale=True), inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Set each element to SELU's floor with probability p, then restore mean 0 and variance 1.

    The formula is that of Klambauer et al. (2017), section 3.
    """
    return _alpha(input, input.shape, p, training, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels, (N, C, *)."""
    if training and input.ndim < 2:
        raise RuntimeError(f"feature_alpha_dropout: expected (N, C, *), got input {list(input.shape)}")
    return _alpha(input, (*input.shape[:2], *[1] * (input.ndim - 2)), p, training, inplace)


def _alpha(input: Tensor, shape: tuple[int, ...], p: float, training: bool, inplace: bool) -> Tensor:
    _check_probability(p)
    if not training or p == 0:
        return input
    if p == 1:
        return _store(input, input * 0, inplace)
    scale = 1 / math.sqrt((1 - p) * (1 + p * _SELU_FLOOR**2))
    kept = _mask(input, shape, p, scale=False)
    dropped = input * kept - _SELU_FLOOR * (1 - kept)
    return _store(input, scale * (dropped + p * _SELU_FLOOR), inplace)


def _mask(input: Tensor, shape: tuple[int, ...], p: float, scale: bool) -> Tensor:
    """0 with probability p, else 1; with `scale`, else 1/(1 - p)."""
    kept: Tensor = (koubai.rand(*shape, device=input.device) >= p).to(input.dtype)
    return kept / (1 - p) if scale and p < 1 else kept


def _check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"the probability of being dropped must be between 0 and 1, got {p}")


def _store(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    return input.copy_(result) if inplace else result
