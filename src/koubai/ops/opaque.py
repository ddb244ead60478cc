"""Ops that call routines of the array library as a whole."""

from __future__ import annotations

from typing import Any

from koubai import dtypes
from koubai.ops.op import Array, Kind, Op, ShapeError, Symbol, describe


def opaque(name: str, forward: Any, infer: Any, **gradients: Any) -> Op:
    """Declare an opaque op."""
    return Op(name, Kind.OPAQUE, forward, infer, **gradients)


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


def _histogram(xp: Any, x: Array, *, bins: int, low: float, high: float) -> Array:
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    inside = x[(x >= low) & (x <= high)]
    places = ((inside - low) / (high - low) * bins).astype(xp.int64)
    return xp.bincount(xp.minimum(places, bins - 1), minlength=bins).astype(x.dtype)


# how many elements lie in each of `bins` bins between low and high, or where both are equal between the extremes
histogram = opaque("histogram", _histogram, lambda x, *, bins, low, high: Symbol((bins,), x.dtype))
