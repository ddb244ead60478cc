"""Softmax in its forms: rows of scores become probabilities."""

from __future__ import annotations

import warnings

import koubai
from koubai.dtypes import DTypeLike
from koubai.engine.tensor import Tensor

__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike = None) -> Tensor:
    """exp(x) / Σ exp(x) along `dim`; see `koubai.softmax`.

    `cross_entropy` takes the scores themselves: do not put a softmax before it.

    Args:
        input: scores, any shape.
        dim: the dimension along which the results add up to 1. Without it, a warning and PyTorch's choice: 0 for 0, 1
            or 3 dimensions, else 1.
        dtype: convert the input first.
    """
    return koubai.softmax(input, _chosen(dim, input, "softmax", _stacklevel), dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike = None
) -> Tensor:
    """x - log Σ exp(x) along `dim`; see `koubai.log_softmax`. The arguments are those of `softmax`."""
    return koubai.log_softmax(input, _chosen(dim, input, "log_softmax", _stacklevel), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike = None) -> Tensor:
    """`softmax` of -x. The arguments are those of `softmax`."""
    return koubai.softmax(-input, _chosen(dim, input, "softmin", _stacklevel), dtype)


def _chosen(dim: int | None, input: Tensor, name: str, stacklevel: int) -> int:
    """Return the dimension, or PyTorch's choice for none."""
    if dim is not None:
        return dim
    dim = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(
        f"{name} without dim takes dim={dim} for {list(input.shape)}; say which", stacklevel=stacklevel
    )
    return dim


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Sample from the distribution softmax(logits), differentiably (Jang et al. 2017; Maddison et al. 2017).

    Args:
        logits: (..., number of classes).
        tau: temperature; the smaller, the closer to one-hot.
        hard: return exact one-hot samples, with the gradient of the soft ones.
        eps: accepted for PyTorch's sake, which does not use it either.
        dim: the dimension of the classes.

    Returns:
        a tensor of the logits' shape; each row adds up to 1.
    """
    uniform = koubai.rand_like(logits).clamp(
        min=koubai.finfo(logits.dtype).tiny
    )  # in (0, 1): both logarithms exist
    soft = koubai.softmax((logits - (-uniform.log()).log()) / tau, dim)
    if not hard:
        return soft
    winner = koubai.argmax(soft, dim, keepdim=True)
    sharp = koubai.scatter(koubai.zeros_like(soft), dim, winner, 1.0)
    slope: Tensor = soft - soft.detach()  # 0, with the gradient of the soft sample
    return sharp + slope
