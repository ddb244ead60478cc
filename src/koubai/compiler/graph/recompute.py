"""Large results that are needed again much later are made again instead of kept, where that is cheap.

The softmax of attention is such a result: it grows with the square of a sequence's length, the queries and keys that it
is made of only with the length. Together with strips (see `schedule/strips.py`) neither it nor the scores exist for the
whole batch, in the forward pass or in the backward pass.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from dataclasses import replace

from koubai.ops.contraction import matmul
from koubai.ops.graph import Graph, Node, prune
from koubai.ops.op import Kind, Symbol

LONG = 3  # products between two uses, after which a result has left the caches
LARGER = 2  # times as many bytes as the factors of a product its result must have at least
TERMS = 32  # of a sum for each of those times: adding up must cost less than the memory for it does
SMALL = 4  # times fewer bytes than the result: what is kept all the same
DEEPEST = 128  # terms of a sum that is cheap to add up again
_VIEWS = {"permute", "reshape", "expand"}


def with_recomputation(graph: Graph, cache: int) -> Graph:
    """Return a graph that makes results again instead of keeping them for long.

    Args:
        graph: a program.
        cache: the bytes of a processor's own cache; what is smaller is kept.
    """
    again = _Again(graph, cache)
    return again.graph() if again.late else graph


class _Again:
    """Which results are made again, for whom.

    Attributes:
        late: for each result that is made again the number of the first node that uses the new one.
    """

    def __init__(self, graph: Graph, cache: int) -> None:
        self.old = graph
        self.maker = {symbol: node for node in graph.nodes for symbol in node.outputs}
        self.products = [n for n, node in enumerate(graph.nodes) if node.op.kind is Kind.CONTRACTION]
        uses: dict[Symbol, list[int]] = {}
        for number, node in enumerate(graph.nodes):
            for symbol in dict.fromkeys(node.inputs):
                uses.setdefault(symbol, []).append(number)
        large = (s for s in uses if bytes_of(s) > cache and s in self.maker and s not in graph.outputs)
        self.late = {s: at for s in large if (at := self._late_use(uses[s])) and self._is_worth(s)}

    def _late_use(self, uses: list[int]) -> int | None:
        """Return the first of the nodes that use a result long after the ones before it; None if there is none."""
        for before, after in itertools.pairwise(uses):
            if bisect_left(self.products, after) - bisect_left(self.products, before + 1) >= LONG:
                return after
        return None

    def _is_worth(self, symbol: Symbol) -> bool:
        """Whether a result is made of a product that can be made again, and of nothing else that is large."""
        found = self._chain(symbol, bytes_of(symbol) / SMALL)
        return found is not None and any(node.op is matmul for node in found)

    def _chain(self, symbol: Symbol, small: float) -> list[Node] | None:
        """Return the nodes that make a result of what is kept; None if that takes too much."""
        node = self.maker.get(symbol)
        if node is None or bytes_of(symbol) <= small:
            return []
        if node.op is matmul:
            return [node] if _is_cheap(node) else None
        if node.op.kind is not Kind.MAP and node.op.name not in _VIEWS:
            return None
        chains = [self._chain(s, small) for s in node.inputs]
        if any(chain is None for chain in chains):
            return None
        return [*(n for chain in chains for n in chain or ()), node]

    def graph(self) -> Graph:
        """Return the new graph."""
        new = Graph(list(self.old.inputs), dict(self.old.constants))
        again: dict[Symbol, Symbol] = {}

        def made(symbol: Symbol, small: float) -> Symbol:
            """Make a result again, or return it if it is kept."""
            node = self.maker.get(symbol)
            if node is None or bytes_of(symbol) <= small:
                return symbol
            if symbol not in again:
                inputs = [s if node.op is matmul else made(s, small) for s in node.inputs]
                again.update(zip(node.outputs, new.add(node.op, inputs, node.attributes)))
            return again[symbol]

        for number, node in enumerate(self.old.nodes):
            inputs = [
                made(s, bytes_of(s) / SMALL) if number >= self.late.get(s, math.inf) else s
                for s in node.inputs
            ]
            new.nodes.append(replace(node, inputs=tuple(inputs)))
        new.outputs = list(self.old.outputs)
        return prune(new)


def _is_cheap(product: Node) -> bool:
    """Whether a product is cheap to make again: much larger than its factors, and each element a short sum."""
    left, right = product.inputs
    factors, terms = bytes_of(left) + bytes_of(right), left.shape[-1]
    return terms <= DEEPEST and bytes_of(product.outputs[0]) >= max(LARGER, terms / TERMS) * factors


def bytes_of(symbol: Symbol) -> int:
    """Return how much memory a result takes."""
    return symbol.size * symbol.dtype.itemsize
