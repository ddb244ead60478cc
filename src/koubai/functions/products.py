"""Products of vectors, matrices and batches of them.

As in PyTorch, products do not promote: operands of different types are an error that names both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from koubai.engine.tensor import Tensor
from koubai.functions.arithmetic import mul
from koubai.functions.operands import method, promote, to_tensor
from koubai.functions.shape import reshape
from koubai.ops import movement
from koubai.ops.contraction import matmul as matmul_op
from koubai.ops.op import ShapeError, describe

__all__ = [
    "bmm",
    "dot",
    "ger",
    "inner",
    "kron",
    "matmul",
    "mm",
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
    input, other = to_tensor(input), to_tensor(other)
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
    """Multiply; a stack of matrices times one matrix is one large product, and so are its gradients."""
    folded = left.ndim > 2 and right.ndim == 2
    rows = left.reshape(math.prod(left.shape[:-1]), left.shape[-1]) if folded else left  # (... M, K)
    product: Tensor = matmul_op(rows, right)
    return reshape(product, *left.shape[:-1], right.shape[-1]) if folded else product


def check_dims(name: str, wanted: Sequence[int], *operands: Tensor) -> None:
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
    check_dims("mm", (2, 2), input, mat2)
    return matmul(input, mat2)


@method
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix (M, K) and a vector (K,)."""
    check_dims("mv", (2, 1), input, vec)
    return matmul(input, vec)


@method
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two batches of matrices, (B, M, K) and (B, K, N), without broadcasting.

    Raises:
        RuntimeError: if the shapes do not fit.
    """
    check_dims("bmm", (3, 3), input, mat2)
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm: {describe([input, mat2])} must have the same batch size; matmul would broadcast it"
        )
    return matmul(input, mat2)


@method
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the sum of the products of two vectors of the same length."""
    check_dims("dot", (1, 1), input, tensor)
    return matmul(input, tensor)


@method
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Return the same as `dot`; they differ for complex numbers only."""
    check_dims("vdot", (1, 1), input, other)
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
    """Return the Kronecker product: every element of `input` times all of `other`, laid out block by block."""
    x, y = promote(input, other)
    ndim = max(x.ndim, y.ndim)
    a, b = ((1,) * (ndim - t.ndim) + t.shape for t in (x, y))
    blocks = x.reshape([n for length in a for n in (length, 1)]) * y.reshape(
        [n for length in b for n in (1, length)]
    )
    return reshape(blocks, [m * n for m, n in zip(a, b)])
