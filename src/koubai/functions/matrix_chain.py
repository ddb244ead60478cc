"""Products of many matrices, with as few multiplications as possible."""

from __future__ import annotations

from collections.abc import Sequence

from koubai.engine.tensor import Tensor
from koubai.functions.creation import eye
from koubai.functions.linear_systems import inv
from koubai.functions.operands import method
from koubai.functions.products import check_same_type, matmul, mm
from koubai.functions.shape import reshape
from koubai.ops.op import ShapeError, describe

__all__ = ["chain_matmul", "matrix_power"]


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Return the product of two or more matrices, multiplied in the order that costs least.

    Args:
        tensors: matrices that fit; the first and the last may be vectors.

    Raises:
        RuntimeError: if there are fewer than two, or they do not fit.
    """
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot takes at least two tensors, got {len(tensors)}")
    check_same_type("multi_dot", *tensors)
    inner_ndims = {tensor.ndim for tensor in tensors[1:-1]}
    if inner_ndims - {2} or {tensors[0].ndim, tensors[-1].ndim} - {1, 2}:
        raise ShapeError(f"multi_dot takes matrices, first and last may be vectors; got {describe(tensors)}")
    matrices = list(tensors)
    if matrices[0].ndim == 1:
        matrices[0] = matrices[0].unsqueeze(0)
    if matrices[-1].ndim == 1:
        matrices[-1] = matrices[-1].unsqueeze(1)
    product = _multiply_chain(matrices, _cheapest_splits(matrices), 0, len(matrices) - 1)
    return reshape(product, [*tensors[0].shape[:-1], *tensors[-1].shape[1:]])


def chain_matmul(*matrices: Tensor) -> Tensor:
    """Return the product of matrices, in the order that costs least: `multi_dot` of its arguments."""
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


def _cheapest_splits(matrices: Sequence[Tensor]) -> dict[tuple[int, int], int]:
    """Return, for each stretch of the chain, after which matrix it is best cut (Cormen et al., "Introduction
    to Algorithms", section 14.2)."""
    sizes = [matrices[0].shape[0], *(matrix.shape[1] for matrix in matrices)]
    cost = {(i, i): 0 for i in range(len(matrices))}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, len(matrices)):
        for first in range(len(matrices) - length):
            last = first + length
            cost[first, last], split[first, last] = min(
                (cost[first, k] + cost[k + 1, last] + sizes[first] * sizes[k + 1] * sizes[last + 1], k)
                for k in range(first, last)
            )
    return split


def _multiply_chain(
    matrices: Sequence[Tensor], split: dict[tuple[int, int], int], first: int, last: int
) -> Tensor:
    if first == last:
        return matrices[first]
    k = split[first, last]
    return mm(_multiply_chain(matrices, split, first, k), _multiply_chain(matrices, split, k + 1, last))


@method
def matrix_power(input: Tensor, n: int) -> Tensor:
    """Return a square matrix (..., M, M) to an integer power, by repeated squaring.

    Raises:
        RuntimeError: if it is not square, or n is negative and it has no inverse.
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ShapeError(f"matrix_power takes square matrices, got {describe([input])}")
    if n < 0:
        return matrix_power(inv(input), -n)
    result: Tensor | None = None
    square = input
    while n:
        if n & 1:
            result = square if result is None else matmul(result, square)
        n >>= 1
        square = matmul(square, square) if n else square
    return _identities(input) if result is None else result


def _identities(like: Tensor) -> Tensor:
    return like * 0 + eye(like.shape[-1], dtype=like.dtype)
