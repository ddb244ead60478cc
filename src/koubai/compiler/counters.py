"""Which states of a program count how often it has run, as the step counters of optimizers do."""

from __future__ import annotations

from collections.abc import Iterable

from koubai.ops.call import call
from koubai.ops.graph import Graph
from koubai.ops.op import Symbol


def counters_among(graph: Graph, updates: Iterable[tuple[int, Symbol]]) -> set[Symbol]:
    """Return the states that are one number and only ever counted up by 1.

    Args:
        graph: the program.
        updates: (position among its outputs, state that takes the value).
    """
    counted = _counted(graph)
    return {s for at, s in updates if s.ndim == 0 and counted.get(graph.outputs[at]) is s}


def _counted(graph: Graph) -> dict[Symbol, Symbol]:
    """Return for each symbol that is one more than another one, in another type perhaps, that other one."""
    found: dict[Symbol, Symbol] = {}
    called: dict[Graph, dict[int, int]] = {}  # for each body, of which of its results which input
    one = {symbol for symbol, array in graph.constants.items() if array.ndim == 0 and array == 1}
    for node in graph.nodes:
        if node.op is call:
            body = node.attributes["body"]
            if body not in called:
                called[body] = _counted_by(body)
            found.update((node.outputs[n], node.inputs[at]) for n, at in called[body].items())
        elif node.op.name in ("cast", "fill", "alias") and node.inputs[-1] in found:
            found[node.outputs[0]] = found[node.inputs[-1]]
        elif node.op.name == "add" and node.inputs[1] in one:
            found[node.outputs[0]] = node.inputs[0]
    return found


def _counted_by(body: Graph) -> dict[int, int]:
    """Return for each output of a graph that is one more than an input the position of that."""
    inside, place = _counted(body), {symbol: n for n, symbol in enumerate(body.inputs)}
    pairs = ((n, inside.get(symbol)) for n, symbol in enumerate(body.outputs))
    return {n: place[symbol] for n, symbol in pairs if symbol in place}
