"""How state lies in memory: the way the first product that uses it wants it.

The right factor of a product must have its columns side by side. A weight that a layer reads transposed is therefore
kept transposed; who asks for its value gets it in the shape and order that the program sees. Few columns would leave
lanes of vectors empty, most of all in the weight's gradient: such a weight stays, and is transposed for that product
alone. What an optimizer remembers of a weight lies as the weight does, because an update runs along both.
"""

from __future__ import annotations

from collections.abc import Mapping

from koubai.compiler.language.buffer import Buffer, Home
from koubai.ops.graph import Graph, Node
from koubai.ops.op import Kind, Symbol

_RIGHT = {"matmul": 1, "convolution_last": 1}
LANES = 16  # of the widest vectors
_WASTE = 1.1  # times as many lanes as columns


def prefer_orders(graph: Graph, buffers: Mapping[Symbol, Buffer]) -> None:
    """Set the order of the dimensions of all state in `buffers`."""
    done: set[Symbol] = set()
    _visit(graph, {symbol: symbol for symbol in buffers}, buffers, done)
    _follow(graph, buffers, done)


def _follow(graph: Graph, buffers: Mapping[Symbol, Buffer], done: set[Symbol]) -> None:
    """Give state the order of other state that it is combined with element by element."""
    leader: dict[Symbol, Symbol] = {}

    def find(symbol: Symbol) -> Symbol:
        while (above := leader.get(symbol, symbol)) is not symbol:
            symbol = above
        return symbol

    for node in graph.nodes:
        if node.op.kind is Kind.MAP:
            out = node.outputs[0]
            for symbol in node.inputs:
                if symbol.shape == out.shape and find(symbol) is not find(out):
                    leader[find(symbol)] = find(out)
    orders = {find(symbol): buffers[symbol].order for symbol in done}
    for symbol in buffers:
        if find(symbol) in orders:
            _set(buffers, done, symbol, orders[find(symbol)])


def _visit(
    graph: Graph, outside: Mapping[Symbol, Symbol], buffers: Mapping[Symbol, Buffer], done: set[Symbol]
) -> None:
    maker: dict[Symbol, Node] = {s: node for node in graph.nodes for s in node.outputs}
    for node in graph.nodes:
        if node.op.name == "scan":
            body = node.attributes["loop"].body
            seen = {i: _state_behind(s, maker, outside) for i, s in zip(body.inputs, node.inputs)}
            whole = {i: s[0] for i, s in seen.items() if s is not None and s[1] == tuple(range(i.ndim))}
            _visit(body, whole, buffers, done)
            for inner, found in seen.items():
                if found is not None and found[0] not in done and _is_right_factor(body, inner):
                    _set(buffers, done, *found)
        if node.op.name in _RIGHT:
            found = _state_behind(node.inputs[_RIGHT[node.op.name]], maker, outside)
            if found is not None:
                _set(buffers, done, *found)


def _is_right_factor(body: Graph, symbol: Symbol) -> bool:
    return any(n.op.name in _RIGHT and n.inputs[_RIGHT[n.op.name]] is symbol for n in body.nodes)


def _set(buffers: Mapping[Symbol, Buffer], done: set[Symbol], symbol: Symbol, dims: tuple[int, ...]) -> None:
    if symbol not in done and buffers[symbol].home is Home.STATE:
        fits = symbol.ndim != 2 or fill(symbol.shape[dims[-1]], symbol.shape[-1])
        buffers[symbol].order = dims if fits else (0, 1)
        done.add(symbol)


def fill(columns: int, others: int) -> bool:
    """Whether so many columns fill vectors about as well as so many others would.

    Example:
        >>> fill(10, 128), fill(1000, 128)
        (False, True)
    """
    wanted, instead = (-(-count // LANES) * LANES / count for count in (columns, others))
    return wanted <= _WASTE * instead


def _state_behind(
    symbol: Symbol, maker: Mapping[Symbol, Node], outside: Mapping[Symbol, Symbol]
) -> tuple[Symbol, tuple[int, ...]] | None:
    """Return the state that a symbol is a permutation of, and the permutation."""
    dims = tuple(range(symbol.ndim))
    while (node := maker.get(symbol)) is not None and node.op.name == "permute":
        before = node.attributes["dims"]
        dims = tuple(before[d] for d in dims)
        symbol = node.inputs[0]
    return (outside[symbol], dims) if symbol in outside else None
