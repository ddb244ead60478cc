"""Products and distances of the vectors that one dimension of a tensor holds."""

from __future__ import annotations

from koubai.engine.tensor import Tensor
from koubai.functions.norms import vector_norm
from koubai.functions.operands import method, promote
from koubai.functions.products import check_same_type
from koubai.functions.rearranging import roll
from koubai.functions.reduction import sum
from koubai.ops.op import ShapeError, describe

__all__ = ["cdist", "cross"]


@method
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return the cross products of vectors with three elements.

    Args:
        input: any shape with three elements along `dim`.
        other: of the same number of dimensions; those of size 1 are stretched.
        dim: the dimension that holds the vectors; by default the first of size 3.

    Raises:
        RuntimeError: if there is no such dimension, or the shapes do not fit.
    """
    if dim is None:
        dim = next((axis for axis, length in enumerate(input.shape) if length == 3), None)
    if dim is None or input.ndim != other.ndim or not input.shape[dim] == other.shape[dim] == 3:
        raise ShapeError(
            f"cross: {describe([input, other])} must have three elements along the same dimension"
        )
    x, y = promote(input, other)
    return roll(x, -1, dim) * roll(y, -2, dim) - roll(x, -2, dim) * roll(y, -1, dim)


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Return the cross products of vectors with three elements, along the last dimension unless said otherwise."""
    return cross(input, other, dim)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Return the sums of products along one dimension; the others broadcast."""
    check_same_type("vecdot", x, y)
    return sum(x * y, dim)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """Return the distance of each of P points to each of R others, in the p-norm.

    Args:
        x1: (..., P, M).
        x2: (..., R, M); leading dimensions broadcast.
        p: the norm: 2 for the Euclidean distance, infinity for the largest difference, 0 counts differences.
        compute_mode: accepted for PyTorch's sake; differences are always taken one by one, which is exact.

    Returns:
        (..., P, R). Where two points are equal the gradient is 0.

    Raises:
        RuntimeError: if the points differ in dimension, or p is negative.
    """
    del compute_mode
    check_same_type("cdist", x1, x2)
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist: {describe([x1, x2])} must be points of the same dimension: (..., P, M), (..., R, M)"
        )
    if p < 0:
        raise RuntimeError(f"cdist takes a norm p >= 0, got {p}")
    return vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)
