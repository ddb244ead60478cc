"""A program as data: a list of ops on symbols, which is what tracing yields, and its interpreter.

The interpreter runs a graph op by op on arrays. It is the reference that every compiled program is compared with.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from koubai.arrays import NUMPY, Array, brought, library_of, together
from koubai.ops.op import Op, Symbol


@dataclass(slots=True, eq=False)
class Node:
    """One op in a graph: `outputs = op(*inputs, **attributes)`; none changes once it is made."""

    op: Op
    inputs: tuple[Symbol, ...]
    attributes: dict[str, Any]
    outputs: tuple[Symbol, ...]


@dataclass(eq=False)
class Graph:
    """A straight-line program: nodes in an order in which they can run.

    Attributes:
        inputs: the symbols that get values from outside, in order.
        constants: symbols whose arrays are part of the program.
        nodes: the ops.
        outputs: the symbols that the program returns, in order.
    """

    inputs: list[Symbol] = field(default_factory=list)
    constants: dict[Symbol, Array] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    outputs: list[Symbol] = field(default_factory=list)

    def add(self, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> tuple[Symbol, ...]:
        """Append an op and return the symbols of its results."""
        outputs = results_of(op, inputs, attributes)
        self.nodes.append(Node(op, tuple(inputs), attributes, outputs))
        return outputs

    def one(self, op: Op, inputs: Sequence[Symbol], **attributes: Any) -> Symbol:
        """Append an op that has one result, and return that."""
        (output,) = self.add(op, inputs, attributes)
        return output

    def __str__(self) -> str:
        names: dict[Symbol, str] = {}

        def name(symbol: Symbol) -> str:
            return names.setdefault(symbol, f"%{len(names)}")

        lines = [f"inputs {', '.join(f'{name(s)}: {s}' for s in self.inputs)}"]
        lines += [f"{name(s)}: {s} = constant" for s in self.constants]
        for node in self.nodes:
            arguments = [name(s) for s in node.inputs]
            arguments += [f"{key}={_brief(value)}" for key, value in node.attributes.items()]
            results = ", ".join(f"{name(s)}: {s}" for s in node.outputs)
            lines.append(f"{results} = {node.op.name}({', '.join(arguments)})")
        return "\n".join([*lines, f"return {', '.join(map(name, self.outputs))}"])


def results_of(op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> tuple[Symbol, ...]:
    """Return new symbols for the results of an op."""
    inferred = op.infer(*inputs, **attributes)
    return inferred if isinstance(inferred, tuple) else (inferred,)


def comparable(attributes: Mapping[str, Any]) -> Hashable:
    """Return what is equal for equal attributes only, True and 1 not being equal; None if that cannot be told."""
    key = tuple([(name, type(value), _written(value)) for name, value in attributes.items()])
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _written(value: Any) -> Any:
    """Return a number as text, in which -0.0 is not 0.0."""
    return repr(value) if isinstance(value, float) else value


def _brief(value: Any) -> str:
    """Write an attribute on one line; a nested graph only by its size."""
    return f"<graph of {len(value.nodes)} ops>" if isinstance(value, Graph) else repr(value)


def prune(graph: Graph) -> Graph:
    """Return `graph` without the nodes and constants that no output needs."""
    needed = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    constants = {symbol: array for symbol, array in graph.constants.items() if symbol in needed}
    return Graph(graph.inputs, constants, kept[::-1], graph.outputs)


def in_order(nodes: Sequence[Node]) -> list[Node]:
    """Return nodes in an order in which they can run: in the given one, but none before what makes its inputs."""
    missing = {symbol for node in nodes for symbol in node.outputs}
    waiting: dict[Symbol, list[Node]] = {}
    ordered: list[Node] = []

    def append(node: Node) -> None:
        unmade = next((symbol for symbol in node.inputs if symbol in missing), None)
        if unmade is not None:
            waiting.setdefault(unmade, []).append(node)
            return
        ordered.append(node)
        missing.difference_update(node.outputs)
        for symbol in node.outputs:
            for other in waiting.pop(symbol, ()):
                append(other)

    for node in nodes:
        append(node)
    return ordered


def interpret(
    graph: Graph, arrays: Iterable[Array], idle: Sequence[Sequence[Symbol]] | None = None
) -> list[Array]:
    """Run `graph` on `arrays`, one for each input, and return the arrays of its outputs.

    An array is let go behind the last op that reads it.

    Args:
        graph: the program.
        arrays: the values of its inputs.
        idle: what `idle_behind` returns for the graph, if it is known already.
    """
    arrays = list(arrays)
    library = library_of(arrays)
    xp = library.namespace
    if library is not NUMPY:
        graph, arrays = place_constants(graph, arrays), together("a program", library, arrays)[0]
    values: dict[Symbol, Array] = dict(graph.constants)
    values.update(zip(graph.inputs, arrays, strict=True))
    with np.errstate(all="ignore"):
        for node, done in zip(graph.nodes, idle_behind(graph) if idle is None else idle):
            result = node.op.forward(xp, *[values[symbol] for symbol in node.inputs], **node.attributes)
            results = result if isinstance(result, tuple) else (result,)
            for symbol, array in zip(node.outputs, results):
                values[symbol] = xp.asarray(array)
            for symbol in done:
                del values[symbol]
    return [values[symbol] for symbol in graph.outputs]


def place_constants(graph: Graph, arrays: Sequence[Array]) -> Graph:
    """Return `graph` with its constants where `arrays` live."""
    library = library_of(arrays)
    if library is NUMPY:
        return graph
    _, number = together("a program", library, arrays)
    constants = dict(zip(graph.constants, brought(library, number, graph.constants.values())))
    return Graph(graph.inputs, constants, graph.nodes, graph.outputs)


def idle_behind(graph: Graph) -> list[list[Symbol]]:
    """Return for each node the symbols that nothing reads behind it."""
    needed = set(graph.outputs)
    idle: list[list[Symbol]] = []
    for node in reversed(graph.nodes):
        idle.append([s for s in dict.fromkeys((*node.inputs, *node.outputs)) if s not in needed])
        needed.update(node.inputs)
    return idle[::-1]
