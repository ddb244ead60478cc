"""Contractions: products of two arrays summed over shared dimensions."""

from __future__ import annotations

from typing import Any

from koubai.arrays import Array
from koubai.ops.bfloat16 import factors
from koubai.ops.movement import permute
from koubai.ops.op import Kind, Op, ShapeError, Symbol, broadcast_shapes, describe
from koubai.ops.reduce import sum_to


def _matmul_rule(a: Symbol, b: Symbol, *, precision: str | None = None) -> Symbol:
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"{describe([a, b])} cannot be multiplied as matrices: the last dimension of the first must equal the "
            "second to last of the second"
        )
    batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return Symbol((*batch, a.shape[-2], b.shape[-1]), a.dtype)


def _matmul(xp: Any, a: Array, b: Array, *, precision: str | None = None) -> Array:
    return xp.matmul(*factors(xp, precision, a, b))


def transposed(x: Any) -> Any:
    """Return `x` with its last two dimensions exchanged."""
    return permute(x, dims=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


# (..., M, K) @ (..., K, N) -> (..., M, N), with the leading dimensions broadcast; precision: see `bfloat16`
matmul: Op = Op(
    "matmul",
    Kind.CONTRACTION,
    _matmul,
    _matmul_rule,
    a=lambda g, a_like, b: sum_to(matmul(g, transposed(b)), a_like.shape),
    b=lambda g, a, b_like: sum_to(matmul(transposed(a), g), b_like.shape),
)
