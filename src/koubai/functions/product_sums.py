"""Sums with a product: beta * input + alpha * product, for each kind of product.

With `beta=0` the input is ignored, NaN included.
"""

from __future__ import annotations

from koubai.engine.tensor import Tensor
from koubai.functions.operands import method, scalar
from koubai.functions.products import bmm, check_dims, check_same_type, mm, mv, outer
from koubai.ops.op import ShapeError, describe

__all__ = ["addbmm", "addmm", "addmv", "addr", "baddbmm"]


def _blend(name: str, input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """Return beta * input + alpha * product."""
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
    """Return beta * input + alpha * (mat1 @ mat2)."""
    return _blend("addmm", input, mm(mat1, mat2), beta, alpha)


@method(in_place=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * (mat @ vec)."""
    return _blend("addmv", input, mv(mat, vec), beta, alpha)


@method(in_place=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * outer(vec1, vec2)."""
    return _blend("addr", input, outer(vec1, vec2), beta, alpha)


@method(in_place=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * bmm(batch1, batch2)."""
    return _blend("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@method(in_place=True)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * bmm(batch1, batch2).sum(0), as one product of matrices."""
    check_dims("addbmm", (3, 3), batch1, batch2)
    batch, rows, shared = batch1.shape
    if batch2.shape[0] != batch:
        raise ShapeError(f"addbmm: {describe([batch1, batch2])} must have the same batch size")
    side_by_side = batch1.permute(1, 0, 2).reshape(rows, batch * shared)
    stacked = batch2.reshape(batch * batch2.shape[1], batch2.shape[2])
    return _blend("addbmm", input, mm(side_by_side, stacked), beta, alpha)
