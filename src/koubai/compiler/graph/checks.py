"""What a step checks before it changes anything: that losses are finite, and that positions lie where they have to.

Each check is one more result of the graph, a bool. Inside a loop over time it is stacked, and all of it is looked
at after the loop.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from koubai.ops import elementwise as maps
from koubai.ops.graph import Graph, Node
from koubai.ops.op import Symbol
from koubai.ops.reduce import all_


def with_checks(graph: Graph, losses: Iterable[Symbol]) -> tuple[Graph, list[tuple[str, int]]]:
    """Return the graph with one more result for everything that may go wrong: whether it went well.

    Args:
        graph: the program.
        losses: what has to be finite.

    Returns:
        the graph, and (what went wrong, position among the outputs) pairs.
    """
    graph, positions = _with_positions(graph)
    made = {symbol for node in graph.nodes for symbol in node.outputs}
    finite = [_whole(graph, graph.add(maps.isfinite, [loss], {})[0]) for loss in losses if loss in made]
    named = [*(("loss", flag) for flag in finite), *(("position", flag) for flag in positions)]
    first = len(graph.outputs)
    graph.outputs += [flag for _, flag in named]
    return graph, [(name, first + number) for number, (name, _) in enumerate(named)]


def _with_positions(graph: Graph) -> tuple[Graph, list[Symbol]]:
    """Return a copy of a graph and, for each op that takes positions, whether all of them are in range."""
    copy = Graph(list(graph.inputs), dict(graph.constants), [], list(graph.outputs))
    flags: list[Symbol] = []
    for node in graph.nodes:
        if "loop" in node.attributes:
            node, stacked = _with_checked_body(node)
            copy.nodes.append(node)
            flags += [_whole(copy, flag) for flag in stacked]
            continue
        copy.nodes.append(node)
        if node.op.name == "position":
            flags.append(_whole(copy, _in_range(copy, node)))
    return copy, flags


def _with_checked_body(node: Node) -> tuple[Node, list[Symbol]]:
    """Return a loop that also gives the checks of its body, stacked, and those."""
    loop = node.attributes["loop"]
    body, flags = _with_positions(loop.body)
    if not flags:
        return node, []
    stacked = [Symbol((loop.length,), flag.dtype) for flag in flags]
    attributes = {**node.attributes, "loop": loop.with_body(body, flags)}
    return Node(node.op, node.inputs, attributes, (*node.outputs, *stacked)), stacked


def _whole(graph: Graph, passed: Symbol) -> Symbol:
    """Add whether something holds everywhere."""
    return graph.add(all_, [passed], {"dims": tuple(range(passed.ndim)), "keepdim": False})[0]


def _in_range(graph: Graph, node: Node) -> Symbol:
    """Add whether positions lie in the dimension that they are of."""
    i, size = node.inputs[0], node.attributes["size"]
    above = graph.add(maps.ge, [i, _number(graph, -size if node.attributes["wraps"] else 0, i)], {})[0]
    below = graph.add(maps.le, [i, _number(graph, size - 1, i)], {})[0]
    return graph.add(maps.bitwise_and, [above, below], {})[0]


def _number(graph: Graph, number: int, like: Symbol) -> Symbol:
    """Add a number as a constant of the type of `like`, which has no larger and no smaller ones."""
    symbol, limits = Symbol((), like.dtype), np.iinfo(like.dtype)
    graph.constants[symbol] = np.asarray(min(max(number, limits.min), limits.max), like.dtype)
    return symbol
