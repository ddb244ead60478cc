"""Scatters: a target is copied, then values are combined with what stands at their positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Scatter
from koubai.compiler.lower.movement import broadcast
from koubai.ops.graph import Node

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering

Rule = Callable[["Lowering", Node], None]


def scatter(low: Lowering, node: Node) -> None:
    """Copy the target, then combine the values with it one after the other."""
    from koubai.compiler.lower.lowering import as_index

    (x, i, value), dim, out = node.inputs, node.attributes["dim"], node.outputs[0]
    low.add_map(low.buffers[out], x.shape, lambda at: low.at(x, at), lambda at: low.stored_at(out, at)[1])
    before = tuple(map(Axis, x.shape[:dim]))
    places, behind = tuple(map(Axis, i.shape)), tuple(map(Axis, x.shape[dim + 1 :]))
    spot = as_index(low.at(i, tuple(map(Index.of, places))), x.shape[dim])
    at = tuple(map(Index.of, (*before, *places, *behind)))
    target, spots = low.stored_at(out, (*map(Index.of, before), spot, *map(Index.of, behind)))
    kind = node.op.name.removeprefix("index_")
    element = low.at(value, broadcast(at, value.shape))
    low.kernels.append(
        Scatter(low.fresh(node.op.name), target, places, (*before, *behind), spots, kind, element)
    )
