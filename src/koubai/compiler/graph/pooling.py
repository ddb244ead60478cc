"""ReLU behind max-pooling instead of before it, which gives the same: the larger of two numbers stays the larger.

The pooled image has fewer elements, and the large one need not be kept for the gradient: whether an element that was
its window's maximum has passed the ReLU is seen in the pooled one.

The gradient of pooling puts each value to one element of the large image, so its sum, which is the gradient of the bias
before, is the sum of the values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from koubai.compiler.graph.simplify import Rebuilder, Rule
from koubai.ops.elementwise import le, relu, where
from koubai.ops.graph import Graph, Node, prune
from koubai.ops.op import Op, Symbol
from koubai.ops.reduce import sum_
from koubai.ops.window import window_max, window_put


def with_relu_behind_pooling(graph: Graph) -> Graph:
    """Return a graph that pools first, wherever the ReLU's gradient is only asked for where a maximum was."""
    found = _Exchanges.of(graph)
    if not found.pools:
        return graph
    new = Graph(list(graph.inputs), dict(graph.constants))
    now: dict[Symbol, Symbol] = {symbol: symbol for symbol in (*graph.inputs, *graph.constants)}
    for node in graph.nodes:
        if node in found.pools:
            values, which = new.add(node.op, [now[found.pools[node]]], node.attributes)
            now.update(zip(node.outputs, (*new.add(relu, [values], {}), which)))
        elif node in found.masks:
            now[node.outputs[0]] = _masked_before_put(new, node, *found.masks[node], now)
        else:
            outputs = new.add(node.op, [now[symbol] for symbol in node.inputs], node.attributes)
            now.update(zip(node.outputs, outputs))
    new.outputs = [now[symbol] for symbol in graph.outputs]
    return prune(new)


def _masked_before_put(
    new: Graph, mask: Node, put: Node, pooled: Symbol, now: Mapping[Symbol, Symbol]
) -> Symbol:
    """Add the gradient of pooling and ReLU, with the mask taken from the pooled image."""
    zero, (values, which) = now[mask.inputs[1]], put.inputs
    stopped = new.add(le, [now[pooled], zero], {})
    passed = new.add(where, [*stopped, zero, now[values]], {})
    return new.add(window_put, [*passed, now[which]], put.attributes)[0]


@dataclass
class _Exchanges:
    """What can be exchanged in a graph.

    Attributes:
        pools: poolings of what a ReLU made, with what the ReLU was given.
        masks: the ReLU's gradients, each with the node that put gradients to the maxima, and the pooled image.
    """

    pools: dict[Node, Symbol] = field(default_factory=dict)
    masks: dict[Node, tuple[Node, Symbol]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph) -> _Exchanges:
        found, places = cls(), _Places(graph)
        for pool in graph.nodes:
            source = places.maker.get(pool.inputs[0]) if pool.op is window_max else None
            if source is not None and source.op is relu:
                masks = places.masks_of(pool)
                if masks is not None:
                    found.pools[pool] = source.inputs[0]
                    found.masks.update((mask, (put, pool.outputs[0])) for mask, put in masks.items())
        return found


class _Places:
    """Who makes each symbol of a graph, and who uses it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.maker = {symbol: node for node in graph.nodes for symbol in node.outputs}
        self.users: dict[Symbol, list[Node]] = {}
        for node in graph.nodes:
            for symbol in dict.fromkeys(node.inputs):
                self.users.setdefault(symbol, []).append(node)

    def masks_of(self, pool: Node) -> dict[Node, Node] | None:
        """Return the ReLU's gradients behind a pooling, each with what it masks; None if something else is there."""
        rectified, which = pool.inputs[0], pool.outputs[1]
        found: dict[Node, Node] = {}
        if which in self.graph.outputs:
            return None
        for put in self.users.get(which, ()):
            if put.op is not window_put or put.inputs[1] is not which or put.outputs[0] in self.graph.outputs:
                return None
            for mask in self.users.get(put.outputs[0], ()):
                if not self._masks(mask, put.outputs[0], rectified):
                    return None
                found[mask] = put
        return found

    def _masks(self, node: Node, gradient: Symbol, rectified: Symbol) -> bool:
        """Whether a node is `where(rectified <= 0, 0, gradient)`."""
        if node.op is not where or node.inputs[2] is not gradient or not self._is_zero(node.inputs[1]):
            return False
        test = self.maker.get(node.inputs[0])
        return (
            test is not None
            and test.op is le
            and test.inputs[0] is rectified
            and self._is_zero(test.inputs[1])
        )

    def _is_zero(self, symbol: Symbol) -> bool:
        array = self.graph.constants.get(symbol)
        return array is not None and array.ndim == 0 and not array.any()


def _sum_of_put(
    new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]
) -> Symbol | None:
    """The sum of an image to which values were put is the sum of the values."""
    put = new.maker.get(inputs[0])
    if put is None or put.op is not window_put or not {*range(2, inputs[0].ndim)} <= {*attributes["dims"]}:
        return None
    return new.one(op, [put.inputs[0]], **attributes)


RULES: dict[str, Rule] = {sum_.name: _sum_of_put}
