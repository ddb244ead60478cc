"""Random draws apart from each other: each reads a state of its own instead of one counted up by those before it.

A program advances a generator draw by draw: state, state + 1, state + 2. Here the state of each draw is an input, and
`Draw` says what it is. Draws of equal layers are equal then, and no draw waits for another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from koubai import dtypes
from koubai.ops.elementwise import add
from koubai.ops.graph import Graph, Node, prune
from koubai.ops.op import Array, Kind, Symbol


@dataclass(frozen=True)
class Draw:
    """The state that a draw reads.

    Attributes:
        symbol: an input that stands for it.
        state: the input that the generator starts from.
        count: what is added to that, an int64 array of two elements.
    """

    symbol: Symbol
    state: Symbol
    count: Array


def with_draws_apart(graph: Graph) -> tuple[Graph, list[Draw]]:
    """Return a graph with the same outputs, and the draws whose states are further inputs of it."""
    counted = _counted(graph)
    if not counted:
        return graph, []
    draws: dict[Symbol, Draw] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op.kind is Kind.RANDOM and node.inputs[0] in counted:
            state = node.inputs[0]
            draw = draws.setdefault(state, Draw(Symbol(state.shape, state.dtype), *counted[state]))
            node = replace(node, inputs=(draw.symbol, *node.inputs[1:]))
        nodes.append(node)
    if not draws:
        return graph, []
    apart = Graph([*graph.inputs, *(draw.symbol for draw in draws.values())], dict(graph.constants), nodes)
    apart.outputs = [_ended(apart, symbol, counted) for symbol in graph.outputs]
    return prune(apart), list(draws.values())


def _counted(graph: Graph) -> dict[Symbol, tuple[Symbol, Array]]:
    """Return for each state of a generator the input that it starts from, and what was added."""
    none = np.zeros(2, np.int64)
    found = {s: (s, none) for s in graph.inputs if s.shape == (2,) and s.dtype == dtypes.int64}
    if not found:
        return {}
    for node in graph.nodes:
        if node.op is add and node.inputs[0] in found and node.inputs[1] in graph.constants:
            state, count = found[node.inputs[0]]
            found[node.outputs[0]] = (state, count + graph.constants[node.inputs[1]])
    return found


def _ended(graph: Graph, symbol: Symbol, counted: dict[Symbol, tuple[Symbol, Array]]) -> Symbol:
    """Return an output; where it is a state, as one addition to the one the generator started from."""
    state, count = counted.get(symbol, (symbol, ()))
    if state is symbol:
        return symbol
    constant = Symbol(symbol.shape, symbol.dtype)
    graph.constants[constant] = count
    return graph.add(add, (state, constant), {})[0]
