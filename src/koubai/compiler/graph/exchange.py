"""Products of rows that were gathered from a small table: multiply the table first, then gather.

An embedding of 65 characters that feeds a layer is multiplied 65 times instead of once for every character of the
text. The same holds for both gradients: the rows' gradients are added up by character before they are multiplied; not
where a product rounds its factors, because it would round the sums instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koubai.compiler.graph.simplify import Rebuilder, Rule
from koubai.ops.contraction import matmul
from koubai.ops.gather import index, index_add
from koubai.ops.movement import expand, inverse, permute, reshape
from koubai.ops.op import Op, Symbol

WORTH = 2  # how many times more rows than the table has there must be


def _gathered(new: Rebuilder, rows: Symbol) -> tuple[Symbol, Symbol] | None:
    """Return (table, positions) if `rows` (R, F) are rows of a table (V, F), in whatever shape they were gathered."""
    moves = []
    symbol = rows
    while (node := new.maker.get(symbol)) is not None and node.op in (reshape, permute):
        source = node.inputs[0]
        if source.ndim < 2 or source.shape[-1] != symbol.shape[-1]:
            return None
        if node.op is permute and node.attributes["dims"][-1] != source.ndim - 1:
            return None
        moves.append(node)
        symbol = source
    if node is None or node.op is not index or node.attributes["dim"] != 0 or node.inputs[0].ndim != 2:
        return None
    table, positions = node.inputs
    for move in reversed(moves):
        if move.op is permute:
            positions = new.one(permute, [positions], dims=move.attributes["dims"][:-1])
        else:
            positions = new.one(reshape, [positions], shape=tuple(move.outputs[0].shape[:-1]))
    return (table, positions) if rows.shape[0] >= WORTH * table.shape[0] else None


def _summed(new: Rebuilder, table: Symbol, positions: Symbol, rows: Symbol) -> Symbol:
    """Add up rows (R, N) by position: (V, N)."""
    import numpy as np

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


def _scatter(new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol | None:
    """(G · W) added up by i = (G added up by i) · W."""
    target, positions, rows = inputs
    if attributes["dim"] != 0 or target.ndim != 2 or not _is_zero(new, target):
        return None
    while (node := new.maker.get(rows)) is not None and node.op in (reshape, permute):
        source = node.inputs[0]
        if source.ndim < 2 or source.shape[-1] != rows.shape[-1]:
            return None
        if node.op is permute:
            if node.attributes["dims"][-1] != source.ndim - 1:
                return None
            positions = new.one(permute, [positions], dims=inverse(node.attributes["dims"][:-1]))
        else:
            positions = new.one(reshape, [positions], shape=tuple(source.shape[:-1]))
        rows = source
    if node is None or node.op is not matmul or node.attributes:
        return None
    if rows.ndim != 2 or rows.shape[0] < WORTH * target.shape[0]:
        return None
    left, right = node.inputs
    if left.ndim != 2 or right.ndim != 2:
        return None
    return new.one(matmul, [_summed(new, target, positions, left), right])


def _is_zero(new: Rebuilder, symbol: Symbol) -> bool:
    node = new.maker.get(symbol)
    if node is not None and node.op is expand:
        symbol = node.inputs[0]
    array = new.graph.constants.get(symbol)
    return array is not None and not array.any()


RULES: dict[str, Rule] = {"matmul": _product, "index_add": _scatter}
