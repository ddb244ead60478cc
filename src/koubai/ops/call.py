"""`call`: a graph as one op of another one, such as an optimizer's rule, which all parameters have in common.

What looks at a program as a whole has less to look at then; `inlined` puts the ops in the place of the calls.
"""

from __future__ import annotations

from typing import Any

from koubai.arrays import Array
from koubai.ops.graph import Graph, Node, interpret
from koubai.ops.op import Kind, Op, Symbol


def _forward(xp: Any, *inputs: Array, body: Graph) -> tuple[Array, ...]:
    return tuple(interpret(body, inputs))


def _rule(*inputs: Symbol, body: Graph) -> tuple[Symbol, ...]:
    return tuple(Symbol(s.shape, s.dtype) for s in body.outputs)


call = Op("call", Kind.OPAQUE, _forward, _rule)


def ops_in(graph: Graph) -> int:
    """Return how many ops a graph has with what it calls in the place of the calls."""
    return sum(ops_in(node.attributes["body"]) if node.op is call else 1 for node in graph.nodes)


def inlined(graph: Graph) -> Graph:
    """Return a graph with the same inputs and outputs, and with what is called in the place of the calls."""
    if not any(node.op is call for node in graph.nodes):
        return graph
    flat = Graph(graph.inputs, dict(graph.constants))
    names: dict[Symbol, Symbol] = {}  # of results of calls, what they are in the new graph
    for node in graph.nodes:
        inputs = tuple([names.get(symbol, symbol) for symbol in node.inputs])
        if node.op is call:
            names.update(zip(node.outputs, _written(flat, node.attributes["body"], inputs)))
        else:
            flat.nodes.append(Node(node.op, inputs, node.attributes, node.outputs))
    flat.outputs = [names.get(symbol, symbol) for symbol in graph.outputs]
    return flat


def _written(graph: Graph, body: Graph, inputs: tuple[Symbol, ...]) -> list[Symbol]:
    """Append the ops of a body to a graph, and return what its results are there."""
    graph.constants.update(body.constants)
    names = dict(zip(body.inputs, inputs))
    for node in body.nodes:
        outputs = tuple([Symbol(symbol.shape, symbol.dtype) for symbol in node.outputs])
        arguments = tuple([names.get(symbol, symbol) for symbol in node.inputs])
        names.update(zip(node.outputs, outputs))
        graph.nodes.append(Node(node.op, arguments, node.attributes, outputs))
    return [names.get(symbol, symbol) for symbol in body.outputs]
