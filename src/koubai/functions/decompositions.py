"""Decompositions of matrices into factors; leading dimensions are batches of matrices."""

from __future__ import annotations

from typing import NamedTuple

from koubai.ops import opaque as ops
from koubai.tensor import Tensor


class Svd(NamedTuple):
    """Singular vectors and values."""

    U: Tensor
    S: Tensor
    Vh: Tensor


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
