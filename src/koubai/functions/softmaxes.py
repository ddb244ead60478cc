"""Softmax and its logarithm: rows of scores become probabilities.

Their gradients are declared: in terms of the result they are shorter than the derived ones, and overflow nowhere.
"""

from __future__ import annotations

from koubai import dtypes
from koubai.dtypes import DTypeLike
from koubai.engine.function import composite
from koubai.engine.tensor import Tensor
from koubai.functions.exponential import exp, log
from koubai.functions.extremes import amax
from koubai.functions.operands import as_type, method, normalize_dim
from koubai.functions.reduction import check_floating, sum

__all__ = ["log_softmax", "softmax"]


@method
def softmax(input: Tensor, dim: int, dtype: DTypeLike = None) -> Tensor:
    """exp(x) / Σ exp(x) along `dim`: positive numbers that add up to 1.

    The largest x is subtracted first, so that nothing overflows.

    Gradient: y · (g - Σ g · y). It vanishes where one score is far above the others.

    Args:
        input: scores, any shape.
        dim: the dimension along which the results add up to 1.
        dtype: convert the input first.

    Returns:
        a tensor of the input's shape.

    Raises:
        RuntimeError: if the input is not of a floating type.

    Example:
        >>> koubai.softmax(koubai.tensor([0.0, 0.0]), 0)
        tensor([0.5000, 0.5000])
    """
    x = _converted(input, dtype, "softmax")
    return _softmax(x, dim=normalize_dim(dim, x.ndim))


@method
def log_softmax(input: Tensor, dim: int, dtype: DTypeLike = None) -> Tensor:
    """The logarithm of `softmax`, x - log Σ exp(x), without taking the logarithm of a small number.

    Gradient: g - softmax(x) · Σ g. It does not vanish where the right score is far too small.

    Arguments, result and errors are those of `softmax`.
    """
    x = _converted(input, dtype, "log_softmax")
    return _log_softmax(x, dim=normalize_dim(dim, x.ndim))


def _converted(input: Tensor, dtype: DTypeLike, name: str) -> Tensor:
    """Return the input in `dtype`, which must be a floating type."""
    x = input if dtype is None else as_type(input, dtypes.as_dtype(dtype))
    check_floating(x, name)
    return x


@composite(lambda g, out, dim: (out * (g - sum(g * out, dim, keepdim=True)),))
def _softmax(x: Tensor, *, dim: int) -> Tensor:
    powers = exp(x - _largest(x, dim))
    return powers / sum(powers, dim, keepdim=True)


@composite(lambda g, out, dim: (g - exp(out) * sum(g, dim, keepdim=True),))
def _log_softmax(x: Tensor, *, dim: int) -> Tensor:
    shifted = x - _largest(x, dim)
    return shifted - log(sum(exp(shifted), dim, keepdim=True))


def _largest(x: Tensor, dim: int) -> Tensor:
    """The largest of each row, which an empty row does not have."""
    return amax(x, dim, keepdim=True) if x.numel() else x
