"""A graph of many equal layers as one of few: only these are compiled; `schedule/lengthen.py` puts the others back."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from koubai.compiler.graph.draws import Draw, with_draws_apart
from koubai.compiler.layers import Layers, NotAlike
from koubai.ops.graph import Graph, Node, comparable, prune
from koubai.ops.op import Kind, Symbol

KEPT = 6  # layers: the outermost are merged with what is around them, and the inner ones must still be equal

Updates = list[tuple[int, Symbol]]  # (position among the outputs, state that takes the value)


@dataclass
class Shortened:
    """A graph without some of its layers.

    Attributes:
        graph: the smaller graph.
        updates: the positions of new values among its outputs, and the states that take them.
        place: the new positions of the other outputs.
        missing: how many layers were left out.
        chains: inputs that take each other's place from layer to layer: those of the smaller graph, and all of them.
        draws: random draws whose states are inputs, of all layers.
    """

    graph: Graph
    updates: Updates
    place: dict[int, int]
    missing: int = 0
    chains: list[tuple[list[Symbol], list[Symbol]]] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)


def unshortened(graph: Graph, updates: Updates) -> Shortened:
    """Return a graph with all its layers."""
    return Shortened(graph, updates, {at: at for at in range(len(graph.outputs))})


def shortened(graph: Graph, updates: Updates, results: Sequence[int]) -> Shortened:
    """Return a graph without most of its equal layers, or as it is if there are few.

    Args:
        graph: the program.
        updates: which of its outputs are new values of which state.
        results: the positions of the other outputs that are wanted.
    """
    apart, draws = with_draws_apart(graph)
    items = [*_items(apart, updates), *(_Item(object(), (), (apart.outputs[at],), ()) for at in results)]
    try:
        layers = Layers([item.key for item in items], [item.names for item in items])
        if layers.count > KEPT:
            _check_anchored(items, layers, set(apart.inputs))
            return replace(_without(apart, updates, results, layers, items), draws=draws)
    except NotAlike:
        pass
    return unshortened(graph, updates)


@dataclass(slots=True)
class _Item:
    """A node with the states that take what it makes; or without a node what some state takes, or a result.

    Attributes:
        key: what equal nodes of equal layers have in common.
        inputs, outputs: of the node.
        takers: (number of an output, state that takes it) pairs.
        node: None if there is none.
    """

    key: Hashable
    inputs: tuple[Symbol, ...]
    outputs: tuple[Symbol, ...]
    takers: tuple[tuple[int, Symbol], ...]
    node: Node | None = None

    @property
    def names(self) -> tuple[Symbol, ...]:
        """All symbols, in this order."""
        return (*self.inputs, *self.outputs, *[state for _, state in self.takers])

    def renamed(self, names: Sequence[Symbol]) -> _Item:
        """Return the same item with other symbols."""
        one, two = len(self.inputs), len(self.inputs) + len(self.outputs)
        takers = tuple((n, state) for (n, _), state in zip(self.takers, names[two:]))
        return replace(self, inputs=tuple(names[:one]), outputs=tuple(names[one:two]), takers=takers)


def _items(graph: Graph, updates: Updates) -> list[_Item]:
    """Return a graph and its updates as a list of items."""
    constants, inputs = _equal_constants(graph), set(graph.inputs)
    takers: dict[Symbol, list[Symbol]] = {}
    for at, state in updates:
        takers.setdefault(graph.outputs[at], []).append(state)
    items = [_item(node, constants, takers) for node in graph.nodes]
    for item, node in zip(items, graph.nodes):
        if node.op.kind is Kind.RANDOM and node.inputs[0] not in inputs:
            item.key = object()  # it counts on from another draw, so a later layer's kernels count further
    made = {symbol for item in items for symbol in item.outputs}
    for symbol, states in takers.items():
        if symbol not in made:
            items.append(_Item(object(), (), (symbol,), tuple((0, state) for state in states)))
    return items


def _item(node: Node, constants: dict[Symbol, Symbol], takers: dict[Symbol, list[Symbol]]) -> _Item:
    inputs, outputs = node.inputs, node.outputs
    fixed: tuple[tuple[int, Symbol], ...] = ()
    taking: tuple[tuple[int, Symbol], ...] = ()
    if not constants.keys().isdisjoint(inputs):
        inputs = tuple([constants.get(symbol, symbol) for symbol in inputs])
        fixed = tuple([(n, symbol) for n, symbol in enumerate(inputs) if symbol in constants])
    if not takers.keys().isdisjoint(outputs):
        taking = tuple([(n, state) for n, s in enumerate(outputs) if s in takers for state in takers[s]])
    forms = [form for symbol in inputs for form in (symbol.shape, symbol.dtype)]
    key = (node.op, _attributes(node), fixed, *forms, *[n for n, _ in taking])
    return _Item(key, inputs, outputs, taking, node)


def _attributes(node: Node) -> Hashable:
    key = comparable(node.attributes) if node.attributes else ()
    return object() if key is None else key


def _equal_constants(graph: Graph) -> dict[Symbol, Symbol]:
    """Return for each constant the first one that is equal."""
    known: dict[Hashable, Symbol] = {}
    return {
        symbol: known.setdefault((array.dtype, array.shape, array.tobytes()), symbol)
        for symbol, array in graph.constants.items()
    }


def _check_anchored(items: list[_Item], layers: Layers[Symbol], inputs: set[Symbol]) -> None:
    """Make sure that all that layers compute rests on inputs of their own, or is the same in all layers.

    Kernels of several layers that are merged then show it by the inputs that they read. They would not if each layer
    only took, say, the sine of what the layer before has made.

    Raises:
        NotAlike: if it does not.
    """
    layer = [items[n] for n in layers.inner()]
    flows = [(_chains(item.inputs, layers), _chains(item.outputs, layers)) for item in layer]
    anchored = {n for n, chain in enumerate(layers.chains) if inputs.issuperset(chain)}
    steady: set[int] = set()
    count = -1
    while count < len(anchored):  # what a layer reads of the one before may be anchored further on
        count = len(anchored)
        for sources, results in flows:
            if sources & anchored:
                anchored |= results
            elif sources <= steady:
                steady |= results
    if any(not results <= anchored | steady for _, results in flows):
        raise NotAlike


def _chains(symbols: Sequence[Symbol], layers: Layers[Symbol]) -> set[int]:
    return {n for symbol in symbols if (n := layers.chain_of(symbol)) is not None}


def _without(
    graph: Graph, updates: Updates, results: Sequence[int], layers: Layers[Symbol], items: list[_Item]
) -> Shortened:
    """Return the graph without most of its layers, those in the middle.

    Raises:
        NotAlike: if some layers read inputs where others read results.
    """
    missing = layers.count - KEPT
    cuts = [(len(chain) - missing) // 2 for chain in layers.chains]
    chains = [[*chain[:cut], *chain[cut + missing :]] for chain, cut in zip(layers.chains, cuts)]
    gone = {s for chain, cut in zip(layers.chains, cuts) for s in chain[cut : cut + missing]}
    inputs = set(graph.inputs)
    given = [(few, all_) for few, all_ in zip(chains, layers.chains) if inputs.issuperset(all_)]
    if not inputs.intersection(gone).issubset(symbol for _, all_ in given for symbol in all_):
        raise NotAlike
    kept = [items[n].renamed(names) for n, names in layers.deepened(-missing, chains)]
    nodes = [replace(i.node, inputs=i.inputs, outputs=i.outputs) for i in kept if i.node is not None]
    taken = {state: item.outputs[n] for item in kept for n, state in item.takers}
    new = [(taken[state], state) for _, state in updates if state in taken]
    smaller = Graph([s for s in graph.inputs if s not in gone], dict(graph.constants), nodes)
    idle = [s for s in graph.outputs if s not in gone]  # gradients nobody asks for, and those above once more
    smaller.outputs = [*(graph.outputs[at] for at in results), *(symbol for symbol, _ in new), *idle]
    places = [(at, state) for at, (_, state) in enumerate(new, len(results))]
    return Shortened(prune(smaller), places, {at: n for n, at in enumerate(results)}, missing, given)
