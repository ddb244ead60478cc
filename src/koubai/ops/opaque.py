"""Ops that call a routine of the array library as a whole: decompositions of matrices, and the most frequent value."""

from __future__ import annotations

from typing import Any

from koubai import dtypes
from koubai.ops.contraction import transposed
from koubai.ops.elementwise import where, zero
from koubai.ops.op import Array, Kind, Op, ShapeError, Symbol, describe


def opaque(name: str, forward: Any, infer: Any, **gradients: Any) -> Op:
    """Declare an opaque op."""
    return Op(name, Kind.OPAQUE, forward, infer, **gradients)


# --- singular values


def _svd_rule(x: Symbol, *, full: bool) -> tuple[Symbol, ...]:
    if x.ndim < 2:
        raise ShapeError(f"{describe([x])} is no matrix: it has fewer than two dimensions")
    *batch, m, n = x.shape
    k = min(m, n)
    u, vh = (*batch, m, m if full else k), (*batch, n if full else k, n)
    return Symbol(u, x.dtype), Symbol((*batch, k), x.dtype), Symbol(vh, x.dtype)


def _skew(x: Any) -> Any:
    return x - transposed(x)


def _svd_gradient(g: Any, out: Any) -> Any:
    """Return the gradient of x = u diag(s) v^T by Townsend, "Differentiating the Singular Value Decomposition" (2016).

    Where only singular values are used, equal ones do no harm. Singular vectors beyond the K singular values pass no
    gradient on.
    """
    (gu, gs, gvh), (u, s, vh) = g, out
    k = s.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    gu, gvh = gu if gu is None else gu[..., :k], gvh if gvh is None else gvh[..., :k, :]
    v, columns = transposed(vh), s.unsqueeze(-2)
    middle = zero(s) if gs is None else gs.diag_embed()
    gaps = columns * columns - transposed(columns * columns)  # (…, i, j): s_j^2 - s_i^2
    gaps = where(gaps == 0, zero(s) + 1, gaps)  # the skew part that is divided by it is 0 there
    if gu is not None:
        middle = middle + _skew(transposed(u) @ gu) / gaps * columns
    if gvh is not None:
        middle = middle + transposed(columns) * (_skew(vh @ transposed(gvh)) / gaps)
    result = u @ middle @ vh
    if gu is not None and u.shape[-2] > u.shape[-1]:
        result = result + (gu - u @ (transposed(u) @ gu)) / columns @ vh
    if gvh is not None and v.shape[-2] > v.shape[-1]:
        result = result + u / columns @ (gvh - gvh @ v @ vh)
    return result


# (…, M, N) -> (…, M, K), (…, K), (…, K, N) with K = min(M, N); or (…, M, M), (…, K), (…, N, N) in full
svd = opaque(
    "svd", lambda xp, x, *, full: tuple(xp.linalg.svd(x, full_matrices=full)), _svd_rule, x=_svd_gradient
)


# --- counting


def _mode_position(xp: Any, x: Array, *, dim: int) -> Array:
    """The last place of the most frequent value along `dim`, of the smallest one if several are equally frequent."""
    order = xp.argsort(x, axis=dim, kind="stable")
    ordered = xp.moveaxis(xp.take_along_axis(x, order, axis=dim), dim, -1)
    places = xp.arange(ordered.shape[-1])
    starts = xp.ones(ordered.shape, bool)
    starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    run_lengths = places - xp.maximum.accumulate(xp.where(starts, places, 0), axis=-1)
    ends = run_lengths.argmax(axis=-1)[..., None]
    return xp.moveaxis(xp.take_along_axis(xp.moveaxis(order, dim, -1), ends, axis=-1), -1, dim)


def _mode_rule(x: Symbol, *, dim: int) -> Symbol:
    if x.shape[dim] == 0:
        raise ShapeError(f"{describe([x])} is empty along dimension {dim} and has no most frequent value")
    return Symbol((*x.shape[:dim], 1, *x.shape[dim + 1 :]), dtypes.int64)


mode_position = opaque("mode_position", _mode_position, _mode_rule)
