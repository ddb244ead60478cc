"""Pooling over windows that are too large to be written out element by element: reductions over the kernel's
elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from koubai import dtypes
from koubai.compiler.language.expression import Expression, apply, constant, inside, register, whole
from koubai.compiler.language.index import Axis, Index, flatten
from koubai.compiler.language.kernel import Loops, Reduction, Stage, Store
from koubai.compiler.lower import windows
from koubai.compiler.lower.movement import Guard, Indices, both, where
from koubai.ops.graph import Node
from koubai.ops.op import Symbol

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering


def is_large(node: Node) -> bool:
    """Whether an op goes over windows that are reduced by a kernel of its own."""
    name = node.op.name
    if name == "fold":
        return bool(node.inputs[0].shape[-1] > windows.LARGEST)
    if name not in RULES or node.attributes["window"].elements <= windows.LARGEST:
        return False
    return not (name in ("window_put", "add_windows") and windows.apart(node.attributes["window"]))


def _loops(
    out: Symbol, kernel: tuple[int, ...]
) -> tuple[tuple[Axis, ...], Indices, tuple[Axis, ...], Indices]:
    """Return loops over the result and over the kernel's elements, each with what they stand for."""
    outer, inner = tuple(map(Axis, out.shape)), tuple(map(Axis, kernel))
    return outer, tuple(map(Index.of, outer)), inner, tuple(map(Index.of, inner))


def _add_up(
    low: Lowering, out: Symbol, outer: tuple[Axis, ...], inner: tuple[Axis, ...], value: Expression
) -> None:
    """Store the sum of a value over the inner loops."""
    total = Reduction(low.fresh("sum"), "sum", value)
    buffer, spots = low.stored_at(out, tuple(map(Index.of, outer)))
    last = Stage(stores=[Store(buffer, spots, register(total.name, value.dtype))])
    low.kernels.append(Loops(buffer.name, outer, [Stage(inner, reductions=[total]), last]))


def _met(
    low: Lowering, node: Node, at: Indices, element: Indices, otherwise: Expression
) -> tuple[Expression, Guard]:
    """Return the input that a kernel element meets, and whether there is one."""
    x = node.inputs[0]
    spot = windows.met(at[2:], element, node.attributes["window"])
    here = windows.in_range(spot, x.shape[2:])
    return where(here, low.at(x, (*at[:2], *spot), here), otherwise), here


def window_sum(low: Lowering, node: Node) -> None:
    """The sum of each window."""
    out = node.outputs[0]
    outer, at, inner, element = _loops(out, node.attributes["window"].kernel)
    value, _ = _met(low, node, at, element, constant(0, out.dtype))
    _add_up(low, out, outer, inner, value)


def window_max(low: Lowering, node: Node) -> None:
    """The maximum of each window, then its position: among equals the first, of NaNs the last."""
    (x,), (out, which), window = node.inputs, node.outputs, node.attributes["window"]
    outer, at, inner, element = _loops(out, window.kernel)
    floats = dtypes.is_floating(x.dtype)
    value, here = _met(
        low, node, at, element, constant(-float("inf") if floats else dtypes.iinfo(x.dtype).min, x.dtype)
    )
    best = Reduction(low.fresh("best"), "amax", value)
    largest = register(best.name, x.dtype)
    number, count = whole(flatten(element, window.kernel)), constant(window.elements, dtypes.int64)
    equal = both(here, apply("eq", (value, largest), dtypes.bool_))
    first = Reduction(low.fresh("first"), "amin", where(equal, number, count))
    lost = apply("isnan", (value,), dtypes.bool_)
    last = Reduction(low.fresh("last"), "amax", where(lost, number, constant(0, dtypes.int64)))
    early, late = (register(r.name, dtypes.int64) for r in (first, last))
    found = where(apply("eq", (early, count), dtypes.bool_), late, early)
    stores = [
        Store(*low.stored_at(out, at), largest),
        Store(*low.stored_at(which, at), apply("cast", (found,), which.dtype, {"dtype": which.dtype})),
    ]
    stages = [Stage(inner, reductions=[best]), Stage(inner, reductions=[first, last]), Stage(stores=stores)]
    low.kernels.append(Loops(low.fresh("pool"), outer, stages))


def window_put(low: Lowering, node: Node) -> None:
    """Each window's value, put to the element at its position `which`."""
    (values, which), out, window = node.inputs, node.outputs[0], node.attributes["window"]
    outer, at, inner, element = _loops(out, window.kernel)
    here, spot = windows.covering(at[2:], element, window, values.shape[2:])
    place = (*at[:2], *spot)
    number = apply("cast", (whole(flatten(element, window.kernel)),), which.dtype, {"dtype": which.dtype})
    hit = both(here, apply("eq", (low.at(which, place, here), number), dtypes.bool_))
    _add_up(low, out, outer, inner, where(hit, low.at(values, place, here), constant(0, out.dtype)))


def add_windows(low: Lowering, node: Node) -> None:
    """Windows laid back where they came from, overlaps added up."""
    parts, out, window = node.inputs[0], node.outputs[0], node.attributes["window"]
    outer, at, inner, element = _loops(out, window.kernel)
    here, spot = windows.covering(at[2:], element, window, parts.shape[2 : 2 + window.rank])
    value = where(here, low.at(parts, (*at[:2], *spot, *element), here), constant(0, out.dtype))
    _add_up(low, out, outer, inner, value)


def fold(low: Lowering, node: Node) -> None:
    """The sum of the elements of all windows along a dimension that stand here."""
    parts, out, dim, step = node.inputs[0], node.outputs[0], node.attributes["dim"], node.attributes["step"]
    outer, at, inner, (element,) = _loops(out, parts.shape[-1:])
    start = at[dim] - element
    here = inside(start, 0, (parts.shape[dim] - 1) * step + 1, step)
    piece = low.at(parts, (*at[:dim], start // step, *at[dim + 1 :], element), here)
    _add_up(low, out, outer, inner, where(here, piece, constant(0, out.dtype)))


RULES = {
    "window_sum": window_sum,
    "window_max": window_max,
    "window_put": window_put,
    "add_windows": add_windows,
    "fold": fold,
}
