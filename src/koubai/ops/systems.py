"""Linear systems and determinants, computed by the array library's LU decomposition.

The gradients are those of Giles, "Collected Matrix Derivative Results for Forward and Reverse Mode
Algorithmic Differentiation" (2008).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koubai.ops.contraction import transposed
from koubai.ops.elementwise import zero
from koubai.ops.op import Array, Kind, Op, ShapeError, Symbol, broadcast_shapes, describe
from koubai.ops.reduce import sum_to


def _check_square(x: Symbol) -> None:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{describe([x])} must be square matrices")


def _solve_rule(a: Symbol, b: Symbol) -> Symbol:
    _check_square(a)
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError(f"{describe([a, b])} do not fit: the matrix has {a.shape[-1]} rows")
    return Symbol((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), a.dtype)


def _square_rule(x: Symbol) -> Symbol:
    _check_square(x)
    return Symbol(x.shape, x.dtype)


def _refuse_singular(xp: Any, compute: Callable[..., Array], a: Array, *more: Array) -> Array:
    """Return `compute(a, *more)`.

    Raises:
        RuntimeError: if a matrix is singular.
    """
    try:
        return compute(a, *more)
    except xp.linalg.LinAlgError as error:
        if "ingular" not in str(error):
            raise
        raise RuntimeError(
            f"{describe([a])} is singular: a row depends on the others, so it has no inverse; adding a small multiple "
            "of the identity often helps"
        ) from None


def _solve(xp: Any, a: Array, b: Array) -> Array:
    return _refuse_singular(xp, xp.linalg.solve, a, b)


# (..., M, M), (..., M, K) -> x (..., M, K) with a @ x = b
solve: Op = Op(
    "solve",
    Kind.OPAQUE,
    _solve,
    _solve_rule,
    a=lambda g, a, out: -sum_to(solve(transposed(a), g) @ transposed(out), a.shape),
    b=lambda g, a, b_like: sum_to(solve(transposed(a), g), b_like.shape),
)


def _det_rule(x: Symbol) -> Symbol:
    _check_square(x)
    return Symbol(x.shape[:-2], x.dtype)


def _inv(xp: Any, x: Array) -> Array:
    return _refuse_singular(xp, xp.linalg.inv, x)


# (..., M, M) -> its inverse
inv: Op = Op(
    "inv",
    Kind.OPAQUE,
    _inv,
    _square_rule,
    x=lambda g, out: -(transposed(out) @ g @ transposed(out)),
)
# (..., M, M) -> (...)
det: Op = Op(
    "det",
    Kind.OPAQUE,
    lambda xp, x: xp.linalg.det(x),
    _det_rule,
    x=lambda g, x, out: (g * out)[..., None, None] * transposed(inv(x)),
)
# (..., M, M) -> the sign of the determinant, and the logarithm of its absolute value: (...), (...)
slogdet: Op = Op(
    "slogdet",
    Kind.OPAQUE,
    lambda xp, x: tuple(xp.linalg.slogdet(x)),
    lambda x: (_det_rule(x), _det_rule(x)),
    x=lambda g, x: zero(x) if g[1] is None else g[1][..., None, None] * transposed(inv(x)),
)
