"""Reductions: ops that combine the elements along some dimensions.

At ties `amax` and `amin` share the gradient equally among the tied elements, as PyTorch does.
"""

from __future__ import annotations

import math
from typing import Any

from koubai import dtypes
from koubai.ops.cumulative import product_of_others
from koubai.ops.movement import expand, reshape
from koubai.ops.op import Kind, Op, Shape, ShapeError, Symbol, describe

LONG = 1 << 10  # terms of a sum that would lose more than its last bits


def reduce_rule(x: Symbol, *, dims: Shape, keepdim: bool) -> Symbol:
    """Shape rule: the dimensions `dims` vanish, or become 1 with `keepdim`."""
    kept = [(1 if axis in dims else length) for axis, length in enumerate(x.shape)]
    shape = kept if keepdim else [length for axis, length in enumerate(kept) if axis not in dims]
    return Symbol(tuple(shape), x.dtype)


def nonempty_rule(x: Symbol, *, dims: Shape, keepdim: bool) -> Symbol:
    """Shape rule of reductions that have no result for no elements.

    Raises:
        ShapeError: if a reduced dimension is empty.
    """
    if any(x.shape[dim] == 0 for dim in dims):
        raise ShapeError(
            f"{describe([x])} is empty along dimensions {list(dims)}, so it has no largest element"
        )
    return reduce_rule(x, dims=dims, keepdim=keepdim)


def _index_rule(x: Symbol, *, dim: int, keepdim: bool) -> Symbol:
    return Symbol(nonempty_rule(x, dims=(dim,), keepdim=keepdim).shape, dtypes.int64)


def spread(reduced: Any, like: Symbol, dims: Shape) -> Any:
    """Stretch a reduced tensor back over the dimensions that it lost."""
    kept = tuple(1 if axis in dims else length for axis, length in enumerate(like.shape))
    return expand(reshape(reduced, shape=kept), shape=like.shape)


def _among_ties(g: Any, x: Any, out: Any, dims: Shape) -> Any:
    """Share `g` equally among the elements of `x` that equal the reduced `out`."""
    tied = (x == spread(out, x, dims)).to(g.dtype)
    return spread(g, x, dims) * tied / sum_(tied, dims=dims, keepdim=True)


def _test_rule(x: Symbol, *, dims: Shape, keepdim: bool) -> Symbol:
    return Symbol(reduce_rule(x, dims=dims, keepdim=keepdim).shape, dtypes.bool_)


def _sum(xp: Any, x: Any, *, dims: Shape, keepdim: bool) -> Any:
    """Add up, a long sum in a wider type: NumPy adds whole rows one after the other unless it sums along them."""
    width = x.dtype.itemsize
    if x.dtype.kind != "f" or width > 4 or math.prod([x.shape[dim] for dim in dims]) < LONG:
        return xp.sum(x, axis=dims, keepdims=keepdim, dtype=x.dtype)
    wider = xp.float64 if width == 4 else xp.float32
    return xp.sum(x, axis=dims, keepdims=keepdim, dtype=wider).astype(x.dtype)


sum_ = Op(
    "sum",
    Kind.REDUCE,
    _sum,
    reduce_rule,
    x=lambda g, x_like, dims: spread(g, x_like, dims),
)
amax = Op(
    "amax",
    Kind.REDUCE,
    lambda xp, x, *, dims, keepdim: xp.max(x, axis=dims, keepdims=keepdim),
    nonempty_rule,
    x=lambda g, x, out, dims: _among_ties(g, x, out, dims),
)
amin = Op(
    "amin",
    Kind.REDUCE,
    lambda xp, x, *, dims, keepdim: xp.min(x, axis=dims, keepdims=keepdim),
    nonempty_rule,
    x=lambda g, x, out, dims: _among_ties(g, x, out, dims),
)
# The product along one dimension, which `dims` names alone.
prod = Op(
    "prod",
    Kind.REDUCE,
    lambda xp, x, *, dims, keepdim: xp.prod(x, axis=dims, keepdims=keepdim, dtype=x.dtype),
    reduce_rule,
    x=lambda g, x, dims: spread(g, x, dims) * product_of_others(x, dims[0]),
)
any_ = Op(
    "any",
    Kind.REDUCE,
    lambda xp, x, *, dims, keepdim: xp.any(x, axis=dims, keepdims=keepdim),
    _test_rule,
)
all_ = Op(
    "all",
    Kind.REDUCE,
    lambda xp, x, *, dims, keepdim: xp.all(x, axis=dims, keepdims=keepdim),
    _test_rule,
)
argmax = Op(
    "argmax",
    Kind.REDUCE,
    lambda xp, x, *, dim, keepdim: xp.argmax(x, axis=dim, keepdims=keepdim),
    _index_rule,
)
argmin = Op(
    "argmin",
    Kind.REDUCE,
    lambda xp, x, *, dim, keepdim: xp.argmin(x, axis=dim, keepdims=keepdim),
    _index_rule,
)


def sum_to(x: Any, shape: Shape) -> Any:
    """Sum `x` over the dimensions in which a tensor of `shape` was stretched to become it."""
    extra = x.ndim - len(shape)
    dims = [
        axis for axis in range(x.ndim) if axis < extra or (shape[axis - extra] == 1 and x.shape[axis] != 1)
    ]
    reduced = sum_(x, dims=tuple(dims), keepdim=True) if dims else x
    return reshape(reduced, shape=tuple(shape)) if extra else reduced
