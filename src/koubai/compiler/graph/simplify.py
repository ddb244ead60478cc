"""A graph made smaller without changing what it computes.

Nodes are rebuilt one after the other. What does nothing is left out, movements that follow each other become one, what
depends on constants only is computed now, and what is computed twice is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from koubai.arrays import Array
from koubai.ops import elementwise, gather, movement
from koubai.ops.graph import Graph, Node, prune, results_of
from koubai.ops.op import Kind, Op, Symbol
from koubai.ops.scan import Loop

_SMALL = 1 << 16  # elements of a result that may be computed now


def simplify(graph: Graph, rules: Mapping[str, Rule] | None = None) -> Graph:
    """Return a graph with the same inputs and outputs that does less.

    Args:
        graph: a program.
        rules: further rules, by the names of the ops that they are for; they come before the others.
    """
    return Rebuilder(graph, rules or {}).graph


class Rebuilder:
    """The new graph while it is made.

    Attributes:
        graph: the new one.
        maker: of each of its symbols the node that makes it.
    """

    def __init__(self, old: Graph, rules: Mapping[str, Rule]) -> None:
        self._rules = (rules, _RULES)
        self.graph = Graph(inputs=list(old.inputs))
        self.new: dict[Symbol, Symbol] = {symbol: symbol for symbol in old.inputs}
        self.maker: dict[Symbol, Node] = {}
        self._known: dict[Hashable, tuple[Symbol, ...]] = {}
        for symbol, array in old.constants.items():
            self.new[symbol] = self.constant(array)
        for node in old.nodes:
            inputs = [self.new[symbol] for symbol in node.inputs]
            self.new.update(zip(node.outputs, self.add(node.op, inputs, node.attributes, node.outputs)))
        self.graph.outputs = [self.new[symbol] for symbol in old.outputs]
        self.graph = prune(self.graph)

    def constant(self, array: Array) -> Symbol:
        """Return the symbol of an array; equal small arrays have one symbol."""
        array = np.asarray(array)
        key = ("constant", array.dtype, array.shape, array.tobytes()) if array.size <= _SMALL else id(array)
        if key not in self._known:
            symbol = Symbol(array.shape, array.dtype)
            self.graph.constants[symbol] = array
            self._known[key] = (symbol,)
        return self._known[key][0]

    def add(
        self,
        op: Op,
        inputs: Sequence[Symbol],
        attributes: dict[str, Any],
        outputs: tuple[Symbol, ...] | None = None,
    ) -> tuple[Symbol, ...]:
        """Add an op, or find that it is not needed; `outputs` are symbols for its results, if there are any yet."""
        for rules in self._rules:
            rule = rules.get(op.name)
            found = rule(self, op, inputs, attributes) if rule else None
            if found is not None:
                return (found,)
        if "loop" in attributes:
            loop = attributes["loop"]
            loop, inputs = self._without_invariants(replace(loop, body=simplify(loop.body)), inputs)
            attributes = {**attributes, "loop": loop}
        key = _key(op, inputs, attributes)
        if key not in self._known:
            node = Node(op, tuple(inputs), attributes, outputs or results_of(op, inputs, attributes))
            self._known[key] = self._folded(node) or self._appended(node)
        return self._known[key]

    def _without_invariants(self, loop: Loop, inputs: Sequence[Symbol]) -> tuple[Loop, list[Symbol]]:
        """Move what is the same at all times out of a loop."""
        body, first = loop.body, loop.carries + loop.sequences
        outer = dict(zip(body.inputs[first:], inputs[first:]))
        outer.update((symbol, self.constant(array)) for symbol, array in body.constants.items())
        kept: list[Node] = []
        for node in body.nodes:
            if (
                node.inputs
                and all(symbol in outer for symbol in node.inputs)
                and node.op.kind is not Kind.RANDOM
            ):
                found = self.add(node.op, [outer[symbol] for symbol in node.inputs], node.attributes)
                outer.update(zip(node.outputs, found))
            else:
                kept.append(node)
        wanted = {symbol for node in kept for symbol in node.inputs} | set(body.outputs)
        given = [s for s in outer if s in wanted and s not in body.constants]
        constants = {symbol: array for symbol, array in body.constants.items() if symbol in wanted}
        smaller = Graph([*body.inputs[:first], *given], constants, kept, body.outputs)
        return replace(loop, body=smaller), [*inputs[:first], *(outer[symbol] for symbol in given)]

    def one(self, op: Op, inputs: Sequence[Symbol], **attributes: Any) -> Symbol:
        """Add an op with one result."""
        return self.add(op, inputs, attributes)[0]

    def _appended(self, node: Node) -> tuple[Symbol, ...]:
        self.graph.nodes.append(node)
        for symbol in node.outputs:
            self.maker[symbol] = node
        return node.outputs

    def _folded(self, node: Node) -> tuple[Symbol, ...] | None:
        """Compute an op on constants now, unless its result is large or its errors belong to a run.

        Arrays without elements are constants too, wherever they come from.
        """
        op, inputs, symbols = node.op, node.inputs, node.outputs
        if not any(symbol.size for symbol in symbols):
            return tuple(self.constant(np.empty(symbol.shape, symbol.dtype)) for symbol in symbols)
        if not inputs or op.kind in (Kind.OPAQUE, Kind.RANDOM, Kind.SCAN) or op.name == "position":
            return None
        arrays = [self.graph.constants.get(s) if s.size else np.empty(s.shape, s.dtype) for s in inputs]
        if any(array is None for array in arrays):
            return None
        if any(symbol.size > _SMALL for symbol in symbols) and any(symbol.size for symbol in inputs):
            return None
        with np.errstate(all="ignore"):
            results = op.run(tuple(arrays), node.attributes)
        return tuple(self.constant(array) for array in results)


def is_zero(graph: Graph, maker: Mapping[Symbol, Node], symbol: Symbol) -> bool:
    """Whether all elements of a symbol are known to be 0."""
    node = maker.get(symbol)
    array = graph.constants.get(node.inputs[0] if node is not None and node.op is movement.expand else symbol)
    return array is not None and not array.any()


def _key(op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Hashable:
    """What makes two nodes the same; those that are there to be computed again are never the same."""
    if op is movement.again:
        return object()
    if not attributes:
        return (op, *inputs)
    values = tuple(sorted(attributes.items()))
    try:
        hash(values)
    except TypeError:
        return object()
    return (op, tuple(inputs), tuple((name, type(value), value) for name, value in values))


Rule = Callable[[Rebuilder, Op, Sequence[Symbol], dict[str, Any]], Symbol | None]


def _nothing(_: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    return inputs[0]


def _fill(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    return new.one(movement.expand, [inputs[1]], shape=tuple(inputs[0].shape))


def _cast(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    return inputs[0] if inputs[0].dtype == attributes["dtype"] else None


def _reshape(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    (x,), shape = inputs, tuple(attributes["shape"])
    if x.shape == shape:
        return x
    node = new.maker.get(x)
    if node is not None and node.op is movement.reshape:
        return new.one(movement.reshape, node.inputs, shape=shape)
    return None


def _expand(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    (x,), shape = inputs, tuple(attributes["shape"])
    if x.shape == shape:
        return x
    if attributes["shape"] is not shape and type(attributes["shape"]) is not tuple:
        return new.one(movement.expand, [x], shape=shape)
    return None


def _permute(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    (x,), dims = inputs, tuple(attributes["dims"])
    if dims == tuple(range(x.ndim)):
        return x
    node = new.maker.get(x)
    if node is not None and node.op is movement.permute:
        before = node.attributes["dims"]
        return new.one(movement.permute, node.inputs, dims=tuple(before[dim] for dim in dims))
    return None


def _whole(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    """A slice of everything, and an array put where nothing is left around it, are what they are made of."""
    (x,), lengths = inputs, tuple(attributes.get("shape", inputs[0].shape))
    everything = all(tuple(span) == (0, length, 1) for span, length in zip(attributes["spans"], x.shape))
    return x if everything and lengths == x.shape else None


def _unchanged(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    """Writing nothing changes nothing."""
    return None if all(symbol.size for symbol in inputs[1:]) else inputs[0]


def _is_last(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    """Let every place write its number at its position: what is found there afterwards is the last one's."""
    (i,), size = inputs, attributes["size"]
    numbers = new.constant(np.arange(i.size).reshape(i.shape))
    written = new.one(gather.index_put, [new.constant(np.zeros(size, np.int64)), i, numbers], dim=0)
    return new.one(elementwise.eq, [new.one(gather.index, [written, i], dim=0), numbers])


def _cat(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    dim = attributes["dim"]
    pieces = [x for x in inputs if x.shape[dim]]
    if len(pieces) == 1:
        return pieces[0]
    return new.one(op, pieces, **attributes) if 1 < len(pieces) < len(inputs) else None


_RULES: dict[str, Rule] = {
    "alias": _nothing,
    "detach": _nothing,
    "fill": _fill,
    "cast": _cast,
    "reshape": _reshape,
    "expand": _expand,
    "permute": _permute,
    "is_last": _is_last,
    "cat": _cat,
    "slice": _whole,
    "place": _whole,
    "assign_slice": _unchanged,
    "index_add": _unchanged,
    "index_put": _unchanged,
    "index_mul": _unchanged,
    "index_max": _unchanged,
    "index_min": _unchanged,
}
