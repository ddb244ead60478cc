"""Rows that were gathered from a small table: work on the table first, then gather.

An embedding of 65 characters that feeds a layer is multiplied 65 times instead of once for every character of the
text, and so the bias is added. The same holds for the gradients: the rows' gradients are added up by character before
they are multiplied, or added up for the bias; not where a product rounds its factors, because it would round the sums
instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from koubai.compiler.graph.simplify import Rebuilder, Rule, is_zero
from koubai.ops.contraction import matmul
from koubai.ops.gather import index, index_add
from koubai.ops.graph import Graph, Node, in_order
from koubai.ops.movement import expand, inverse, permute, reshape
from koubai.ops.op import Op, Symbol
from koubai.ops.reduce import sum_

WORTH = 2  # how many times more rows than the table has there must be
Makers = Mapping[Symbol, Node]


def _unmoved(maker: Makers, rows: Symbol) -> tuple[Symbol, list[Node]]:
    """Return rows before all reshapes and permutations that leave each row whole, and these, the last one first."""
    moves = []
    while (node := maker.get(rows)) is not None and node.op in (reshape, permute):
        source = node.inputs[0]
        if source.ndim < 2 or source.shape[-1] != rows.shape[-1]:
            break
        if node.op is permute and node.attributes["dims"][-1] != source.ndim - 1:
            break
        moves.append(node)
        rows = source
    return rows, moves


# --- rules ------------------------------------------------------------------------------------------------------


def _gathered(new: Rebuilder, rows: Symbol) -> tuple[Symbol, Symbol] | None:
    """Return (table, positions) if `rows` (…, F) are rows of a table (V, F), in whatever shape they were gathered."""
    source, moves = _unmoved(new.maker, rows)
    node = new.maker.get(source)
    if node is None or node.op is not index or node.attributes["dim"] != 0 or node.inputs[0].ndim != 2:
        return None
    table, positions = node.inputs
    for move in reversed(moves):
        if move.op is permute:
            positions = new.one(permute, [positions], dims=move.attributes["dims"][:-1])
        else:
            positions = new.one(reshape, [positions], shape=tuple(move.outputs[0].shape[:-1]))
    return (table, positions) if positions.size >= WORTH * table.shape[0] else None


def _summed(new: Rebuilder, table: Symbol, positions: Symbol, rows: Symbol) -> Symbol:
    """Add up rows (R, N) by position: (V, N)."""
    zero = new.constant(np.zeros((), rows.dtype))
    zeros = new.one(expand, [zero], shape=(table.shape[0], rows.shape[1]))
    return new.one(index_add, [zeros, positions, rows], dim=0)


def _product(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    """table[i] · W = (table · W)[i], and table[i]ᵀ · G = tableᵀ · (G added up by i)."""
    a, b = inputs
    if a.ndim != 2 or b.ndim != 2:
        return None
    found = _gathered(new, a)
    if found is not None:
        table, positions = found
        return new.one(index, [new.one(matmul, [table, b], **attributes), positions], dim=0)
    node = new.maker.get(a)
    if node is None or node.op is not permute or attributes:
        return None
    found = _gathered(new, node.inputs[0])
    if found is None:
        return None
    table, positions = found
    turned = new.one(permute, [table], dims=(1, 0))
    return new.one(matmul, [turned, _summed(new, table, positions, b)])


def _bias(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    """table[i] + b = (table + b)[i]."""
    for rows, bias in (inputs, inputs[::-1]):
        if bias.ndim == 1 and rows.ndim >= 2 and rows.shape[-1] == bias.shape[0]:
            found = _gathered(new, rows)
            if found is not None:
                table, positions = found
                return new.one(index, [new.one(op, [table, bias], **attributes), positions], dim=0)
    return None


def _scatter(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    """(G · W) added up by i = (G added up by i) · W."""
    target, positions, rows = inputs
    if attributes["dim"] != 0 or target.ndim != 2 or not is_zero(new.graph, new.maker, target):
        return None
    rows, moves = _unmoved(new.maker, rows)
    node = new.maker.get(rows)
    if node is None or node.op is not matmul or node.attributes:
        return None
    if rows.ndim != 2 or rows.shape[0] < WORTH * target.shape[0]:
        return None
    left, right = node.inputs
    if left.ndim != 2 or right.ndim != 2:
        return None
    for move in moves:
        if move.op is permute:
            positions = new.one(permute, [positions], dims=inverse(move.attributes["dims"][:-1]))
        else:
            positions = new.one(reshape, [positions], shape=tuple(move.inputs[0].shape[:-1]))
    return new.one(matmul, [_summed(new, target, positions, left), right])


RULES: dict[str, Rule] = {"matmul": _product, "add": _bias, "index_add": _scatter}


# --- sums of all rows -------------------------------------------------------------------------------------------


def with_sums_of_sums(graph: Graph) -> Graph:
    """Return a graph that adds up what was added up by position where it added up all rows once more."""
    maker = {symbol: node for node in graph.nodes for symbol in node.outputs}
    by_position = {
        _unmoved(maker, node.inputs[2])[0]: node for node in graph.nodes if _adds_all_up(maker, graph, node)
    }
    known = {*graph.inputs, *graph.constants}
    nodes: list[Node] = []
    for node in graph.nodes:
        shorter = by_position.get(_unmoved(maker, node.inputs[0])[0]) if _is_of_all_rows(node) else None
        if shorter is not None and shorter.inputs[1] in known:
            nodes += _sum_of_rows(shorter.outputs[0], node.outputs[0])
        else:
            nodes.append(node)
        known.update(node.outputs)
    return Graph(graph.inputs, graph.constants, in_order(nodes) if by_position else nodes, graph.outputs)


def _adds_all_up(maker: Makers, graph: Graph, node: Node) -> bool:
    """Whether a node adds up rows (…, N) by position, all of them, and there are far fewer sums than rows."""
    if node.op is not index_add or node.attributes["dim"] != 0:
        return False
    target, positions, _ = node.inputs
    few = target.ndim == 2 and positions.size >= WORTH * target.shape[0]
    return few and is_zero(graph, maker, target)


def _is_of_all_rows(node: Node) -> bool:
    """Whether a node is a sum over all dimensions but the last one."""
    return node.op is sum_ and sorted(node.attributes["dims"]) == list(range(node.inputs[0].ndim - 1))


def _sum_of_rows(rows: Symbol, result: Symbol) -> list[Node]:
    """Return the nodes that add up rows (V, N) to a result of N elements."""
    total = Symbol((rows.shape[1],), rows.dtype)
    add_up = Node(sum_, (rows,), {"dims": (0,), "keepdim": False}, (total,))
    return [add_up, Node(reshape, (total,), {"shape": result.shape}, (result,))]
