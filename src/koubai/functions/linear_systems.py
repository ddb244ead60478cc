"""Systems of linear equations: their solution, inverses and determinants."""

from __future__ import annotations

from koubai.engine.tensor import Tensor
from koubai.functions.arithmetic import add
from koubai.functions.operands import method
from koubai.functions.products import check_same_type
from koubai.functions.shape import squeeze
from koubai.ops import systems as ops

__all__ = ["det", "inverse", "logdet", "slogdet"]


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """Return X with A @ X = B, or X @ A = B if `left` is False.

    Args:
        A: (..., M, M).
        B: (..., M, K), or one vector (..., M) for each matrix; with `left=False` (..., K, M).
        left: on which side of X the matrix stands.

    Raises:
        RuntimeError: if A is not square or not invertible, or B does not fit.
    """
    check_same_type("solve", A, B)
    if not left:
        return solve(A.mT, B.mT).mT
    if B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]):
        return squeeze(ops.solve(A, B.unsqueeze(-1)), -1)
    return ops.solve(A, B)  # type: ignore[no-any-return]


def inv(A: Tensor) -> Tensor:
    """Return the inverse of the matrices (..., M, M).

    Raises:
        RuntimeError: if they are not square, or not invertible.
    """
    return ops.inv(A)  # type: ignore[no-any-return]


@method
def inverse(input: Tensor) -> Tensor:
    """Return the inverse of the matrices: `linalg.inv`."""
    return inv(input)


@method
def slogdet(input: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sign of the determinant of the matrices (..., M, M), and the logarithm of its absolute value."""
    return ops.slogdet(input)  # type: ignore[no-any-return]


@method
def logdet(input: Tensor) -> Tensor:
    """Return the logarithm of the determinant of the matrices (..., M, M); NaN where it is negative."""
    sign, logarithm = slogdet(input)
    return add(logarithm, sign.log().detach())


@method
def det(input: Tensor) -> Tensor:
    """Return the determinant of the matrices (..., M, M). Its gradient is found where it is not 0."""
    return ops.det(input)  # type: ignore[no-any-return]
