"""Norms of vectors and matrices, distances, and scaling to a norm. At 0, where no slope exists, it is taken as 0."""

from __future__ import annotations

import math
from collections.abc import Sequence

from koubai import dtypes
from koubai.dtypes import DTypeLike
from koubai.engine.tensor import Tensor
from koubai.functions.decompositions import svdvals
from koubai.functions.extremes import amax, amin
from koubai.functions.operands import Dims, Operand, as_type, method, normalize_dim, normalize_dims
from koubai.functions.reduction import sum
from koubai.ops import elementwise as maps

Order = float | str | None


def _prepared(input: Tensor, dtype: DTypeLike, name: str) -> Tensor:
    x = input if dtype is None else as_type(input, dtypes.as_dtype(dtype))
    if not dtypes.is_floating(x.dtype):
        raise RuntimeError(f"{name}: the norm of {x.dtype} is not defined; convert to floating point first")
    return x


def _power(x: Tensor, exponent: float) -> Tensor:
    """Return `x**exponent` for x >= 0, with the slope at 0 taken as 0 (it would be infinite for exponents below 1)."""
    at_zero = x == 0
    inside = maps.where(at_zero, maps.zero(x) + 1, x) ** exponent
    return maps.where(  # type: ignore[no-any-return]
        at_zero, maps.zero(x) + 0.0**exponent if exponent > 0 else maps.zero(x) + math.inf, inside
    )


def vector_norm(
    x: Tensor, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None
) -> Tensor:
    """Return (sum of |x|**ord)**(1 / ord) over the dimensions `dim` (all by default).

    Args:
        x: a floating tensor.
        ord: any number; infinity takes the largest absolute value, minus infinity the smallest, and 0 counts what is
            not 0.
        dim: the dimensions to reduce.
        keepdim: keep them with length 1.
        dtype: convert to it first.

    Raises:
        RuntimeError: for integers, or for no elements where the norm of nothing is not 0.
    """
    v = _prepared(x, dtype, "vector_norm")
    if v.dtype == dtypes.float16:  # whose range powers soon leave
        return as_type(vector_norm(as_type(v, dtypes.float32), ord, dim, keepdim), dtypes.float16)
    if ord == 2:
        return maps.sqrt(sum(v * v, dim, keepdim))  # type: ignore[no-any-return]
    if ord == 0:
        return sum(maps.where(v != 0, maps.fill(v, maps.zero(v) + 1), maps.zero(v)), dim, keepdim)
    size = maps.abs_(v)
    if ord == 1:
        return sum(size, dim, keepdim)
    if math.isinf(ord):
        return (amax if ord > 0 else amin)(size, normalize_dims(dim, v.ndim), keepdim)
    return _power(sum(_power(size, ord), dim, keepdim), 1 / ord)


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
) -> Tensor:
    """Return the norm of the matrices that the two dimensions `dim` hold.

    Args:
        A: a floating tensor.
        ord: "fro", the root of the sum of squares; "nuc", the sum of singular values; 2 or -2, the largest or smallest
            of them; 1 or -1, the largest or smallest sum of a column's absolute values; inf or -inf, of a row's.
        dim: the rows' and the columns' dimension.
        keepdim: keep both with length 1.
        dtype: convert to it first.

    Raises:
        RuntimeError: for integers, an unknown `ord`, or fewer than two dimensions.
    """
    x = _prepared(A, dtype, "matrix_norm")
    if x.ndim < 2 or len(dim) != 2:
        raise RuntimeError(
            f"matrix_norm needs a tensor with two dimensions and two dims, got {list(x.shape)}, {dim}"
        )
    rows, columns = (normalize_dim(d, x.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"matrix_norm: both dims are {rows}")
    if ord == "fro":
        return vector_norm(x, 2, (rows, columns), keepdim)
    if ord in (1, -1, math.inf, -math.inf):
        inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
        result = _extreme(vector_norm(x, 1, inner, keepdim=True), outer, ord > 0)
    elif ord in ("nuc", 2, -2):
        values = svdvals(x.movedim((rows, columns), (-2, -1)))
        found = sum(values, -1, keepdim=True) if ord == "nuc" else _extreme(values, -1, ord == 2)
        result = found.unsqueeze(-1).movedim((-2, -1), (rows, columns))
    else:
        raise RuntimeError(
            f"matrix_norm: there is no order {ord!r}; use 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        )
    return result if keepdim else result.squeeze((rows, columns))


def _extreme(norms: Tensor, dim: int, largest: bool) -> Tensor:
    """Return the largest or smallest of some norms along `dim`; the largest of none is 0."""
    if largest and norms.shape[dim] == 0:
        return sum(norms, dim, keepdim=True)
    return (amax if largest else amin)(norms, dim, keepdim=True)


def linalg_norm(
    A: Tensor,
    ord: Order = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
) -> Tensor:
    """Return a vector or matrix norm, as `torch.linalg.norm`.

    With an `ord` and two dimensions it is a matrix norm, with one a vector norm; without an `ord` it is the root of the
    sum of squares over `dim` (all by default).
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None:
        dim = tuple(range(A.ndim))
        if len(dim) > 2:
            raise RuntimeError(
                f"norm: with ord={ord!r}, name one or two of the dimensions of {list(A.shape)}"
            )
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) == 2 or isinstance(ord, str):
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


@method
def norm(
    input: Tensor, p: Order = "fro", dim: Dims = None, keepdim: bool = False, dtype: DTypeLike = None
) -> Tensor:
    """Return the vector norm of order `p` over `dim` (all elements by default); "nuc" the sum of singular values.

    Raises:
        RuntimeError: for integers, or an unknown `p`.
    """
    if p == "nuc":
        dims = tuple(range(input.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
        return matrix_norm(input, "nuc", dims, keepdim, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(
            f"norm: there is no order {p!r}; use 'fro', 'nuc' or a number such as float({p!r})"
        )
    return vector_norm(input, 2 if p is None or isinstance(p, str) else p, dim, keepdim, dtype=dtype)


@method
def dist(input: Tensor, other: Operand, p: float = 2) -> Tensor:
    """Return the norm of order `p` of `input - other`."""
    return vector_norm(input - other, p)


@method(in_place=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Return the tensor with each of its slices along `dim` whose norm of order `p` exceeds `maxnorm` scaled to it."""
    at = normalize_dim(dim, input.ndim)
    size = vector_norm(input, p, tuple(d for d in range(input.ndim) if d != at), keepdim=True)
    return input * maps.where(size > maxnorm, maxnorm / (size + 1e-7), maps.zero(size) + 1)  # type: ignore[no-any-return]


__all__ = ["dist", "norm", "renorm"]
