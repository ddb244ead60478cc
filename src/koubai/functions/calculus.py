"""Integrals of sampled functions, and the powers of a polynomial."""

from __future__ import annotations

from koubai.engine.tensor import Tensor
from koubai.functions.cumulative import cumsum, diff
from koubai.functions.operands import normalize_dim
from koubai.functions.ranges import arange
from koubai.functions.reduction import sum
from koubai.ops.op import ShapeError

__all__ = ["cumulative_trapezoid", "trapezoid", "trapz", "vander"]


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """Return the integral along `dim` by the trapezoidal rule.

    Args:
        y: the values of the function.
        x: where they were taken, a vector or of the shape of `y`; by default `dx` apart.
        dx: the distance from one to the next.
        dim: the dimension along which the function runs.
    """
    return sum(_trapezoids(y, x, dx, dim), dim)


trapz = trapezoid


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """Return the integral up to each point but the first along `dim`; arguments as for `trapezoid`."""
    return cumsum(_trapezoids(y, x, dx, dim), dim)


def _trapezoids(y: Tensor, x: Tensor | None, dx: float, dim: int) -> Tensor:
    """Return the area between each point and the next."""
    at = normalize_dim(dim, y.ndim)
    length = y.shape[at]
    means = (y.narrow(at, 0, max(length - 1, 0)) + y.narrow(at, min(1, length), max(length - 1, 0))) / 2
    if x is None:
        return means * dx
    along = x.reshape([-1] + [1] * (y.ndim - 1 - at)) if x.ndim == 1 else x
    return means * diff(along, dim=at - y.ndim)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return Vandermonde's matrix: the powers of each element in a row, (n, N), the highest first.

    Args:
        x: a vector of n elements.
        N: how many powers, from 0; by default n.
        increasing: the lowest power first.

    Raises:
        RuntimeError: if `x` is no vector.
    """
    if x.ndim != 1:
        raise ShapeError(f"vander: x must be a vector, got {list(x.shape)}")
    powers = arange(len(x) if N is None else N)
    return x.unsqueeze(1) ** (powers if increasing else powers.flip(0))
