"""Products of vectors, matrices and batches of them.

As in PyTorch, products do not promote: operands of different types are an error that names both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from koubai.functions.arithmetic import mul
from koubai.functions.creation import eye
from koubai.functions.operands import method, promote, scalar, to_tensor
from koubai.functions.shape import reshape
from koubai.ops import movement
from koubai.ops.contraction import matmul as matmul_op
from koubai.ops.op import ShapeError, describe
from koubai.tensor import Tensor

__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "bmm",
    "chain_matmul",
    "dot",
    "ger",
    "inner",
    "kron",
    "matmul",
    "matrix_power",
    "mm",
    "multi_dot",
    "mv",
    "outer",
    "vdot",
]


def check_same_type(name: str, *operands: Tensor) -> None:
    """Refuse operands of different element types.

    Raises:
        RuntimeError: naming the types.
    """
    if len({operand.dtype for operand in operands}) > 1:
        raise RuntimeError(
            f"{name}: the operands {describe(operands)} must have one element type; convert one of them with "
            ".to(dtype)"
        )


@method
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product.

    Args:
        input: (K,), (M, K) or (..., M, K).
        other: (K,), (K, N) or (..., K, N); leading dimensions broadcast.

    Returns:
        (..., M, N), without M where `input` is a vector and without N where `other` is one.

    Raises:
        RuntimeError: if an operand is a single number, or K or the leading dimensions do not fit.
    """
    check_same_type("matmul", input, other)
    if input.ndim == 0 or other.ndim == 0:
        raise ShapeError(
            f"matmul: {describe([input, other])} must have at least one dimension; use * for numbers"
        )
    left_vector, right_vector = input.ndim == 1, other.ndim == 1
    left = movement.reshape(input, shape=(1, *input.shape)) if left_vector else input
    right = movement.reshape(other, shape=(*other.shape, 1)) if right_vector else other
    if left.shape[-1] != right.shape[-2]:
        place = "only" if right_vector else "second to last"
        raise ShapeError(
            f"matmul: {describe([input, other])} do not fit: the last dimension of the first "
            f"({left.shape[-1]}) must equal the {place} one of the second ({right.shape[-2]})"
        )
    product = _matmul_folded(left, right)
    shape = product.shape
    if left_vector or right_vector:
        kept = (*shape[:-2], *([] if left_vector else shape[-2:-1]), *([] if right_vector else shape[-1:]))
        product = movement.reshape(product, shape=kept)
    return product


def _matmul_folded(left: Tensor, right: Tensor) -> Tensor:
    """Multiply; a stack of matrices times one matrix as one large product, whose gradient is one product
    too."""
    folded = left.ndim > 2 and right.ndim == 2
    rows = left.reshape(math.prod(left.shape[:-1]), left.shape[-1]) if folded else left  # (... M, K)
    product: Tensor = matmul_op(rows, right)
    return reshape(product, *left.shape[:-1], right.shape[-1]) if folded else product


def _check_dims(name: str, wanted: Sequence[int], *operands: Tensor) -> None:
    """Refuse operands of another number of dimensions, or type, than the function takes."""
    check_same_type(name, *operands)
    if any(operand.ndim != ndim for operand, ndim in zip(operands, wanted)):
        kinds = " and ".join(
            {1: "a vector", 2: "a matrix", 3: "a batch of matrices"}[ndim] for ndim in wanted
        )
        raise ShapeError(f"{name} takes {kinds}, got {describe(operands)}; matmul takes any dimensions")


@method
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices, (M, K) and (K, N)."""
    _check_dims("mm", (2, 2), input, mat2)
    return matmul(input, mat2)


@method
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix (M, K) and a vector (K,)."""
    _check_dims("mv", (2, 1), input, vec)
    return matmul(input, vec)


@method
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two batches of matrices, (B, M, K) and (B, K, N), without broadcasting.

    Raises:
        RuntimeError: if the shapes do not fit.
    """
    _check_dims("bmm", (3, 3), input, mat2)
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm: {describe([input, mat2])} must have the same batch size; matmul would broadcast it"
        )
    return matmul(input, mat2)


@method
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the sum of the products of two vectors of the same length."""
    _check_dims("dot", (1, 1), input, tensor)
    return matmul(input, tensor)


@method
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Return the same as `dot`; they differ for complex numbers only."""
    _check_dims("vdot", (1, 1), input, other)
    return matmul(input, other)


@method
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the sums of products over the last dimension of both: (..., K) and (----, K) give (..., ----).

    Raises:
        RuntimeError: if the last dimensions differ.
    """
    check_same_type("inner", input, other)
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError(f"inner: the last dimensions of {describe([input, other])} must be equal")
    product = matmul(input, other.reshape(math.prod(other.shape[:-1]), other.shape[-1]).T)
    return reshape(product, *input.shape[:-1], *other.shape[:-1])


@method(names=("outer", "ger"))
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the products of each element of a vector (M,) with each of another (N,), as a matrix (M, N)."""
    x, y = promote(input, vec2)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(f"outer takes two vectors, got {describe([x, y])}; flatten() them first")
    return mul(x.unsqueeze(1), y)


ger = outer


@method
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return the Kronecker product: every element of `input` times all of `other`, laid out block by
    block."""
    x, y = promote(input, other)
    ndim = max(x.ndim, y.ndim)
    a, b = ((1,) * (ndim - t.ndim) + t.shape for t in (x, y))
    blocks = x.reshape([n for length in a for n in (length, 1)]) * y.reshape(
        [n for length in b for n in (1, length)]
    )
    return reshape(blocks, [m * n for m, n in zip(a, b)])


def _blend(name: str, input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """Return beta * input + alpha * product; with beta = 0, `input` counts for nothing, NaN included."""
    check_same_type(name, input, product)
    product = _times(alpha, product)
    if beta == 0:
        return product
    result = product + _times(beta, input)
    if result.shape != product.shape:
        raise ShapeError(
            f"{name}: {describe([input])} cannot be expanded to the product's shape {list(product.shape)}"
        )
    return result


def _times(factor: float, x: Tensor) -> Tensor:
    """Multiply by a number, which is first cut to the type of `x`, as PyTorch does here."""
    return x if factor == 1 else x * scalar(factor, x.dtype)


@method(in_place=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * (mat1 @ mat2); with `beta=0`, `input` is ignored, NaN included."""
    return _blend("addmm", input, mm(mat1, mat2), beta, alpha)


@method(in_place=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * (mat @ vec); with `beta=0`, `input` is ignored, NaN included."""
    return _blend("addmv", input, mv(mat, vec), beta, alpha)


@method(in_place=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * outer(vec1, vec2); with `beta=0`, `input` is ignored, NaN included."""
    return _blend("addr", input, outer(vec1, vec2), beta, alpha)


@method(in_place=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * bmm(batch1, batch2); with `beta=0`, `input` is ignored, NaN included."""
    return _blend("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@method(in_place=True)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * the sum of bmm(batch1, batch2) over the batch, as one product of
    matrices."""
    _check_dims("addbmm", (3, 3), batch1, batch2)
    batch, rows, shared = batch1.shape
    if batch2.shape[0] != batch:
        raise ShapeError(f"addbmm: {describe([batch1, batch2])} must have the same batch size")
    side_by_side = batch1.permute(1, 0, 2).reshape(rows, batch * shared)
    stacked = batch2.reshape(batch * batch2.shape[1], batch2.shape[2])
    return _blend("addbmm", input, mm(side_by_side, stacked), beta, alpha)


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
    """Return a square matrix (..., M, M) to the integer power n >= 0, by repeated squaring.

    Raises:
        RuntimeError: if it is not square, or n is negative.
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ShapeError(f"matrix_power takes square matrices, got {describe([input])}")
    if n < 0:
        raise RuntimeError(f"matrix_power takes n >= 0, got {n}; invert the matrix first")
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


def _reflected_matmul(self: Tensor, other: Any) -> Tensor:
    return matmul(to_tensor(other), self)


Tensor.__matmul__ = matmul  # type: ignore[method-assign]
Tensor.__rmatmul__ = _reflected_matmul  # type: ignore[method-assign]
