"""Decompositions of matrices into factors, computed by the array library; leading dimensions are batches.

The gradients are those of Giles, "Collected Matrix Derivative Results for Forward and Reverse Mode Algorithmic
Differentiation" (2008), where no other source is named.
"""

from __future__ import annotations

from typing import Any

from koubai.ops.contraction import transposed
from koubai.ops.elementwise import where, zero
from koubai.ops.op import Array, Kind, Op, ShapeError, Symbol, describe
from koubai.ops.systems import solve


def decomposition(name: str, forward: Any, infer: Any, **gradients: Any) -> Op:
    """Declare a decomposition."""
    return Op(name, Kind.OPAQUE, forward, infer, **gradients)


def _matrix_shape(x: Symbol) -> tuple[list[int], int, int]:
    """Return (leading dimensions, rows, columns).

    Raises:
        ShapeError: for fewer than two dimensions.
    """
    if x.ndim < 2:
        raise ShapeError(f"{describe([x])} is no matrix: it has fewer than two dimensions")
    *batch, m, n = x.shape
    return batch, m, n


# --- singular values


def _svd_rule(x: Symbol, *, full: bool) -> tuple[Symbol, ...]:
    batch, m, n = _matrix_shape(x)
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
    if gu is not None:
        middle = middle + _over_gaps(_skew(transposed(u) @ gu), s * s) * columns
    if gvh is not None:
        middle = middle + transposed(columns) * _over_gaps(_skew(vh @ transposed(gvh)), s * s)
    result = u @ middle @ vh
    if gu is not None and u.shape[-2] > u.shape[-1]:
        result = result + (gu - u @ (transposed(u) @ gu)) / columns @ vh
    if gvh is not None and v.shape[-2] > v.shape[-1]:
        result = result + u / columns @ (gvh - gvh @ v @ vh)
    return result


# (…, M, N) -> (…, M, K), (…, K), (…, K, N) with K = min(M, N); or (…, M, M), (…, K), (…, N, N) in full
svd = decomposition(
    "svd", lambda xp, x, *, full: tuple(xp.linalg.svd(x, full_matrices=full)), _svd_rule, x=_svd_gradient
)


def _over_gaps(x: Any, values: Any) -> Any:
    """Return x[i, j] / (values[j] - values[i]), and 0 where both are equal: (…, K, K) and (…, K) -> (…, K, K)."""
    columns = values.unsqueeze(-2)
    gaps = columns - transposed(columns)
    return where(gaps == 0, zero(x), x / where(gaps == 0, zero(gaps) + 1, gaps))


# --- eigenvalues of symmetric matrices


def _square(x: Symbol) -> tuple[list[int], int]:
    batch, m, n = _matrix_shape(x)
    if m != n:
        raise ShapeError(f"{describe([x])} must be square matrices")
    return batch, m


def _eigh_rule(x: Symbol, *, lower: bool) -> tuple[Symbol, Symbol]:
    batch, n = _square(x)
    return Symbol((*batch, n), x.dtype), Symbol((*batch, n, n), x.dtype)


def _eigh_gradient(g: Any, out: Any) -> Any:
    """Return the symmetric gradient, as if both triangles were read."""
    (gw, gv), (w, v) = g, out
    middle = zero(w) if gw is None else gw.diag_embed()
    if gv is not None:
        turned = _over_gaps(transposed(v) @ gv, w)
        middle = middle + (turned + transposed(turned)) * 0.5
    return v @ middle @ transposed(v)


# symmetric (…, N, N), of which one triangle is read -> eigenvalues (…, N) in ascending order, eigenvectors (…, N, N)
eigh = decomposition(
    "eigh",
    lambda xp, x, *, lower: tuple(xp.linalg.eigh(x, UPLO="L" if lower else "U")),
    _eigh_rule,
    x=_eigh_gradient,
)

# --- Cholesky's factor


def _cholesky(xp: Any, x: Array) -> Array:
    try:
        return xp.linalg.cholesky(x)
    except xp.linalg.LinAlgError:
        raise RuntimeError(
            f"cholesky: {describe([x])} is not positive-definite; adding a small multiple of the identity often helps"
        ) from None


def _cholesky_gradient(g: Any, out: Any) -> Any:
    triangle = (transposed(out) @ g).tril()
    middle = (triangle + transposed(triangle.tril(-1))) * 0.5
    return transposed(solve(transposed(out), transposed(solve(transposed(out), middle))))


# symmetric positive-definite (…, N, N) -> lower triangle l (…, N, N) with x = l @ l^T
cholesky = decomposition(
    "cholesky", _cholesky, lambda x: Symbol((*_square(x)[0], *x.shape[-2:]), x.dtype), x=_cholesky_gradient
)

# --- orthogonal and triangular factor


def _qr_rule(x: Symbol, *, full: bool) -> tuple[Symbol, Symbol]:
    batch, m, n = _matrix_shape(x)
    k = m if full else min(m, n)
    return Symbol((*batch, m, k), x.dtype), Symbol((*batch, k, n), x.dtype)


def _qr_gradient(g: Any, out: Any) -> Any:
    """Return the gradient by Roberts and Roberts, "QR and LQ Decomposition Matrix Backpropagation" (2020).

    Of a wide matrix, the columns behind the square part follow from the orthogonal factor, and are treated apart.
    """
    (gq, gr), (q, r) = g, out
    m, n = q.shape[-2], r.shape[-1]
    if q.shape[-1] == m < n:
        square, rest = r[..., :m], r[..., m:]
        gq = zero(q).expand(q.shape) if gq is None else gq
        if gr is None:
            return _pad_columns(_tall_qr_gradient(gq, None, q, square), zero(r).expand(rest.shape))
        x_rest = q @ rest
        tall = _tall_qr_gradient(gq + x_rest @ transposed(gr[..., m:]), gr[..., :m], q, square)
        return _pad_columns(tall, q @ gr[..., m:])
    if q.shape[-1] != n:
        raise RuntimeError("qr: the complete factors of a tall matrix have no gradient; use mode='reduced'")
    return _tall_qr_gradient(gq, gr, q, r)


def _pad_columns(left: Any, right: Any) -> Any:
    from koubai.ops.movement import cat

    return cat(left, right, dim=left.ndim - 1)


def _tall_qr_gradient(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    middle = zero(q)
    if gr is not None:
        middle = middle + r @ transposed(gr)
    if gq is not None:
        middle = middle - transposed(gq) @ q
    lower = middle.tril(-1)
    symmetric = lower + transposed(lower) + middle.diagonal(0, -2, -1).diag_embed()
    right = q @ symmetric if gq is None else gq + q @ symmetric
    return transposed(solve(r, transposed(right)))


# (…, M, N) -> orthogonal (…, M, K), upper triangle (…, K, N) with K = min(M, N), or M in full
qr = decomposition(
    "qr",
    lambda xp, x, *, full: tuple(xp.linalg.qr(x, mode="complete" if full else "reduced")),
    _qr_rule,
    x=_qr_gradient,
)
