"""Running ops: what one place has found goes on to the next, in registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from koubai import dtypes
from koubai.compiler.language.expression import Expression, apply, constant, register, whole
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Carried, Running, Store
from koubai.ops.graph import Node

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering

# each op's start, and the map that takes what was before and the element here
_SIMPLE = {"cumsum": (-0.0, "add"), "cumprod": (1, "mul"), "logcumsumexp": (-float("inf"), "logaddexp")}


def running(low: Lowering, node: Node) -> None:
    """Go along one dimension."""
    out, dim = node.outputs[0], node.attributes["dim"]
    axes = tuple(map(Axis, out.shape))
    indices = tuple(map(Index.of, axes))
    values = [low.at(symbol, indices) for symbol in node.inputs]
    if node.op.name == "extreme_position":
        carried = _extreme(low, values[0], indices[dim], node.attributes["largest"])
    elif node.op.name == "recurrence":
        carried = [_recurrence(low, *values)]
    else:
        carried = [_combined(low, node.op.name, values[0])]
    buffer, spots = low.stored_at(out, indices)
    others = tuple(axis for d, axis in enumerate(axes) if d != dim)
    store = Store(buffer, spots, carried[-1].following)
    low.kernels.append(Running(buffer.name, axes[dim], others, carried, [store]))


def _combined(low: Lowering, op: str, value: Expression) -> Carried:
    start, name = _SIMPLE[op]
    last = register(low.fresh("last"), value.dtype)
    return Carried(last.detail, constant(start, value.dtype), apply(name, (last, value), value.dtype))


def _recurrence(low: Lowering, factor: Expression, term: Expression) -> Carried:
    """factor · last + term, rounded twice as in eager."""
    last = register(low.fresh("last"), term.dtype)
    scaled = apply("mul", (factor, last), term.dtype)
    return Carried(last.detail, constant(0, term.dtype), apply("add", (scaled, term), term.dtype))


def _extreme(low: Lowering, value: Expression, here: Index, largest: bool) -> list[Carried]:
    """The extreme so far, and the place of the latest element that equals it or is NaN."""
    best = register(low.fresh("best"), value.dtype)
    place = register(low.fresh("place"), dtypes.int64)
    now = apply("maximum" if largest else "minimum", (best, value), value.dtype)
    hit = apply("ge" if largest else "le", (value, now), dtypes.bool_)
    hit = apply("bitwise_or", (hit, apply("isnan", (value,), dtypes.bool_)), dtypes.bool_)
    found = apply("where", (hit, whole(here), place), dtypes.int64)
    return [
        Carried(best.detail, _worst(value, largest), now),
        Carried(place.detail, constant(0, dtypes.int64), found),
    ]


def _worst(value: Expression, largest: bool) -> Expression:
    if dtypes.is_floating(value.dtype):
        return constant(-float("inf") if largest else float("inf"), value.dtype)
    if value.dtype == dtypes.bool_:
        return constant(not largest, value.dtype)
    limits = dtypes.iinfo(value.dtype)
    return constant(limits.min if largest else limits.max, value.dtype)
