"""Running sums, products and extremes along one dimension.

No gradient divides, so zeros among the factors of a product are nothing special, to any order: the product of all
other factors is a product of what stands before and what stands behind.
"""

from __future__ import annotations

from typing import Any

from koubai import dtypes
from koubai.ops.elementwise import exp, log, where, zero
from koubai.ops.movement import flip, place, slice_
from koubai.ops.op import Array, Kind, Op, Symbol, map_rule, same_rule


def running(name: str, forward: Any, infer: Any = same_rule, **gradients: Any) -> Op:
    """Declare an op that goes along one dimension, `dim`."""
    return Op(name, Kind.SCAN, forward, infer, **gradients)


def backwards(op: Op, *inputs: Any, dim: int) -> Any:
    """Apply a running op from the end to the start."""
    return flip(op(*(flip(x, dims=(dim,)) for x in inputs), dim=dim), dims=(dim,))


def before(x: Any, dim: int, first: float) -> Any:
    """Return for each place the element that stands one before it along `dim`; `first` at the start."""
    length = x.shape[dim]
    whole = [(0, size, 1) for size in x.shape]
    taken, put = list(whole), list(whole)
    taken[dim], put[dim] = (0, max(length - 1, 0), 1), (min(1, length), length, 1)
    return place(slice_(x, spans=tuple(taken)), shape=x.shape, spans=tuple(put), fill=first)


def behind(x: Any, dim: int, last: float) -> Any:
    """Return for each place the element that stands one behind it along `dim`; `last` at the end."""
    return flip(before(flip(x, dims=(dim,)), dim, last), dims=(dim,))


def product_of_others(x: Any, dim: int) -> Any:
    """Return for each element the product of all others along `dim`."""
    return before(cumprod(x, dim=dim), dim, 1) * behind(backwards(cumprod, x, dim=dim), dim, 1)


def _recurrence(xp: Any, a: Array, b: Array, *, dim: int) -> Array:
    """y[t] = a[t] * y[t - 1] + b[t], from y[-1] = 0."""
    factors, terms = xp.moveaxis(a, dim, 0), xp.moveaxis(b, dim, 0)
    out = xp.empty_like(terms)
    last = xp.zeros(terms.shape[1:], b.dtype)
    for t in range(len(terms)):
        last = out[t] = factors[t] * last + terms[t]
    return xp.moveaxis(out, 0, dim)


def _adjoint(a: Any, g: Any, dim: int) -> Any:
    """Return s[t] = g[t] + a[t + 1] * s[t + 1], which carries gradients back through a recurrence."""
    return backwards(recurrence, behind(a, dim, 0), g, dim=dim)


cumsum: Op = running(
    "cumsum",
    lambda xp, x, *, dim: xp.cumsum(x, axis=dim, dtype=x.dtype),
    x=lambda g, dim: backwards(cumsum, g, dim=dim),
)
recurrence = running(
    "recurrence",
    _recurrence,
    lambda a, b, *, dim: map_rule(a, b),
    a=lambda g, a, out, dim: _adjoint(a, g, dim) * before(out, dim, 0),
    b=lambda g, a, dim: _adjoint(a, g, dim),
)
cumprod = running(
    "cumprod",
    lambda xp, x, *, dim: xp.cumprod(x, axis=dim, dtype=x.dtype),
    x=lambda g, x, out, dim: _adjoint(x, g, dim) * before(out, dim, 1),
)


def _logcumsumexp_gradient(g: Any, x: Any, out: Any, dim: int) -> Any:
    """Return exp(x[t]) times the sum of g[s] exp(-out[s]) over s >= t, in logarithms, by the sign of g."""

    def part(share: Any) -> Any:
        weight = where(share > 0, log(where(share > 0, share, zero(g) + 1)) - out, zero(g) - float("inf"))
        return exp(backwards(logcumsumexp, weight, dim=dim) + x)

    return part(g) - part(-g)


logcumsumexp = running(
    "logcumsumexp", lambda xp, x, *, dim: xp.logaddexp.accumulate(x, axis=dim), x=_logcumsumexp_gradient
)


def _extreme_position(xp: Any, x: Array, *, dim: int, largest: bool) -> Array:
    """The place of the largest (smallest) element so far, the latest of equal ones; the first NaN stays."""
    best = (xp.maximum if largest else xp.minimum).accumulate(x, axis=dim)
    improves = (x >= best if largest else x <= best) | xp.isnan(x)
    shape = [1] * x.ndim
    shape[dim] = -1
    places = xp.where(improves, xp.arange(x.shape[dim]).reshape(shape), 0)
    return xp.maximum.accumulate(places, axis=dim)


extreme_position = running(
    "extreme_position", _extreme_position, lambda x, *, dim, largest: Symbol(x.shape, dtypes.int64)
)
