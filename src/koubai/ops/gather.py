"""Gathers: ops that read or write at positions that are data, and ops whose result is positions.

There is one read, `index`, at an integer array of positions along one dimension, and its writes: `index_put` replaces,
the others combine. Reads and writes over several dimensions are brought to this form by arithmetic on the positions.
"""

from __future__ import annotations

import math
from typing import Any

from koubai import dtypes
from koubai.ops.elementwise import elementwise, where
from koubai.ops.movement import expand, reshape
from koubai.ops.op import (
    Array,
    DataDependentError,
    Kind,
    Op,
    Shape,
    ShapeError,
    Symbol,
    broadcast_shapes,
    describe,
    same_rule,
)


def _picked(x: Symbol, i: Symbol, dim: int) -> Shape:
    """Return the shape of `x` with the dimension `dim` replaced by those of the positions."""
    return (*x.shape[:dim], *i.shape, *x.shape[dim + 1 :])


def _index_rule(x: Symbol, i: Symbol, *, dim: int) -> Symbol:
    return Symbol(_picked(x, i, dim), x.dtype)


def _write_rule(x: Symbol, i: Symbol, value: Symbol, *, dim: int) -> Symbol:
    places = _picked(x, i, dim)
    if broadcast_shapes(places, value.shape) != places:
        raise ShapeError(f"{describe([value])} does not fit into the places that are written, {list(places)}")
    return Symbol(x.shape, x.dtype)


def _index_put(xp: Any, x: Array, i: Array, value: Array, *, dim: int) -> Array:
    out = x.copy()
    if hasattr(xp, "unordered_writes"):  # then all values for one place have to be the last one
        last = _last_turns(xp, i, x.shape[dim])
        value = xp.take(
            xp.broadcast_to(value, _picked(x, i, dim)).reshape(_picked(x, last, dim)), last, axis=dim
        )
        i = i.reshape(-1)
    out[(slice(None),) * dim + (i,)] = value
    return out


def _last_turns(xp: Any, i: Array, size: int) -> Array:
    """Return for each of the positions, in a row, the turn of the last one that is the same."""
    i = i.reshape(-1)
    last = xp.full(size, -1, dtype=dtypes.int64)
    xp.maximum.at(last, i, xp.arange(i.size))
    return last[i]


def _combine(name: str) -> Any:
    """Make the forward that combines values with what stands at their positions, one after the other."""

    def forward(xp: Any, x: Array, i: Array, value: Array, *, dim: int) -> Array:
        outer, inner = math.prod(x.shape[:dim]), math.prod(x.shape[dim + 1 :])
        out = xp.array(x, order="C")  # a copy
        # NumPy's unbuffered ufuncs are fast on one dimension only: (outer, i.size, inner) places in the flat result
        rows = xp.arange(outer)[:, None, None] * x.shape[dim] + i.reshape(-1)[:, None]
        places = rows * inner + xp.arange(inner)
        values = xp.broadcast_to(value, _picked(x, i, dim))
        getattr(xp, name).at(out.reshape(-1), places.reshape(-1), values.reshape(-1))
        return out

    return forward


def _write(name: str, forward: Any, **gradients: Any) -> Op:
    return Op(name, Kind.GATHER, forward, _write_rule, **gradients)


# x read at the positions i along dim: (…, length, …) -> (…, *i.shape, …)
index: Op = Op(
    "index",
    Kind.GATHER,
    lambda xp, x, i, *, dim: xp.take(x, i, axis=dim),
    _index_rule,
    x=lambda g, x_like, i, dim: index_add(expand(g.new_zeros(()), shape=x_like.shape), i, g, dim=dim),
)


def _is_last(xp: Any, i: Array, *, size: int) -> Array:
    turns = xp.arange(i.size).reshape(i.shape)
    if hasattr(xp, "unordered_writes"):
        return _last_turns(xp, i, size).reshape(i.shape) == turns
    last = xp.empty(size, turns.dtype)
    last[i] = turns  # NumPy writes in order
    return last[i] == turns


# whether each position, among those below size, is the last one in i with its value
is_last = Op("is_last", Kind.GATHER, _is_last, lambda i, *, size: Symbol(i.shape, dtypes.bool_))


def _unless_overwritten(g: Any, x: Symbol, i: Any, dim: int) -> Any:
    """Return g at i, but 0 for values that a later one for the same place has overwritten."""
    counts = is_last(i, size=x.shape[dim])
    counts = reshape(counts, shape=(*i.shape, *(1,) * (x.ndim - dim - 1)))
    return where(counts, index(g, i, dim=dim), g.new_zeros(()))


# x with the elements at i replaced by value; of several values for one place the last one counts
index_put: Op = _write(
    "index_put",
    _index_put,
    x=lambda g, i, dim: index_put(g, i, g.new_zeros(()), dim=dim),
    value=lambda g, x_like, i, dim: _unless_overwritten(g, x_like, i, dim),
)
# x with value added at i, as often as a position occurs
index_add: Op = _write(
    "index_add", _combine("add"), x=lambda g: g, value=lambda g, i, dim: index(g, i, dim=dim)
)


def _factors_gradient(g: Any, x: Any, i: Any, value: Any, dim: int) -> Any:
    """Return g times the product of all other factors of the same place, also where some factors are 0."""
    zero = (value == 0).to(g.dtype)
    zeros = index_add(expand(g.new_zeros(()), shape=x.shape), i, zero, dim=dim)
    nonzero_value = where(value == 0, g.new_ones(()), value)
    rest = index(g * index_mul(x, i, nonzero_value, dim=dim), i, dim=dim) / nonzero_value
    return where(index(zeros, i, dim=dim) > zero, g.new_zeros(()), rest)


# x multiplied by value at i, as often as a position occurs
index_mul: Op = _write(
    "index_mul",
    _combine("multiply"),
    x=lambda g, x_like, i, value, dim: (
        g * index_mul(expand(g.new_ones(()), shape=x_like.shape), i, value, dim=dim)
    ),
    value=_factors_gradient,
)


def _winners(g: Any, x: Any, i: Any, value: Any, out: Any, dim: int) -> tuple[Any, Any, Any]:
    """Return where x and where value attain the result, and g shared equally among all that do."""
    from_x = (x == out).to(g.dtype)
    from_value = (value == index(out, i, dim=dim)).to(g.dtype)
    return from_x, from_value, g / index_add(from_x, i, from_value, dim=dim)


def _extreme_x(g: Any, x: Any, i: Any, value: Any, out: Any, dim: int) -> Any:
    from_x, _, share = _winners(g, x, i, value, out, dim)
    return from_x * share


def _extreme_value(g: Any, x: Any, i: Any, value: Any, out: Any, dim: int) -> Any:
    _, from_value, share = _winners(g, x, i, value, out, dim)
    return from_value * index(share, i, dim=dim)


# the larger (smaller) of x and all values at i
index_max: Op = _write("index_max", _combine("maximum"), x=_extreme_x, value=_extreme_value)
index_min: Op = _write("index_min", _combine("minimum"), x=_extreme_x, value=_extreme_value)


def _position(xp: Any, i: Array, *, size: int, dim: int, wraps: bool, by: str) -> Array:
    if not i.size:
        return i
    low, high = int(i.min()), int(i.max())
    if low < (-size if wraps else 0) or high >= size:
        wrong = high if high >= size else low
        raise IndexError(f"{by}: index {wrong} is out of range for dimension {dim}, which has size {size}")
    return xp.where(i < 0, i + size, i) if low < 0 else i


# i itself, checked to lie within a dimension of `size`; if it `wraps`, negative ones count from the end
position = elementwise("position", _position, same_rule)


def _argsort(xp: Any, x: Array, *, dim: int, descending: bool) -> Array:
    if not descending:
        return xp.argsort(x, axis=dim, kind="stable")
    # sorting the mirror image keeps equal elements in order, and puts NaN first, as PyTorch does
    return x.shape[dim] - 1 - xp.flip(xp.argsort(xp.flip(x, dim), axis=dim, kind="stable"), dim)


# the positions along dim of the elements in order, equal ones in the order in which they stand; NaN counts as largest
argsort = Op("argsort", Kind.OPAQUE, _argsort, lambda x, *, dim, descending: Symbol(x.shape, dtypes.int64))


def _searchsorted(xp: Any, boundaries: Array, values: Array, *, right: bool) -> Array:
    side = "right" if right else "left"
    if boundaries.ndim == 1:
        return xp.searchsorted(boundaries, values, side)
    found = xp.zeros(values.shape, dtypes.int64)
    for row in xp.ndindex(boundaries.shape[:-1]):
        found[row] = xp.searchsorted(boundaries[row], values[row], side)
    return found


# where values would be inserted into sorted boundaries: (N,) and any shape, or (…, N) and (…, M)
searchsorted = Op(
    "searchsorted",
    Kind.OPAQUE,
    _searchsorted,
    lambda boundaries, values, *, right: Symbol(values.shape, dtypes.int64),
)


def _nonzero_rule(x: Symbol) -> Symbol:
    raise DataDependentError(
        f"how many elements of {describe([x])} are nonzero depends on its values, which a traced program does not "
        "have; keep the shape fixed, for example with koubai.where or masked_fill"
    )


# the positions of the nonzero elements, one row each: (n, x.ndim)
nonzero = Op("nonzero", Kind.OPAQUE, lambda xp, x: xp.argwhere(x), _nonzero_rule)
