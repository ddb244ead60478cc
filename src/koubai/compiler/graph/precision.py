"""Which precision the products of a program have."""

from __future__ import annotations

from dataclasses import replace

from koubai import dtypes
from koubai.compiler.runtime.target import Target
from koubai.ops.bfloat16 import BF16
from koubai.ops.graph import Graph, Node
from koubai.ops.op import Kind

FLOAT32 = "float32"
PRECISIONS = (FLOAT32, BF16)


def check_precision(precision: str, target: Target | None = None) -> None:
    """Make sure that there is such a precision, and that a processor has it.

    Raises:
        ValueError: if not.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"no precision is called {precision!r}; there are {' and '.join(PRECISIONS)}")
    if precision == BF16 and target is not None and not target.has_bf16:
        raise ValueError(
            f'precision="bf16" needs the instructions AVX512-BF16 (Intel from Sapphire Rapids on, AMD from Zen 4 '
            f'on), which the processor {target.cpu} does not have; precision="float32" runs everywhere'
        )


def with_precision(graph: Graph, precision: str) -> Graph:
    """Return the graph with all products of float32, those in loops and calls too, in another precision.

    Args:
        graph: a program.
        precision: "bf16" for factors that are rounded to bfloat16, "float32" for those that are not.
    """
    bodies: dict[Graph, Graph] = {}  # calls of one body stay calls of one
    nodes = [_with_precision(node, precision, bodies) for node in graph.nodes]
    return Graph(graph.inputs, graph.constants, nodes, graph.outputs)


def _with_precision(node: Node, precision: str, bodies: dict[Graph, Graph]) -> Node:
    attributes = dict(node.attributes)
    if "loop" in attributes:
        loop = attributes["loop"]
        attributes["loop"] = replace(loop, body=with_precision(loop.body, precision))
    elif "body" in attributes:
        body = attributes["body"]
        if body not in bodies:
            bodies[body] = with_precision(body, precision)
        attributes["body"] = bodies[body]
    elif node.op.kind is not Kind.CONTRACTION:
        return node
    attributes.pop("precision", None)
    if precision != FLOAT32 and node.op.kind is Kind.CONTRACTION and node.outputs[0].dtype == dtypes.float32:
        attributes["precision"] = precision
    return replace(node, attributes=attributes)
