"""Decompositions of matrices into factors; leading dimensions are batches of matrices."""

from __future__ import annotations

from typing import NamedTuple

from koubai.engine.tensor import Tensor
from koubai.ops import decompositions as ops


class Svd(NamedTuple):
    """Singular vectors and values."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class Eigh(NamedTuple):
    """Eigenvalues and eigenvectors."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class Qr(NamedTuple):
    """An orthogonal and a triangular factor."""

    Q: Tensor
    R: Tensor


def svd(A: Tensor, full_matrices: bool = True) -> Svd:
    """Return U, S and Vh with `A = U @ diag(S) @ Vh`, the singular values S in descending order.

    The gradient through U and Vh is undefined where singular values are equal; through S alone it is always safe.

    Args:
        A: matrices of shape (…, M, N).
        full_matrices: U is (…, M, M) and Vh (…, N, N); otherwise (…, M, K) and (…, K, N) with K = min(M, N).

    Raises:
        RuntimeError: for tensors of fewer than two dimensions.
    """
    return Svd(*ops.svd(A, full=full_matrices))


def svdvals(A: Tensor) -> Tensor:
    """Return the singular values of the matrices (…, M, N) in descending order: (…, min(M, N))."""
    return svd(A, full_matrices=False).S


def eigh(A: Tensor, UPLO: str = "L") -> Eigh:
    """Return the eigenvalues, in ascending order, and the eigenvectors of symmetric matrices.

    The gradient through the eigenvectors is undefined where eigenvalues are equal.

    Args:
        A: symmetric matrices of shape (…, N, N).
        UPLO: which triangle is read: "L" the lower, "U" the upper.

    Returns:
        eigenvalues (…, N), and eigenvectors (…, N, N) as columns.

    Raises:
        RuntimeError: if the matrices are not square.
    """
    return Eigh(*ops.eigh(A, lower=UPLO == "L"))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Return the eigenvalues of symmetric matrices (…, N, N) in ascending order: (…, N)."""
    return eigh(A, UPLO).eigenvalues


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Return the lower triangular L with `A = L @ L.mT`, or its transpose if `upper`.

    Args:
        A: symmetric positive-definite matrices of shape (…, N, N).
        upper: return the upper triangle.

    Raises:
        RuntimeError: if a matrix is not positive-definite.
    """
    factor: Tensor = ops.cholesky(A)
    return factor.mT if upper else factor


def qr(A: Tensor, mode: str = "reduced") -> Qr:
    """Return Q with orthonormal columns and upper triangular R with `A = Q @ R`.

    Args:
        A: matrices of shape (…, M, N).
        mode: "reduced": Q is (…, M, K) and R (…, K, N) with K = min(M, N); "complete": K = M.

    Raises:
        RuntimeError: for another mode.
    """
    if mode not in ("reduced", "complete"):
        raise RuntimeError(f"qr: mode must be 'reduced' or 'complete', got {mode!r}")
    return Qr(*ops.qr(A, full=mode == "complete"))
