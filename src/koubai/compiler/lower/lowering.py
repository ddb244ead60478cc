"""From a graph of ops to kernels: what is stored, and the expression of every stored element.

A result is either stored in a buffer or written into the expressions that use it. Stored are the program's results,
what NumPy or a product or a reduction needs or gives, and what would be expensive to compute more than once. An image
that is only padded to be read by a convolution is stored in its padded form right away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.arrays import Array
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import Expression, apply, constant, draw, load, whole
from koubai.compiler.language.index import Axis, Index, Position
from koubai.compiler.language.kernel import Kernel, Loops, Stage, Store
from koubai.compiler.lower import movement, windows
from koubai.compiler.lower.choice import Choice
from koubai.compiler.lower.movement import Guard, Indices, broadcast
from koubai.ops.graph import Graph, Node
from koubai.ops.op import Kind, Symbol

Reader = Callable[[Indices, Guard], Expression]


class Lowering:
    """A graph that is being lowered.

    Args:
        graph: the program, or the body of a loop.
        inputs: how the elements of each input are read.
        prefix: of the names of its kernels and buffers.

    Attributes:
        kernels: what has to be done, in an order in which it can be.
        buffers: where stored symbols are.
        shared: buffers that lie in the memory of others.
        outside: for the body of a loop, the program around it, and which of the body's inputs, the same at all
            times, are which of its symbols.
    """

    def __init__(self, graph: Graph, inputs: Mapping[Symbol, Reader], prefix: str = "") -> None:
        self.graph = graph
        self.prefix = prefix
        self.maker: dict[Symbol, Node] = {s: node for node in graph.nodes for s in node.outputs}
        self.kernels: list[Kernel] = []
        self.buffers: dict[Symbol, Buffer] = {}
        self._readers: dict[Symbol, Reader] = dict(inputs)
        self._known: dict[tuple[Any, ...], Expression] = {}
        self.shared: dict[Buffer, Buffer] = {}
        self._copies: dict[Symbol, Buffer] = {}
        self.outside: tuple[Lowering, dict[Symbol, Symbol]] | None = None
        self._names = 0
        self.choice = Choice(graph)
        self._padded = self._padded_images()
        for symbol in self.choice.stored:
            if symbol not in self._readers:
                self._give_buffer(symbol)

    # --- reading ----------------------------------------------------------------------------------------------

    def at(self, symbol: Symbol, indices: Iterable[Index], guard: Guard = None) -> Expression:
        """Return the expression of one element of `symbol`."""
        indices = tuple(indices)
        key = (symbol, indices, guard)
        if key not in self._known:
            reader = self._readers.get(symbol)
            if reader is not None:
                self._known[key] = reader(indices, guard)
            elif symbol in self.graph.constants:
                self._known[key] = self._constant(symbol, indices, guard)
            else:
                self._known[key] = self.compute(symbol, indices, guard)
        return self._known[key]

    def compute(self, symbol: Symbol, indices: Indices, guard: Guard = None) -> Expression:
        """Return the expression of one element, computed from the inputs of the op that makes it."""
        node = self.maker[symbol]
        name = node.op.name
        if name in movement.RULES:
            return movement.RULES[name](self, node, indices, guard)
        if name in windows.RULES:
            return windows.RULES[name](self, node, indices, guard)
        if name == "window_max":
            return windows.window_max(self, node, indices, guard)[node.outputs.index(symbol)]
        if name == "index":
            return self._gathered(node, indices, guard)
        if name == "uniform":
            return self._drawn(node, indices)
        assert node.op.kind is Kind.MAP, f"{name} is not computed element by element"
        parts = [self.at(x, broadcast(indices, x.shape), guard) for x in node.inputs]
        return apply(name, parts, node.outputs[0].dtype, node.attributes)

    def _constant(self, symbol: Symbol, indices: Indices, guard: Guard) -> Expression:
        """Return an element of a constant: a number where all are equal, a whole number where they rise evenly."""
        array = self.graph.constants[symbol]
        if array.size and (
            array.size == 1 or array.tobytes() == array.reshape(-1)[:1].tobytes() * array.size
        ):
            return constant(array.reshape(-1)[0], array.dtype)
        steps = even_steps(array) if array.dtype == dtypes.int64 else None
        if steps is not None:
            start = int(array.reshape(-1)[0])
            return whole(sum((i * step for i, step in zip(indices, steps)), Index((), start)))
        buffer = self.new_buffer(array.shape, array.dtype, home=Home.CONSTANT, array=array)
        self._readers[symbol] = lambda at, guard: load(buffer, at, guard)
        return load(buffer, indices, guard)

    def _gathered(self, node: Node, indices: Indices, guard: Guard) -> Expression:
        """Return an element that is read at a position that is data."""
        (x, i), dim = node.inputs, node.attributes["dim"]
        position = self.at(i, indices[dim : dim + i.ndim], guard)
        spot = as_index(position, x.shape[dim])
        return self.at(x, (*indices[:dim], spot, *indices[dim + i.ndim :]), guard)

    def _drawn(self, node: Node, indices: Indices) -> Expression:
        """Return a random number; its position in the draw is that of the element."""
        state, out = node.inputs[0], node.outputs[0]
        position = Index()
        for index, length in zip(indices, out.shape):
            position = position * length + index
        seed, count = (self.at(state, (Index((), i),)) for i in range(2))
        return draw(seed, count, position, out.dtype)

    # --- storing ----------------------------------------------------------------------------------------------

    def new_buffer(self, shape: tuple[int, ...], dtype: Any, name: str = "t", **more: Any) -> Buffer:
        """Return a new buffer with a name of its own."""
        return Buffer(self.fresh(name), tuple(shape), dtype, **more)

    def fresh(self, name: str) -> str:
        """Return a name that is not used yet."""
        self._names += 1
        return f"{self.prefix}{name}{self._names}"

    def is_used(self, symbol: Symbol) -> bool:
        """Whether anything reads a symbol."""
        return symbol in self.choice.users or symbol in self.graph.outputs

    def is_plain(self, symbol: Symbol) -> bool:
        """Whether a symbol has a buffer, which is no larger than the symbol."""
        buffer = self.buffers.get(symbol)
        return buffer is not None and buffer.shape == symbol.shape and buffer.border is None

    def read_from(self, symbol: Symbol, buffer: Buffer, place: Callable[[Indices], Indices]) -> None:
        """Let all reads of `symbol` go to a buffer, in which it lies at `place(indices)`."""
        self._readers[symbol] = lambda indices, guard: load(buffer, place(indices), guard)

    def _give_buffer(self, symbol: Symbol) -> None:
        node = self.maker[symbol]
        name = {Kind.MAP: "t", Kind.MOVEMENT: "v", Kind.REDUCE: "r", Kind.CONTRACTION: "c"}.get(
            node.op.kind, "u"
        )
        buffer = self.buffers[symbol] = self.new_buffer(symbol.shape, symbol.dtype, name)
        self.read_from(symbol, buffer, lambda indices: indices)
        if symbol in self._padded:
            base, place = self._padded[symbol]
            buffer.border = node.attributes["fill"]
            if base not in self._readers and base in self.maker:
                self.read_from(base, buffer, place)
                self.buffers[base] = buffer

    def _padded_images(self) -> dict[Symbol, tuple[Symbol, Callable[[Indices], Indices]]]:
        """Return for each stored padded image what it is made of, and where that stands in it."""
        found: dict[Symbol, tuple[Symbol, Callable[[Indices], Indices]]] = {}
        taken: set[Symbol] = set()
        for symbol in self.choice.stored:
            node = self.maker.get(symbol)
            if node is not None and node.op.name == "place":
                base, place = self._origin(node)
                if base not in taken and base not in self.graph.outputs:
                    found[symbol] = base, place
                    taken.add(base)
        # what is put into another padded image is no image of its own
        found = {symbol: origin for symbol, origin in found.items() if symbol not in taken}
        taken = {base for base, _ in found.values()}
        self.choice.stored = {s: None for s in self.choice.stored if s not in taken}
        return found

    def _origin(self, node: Node) -> tuple[Symbol, Callable[[Indices], Indices]]:
        """Return what a `place` puts, behind any permutations, and where its elements come to stand."""
        spans = node.attributes["spans"]

        def shifted(indices: Indices) -> Indices:
            return tuple(i * step + start for i, (start, _, step) in zip(indices, spans))

        base: Symbol = node.inputs[0]
        place: Callable[[Indices], Indices] = shifted
        while (made := self.maker.get(base)) is not None and made.op.name == "permute":
            base, place = made.inputs[0], _permuted(made.attributes["dims"], place)
        return base, place

    def lower(self) -> list[Kernel]:
        """Return the kernels of the whole graph."""
        from koubai.compiler.lower import anchors

        for node in self.graph.nodes:
            rule = anchors.rule_of(node, self.choice)
            if rule is not None:
                rule(self, node)
                continue
            for symbol in node.outputs:
                self._store(symbol)
        return self.kernels

    def _store(self, symbol: Symbol) -> None:
        """Add the kernel that fills the buffer of a symbol, if it has one, element by element."""
        if symbol not in self.buffers:
            return
        if symbol in self._padded:
            base, place = self._padded[symbol]
            if base not in self.buffers:  # an input of the program: it is copied
                self.add_map(self.buffers[symbol], base.shape, lambda i: self.at(base, i), place)
            return
        if self._stands_for_itself(symbol):
            self._store_one_by_one(symbol)
            return
        self.add_map(
            self.buffers[symbol],
            symbol.shape,
            lambda i: self.compute(symbol, i),
            lambda i: self.stored_at(symbol, i)[1],
        )

    def _stands_for_itself(self, symbol: Symbol) -> bool:
        """Whether the elements of a result are so many single numbers side by side."""
        node = self.maker[symbol]
        return node.op.name == "cat" and len(node.inputs) > 1 and all(x.size == 1 for x in node.inputs)

    def _store_one_by_one(self, symbol: Symbol) -> None:
        """Add a kernel that stores numbers side by side, without asking for each element which of them it is."""
        node, stores = self.maker[symbol], []
        for number, x in enumerate(node.inputs):
            at = tuple(Index((), number if dim == node.attributes["dim"] else 0) for dim in range(x.ndim))
            place = self.stored_at(symbol, at)[1]
            stores.append(Store(self.buffers[symbol], place, self.at(x, (Index(),) * x.ndim)))
        self.kernels.append(Loops(self.buffers[symbol].name, (), [Stage(stores=stores)]))

    def add_map(
        self,
        buffer: Buffer,
        shape: tuple[int, ...],
        value: Callable[[Indices], Expression],
        place: Callable[[Indices], Indices] = lambda indices: indices,
    ) -> None:
        """Add a kernel that stores `value(indices)` at `place(indices)`; none if there are no elements."""
        if 0 in shape:
            return
        axes = tuple(Axis(length) for length in shape)
        indices = tuple(map(Index.of, axes))
        store = Store(buffer, place(indices), value(indices))
        name = buffer.name.rstrip("'")  # which marks what loops over time write for the next time
        self.kernels.append(Loops(name, axes, [Stage(stores=[store])]))

    def stored_at(self, symbol: Symbol, indices: Indices) -> tuple[Buffer, Indices]:
        """Return where an element of a stored symbol is to be written."""
        reference = self._readers[symbol](indices, None)
        return reference.detail, reference.indices

    def operand(self, symbol: Symbol, indices: Indices) -> Expression:
        """Return an element of a product's factor: of the copy that was made for products, if there is one."""
        if self.outside is not None and symbol in self.outside[1]:
            around, symbols = self.outside
            return around.operand(symbols[symbol], indices)
        copy = self._copies.get(symbol)
        return self.at(symbol, indices) if copy is None else load(copy, indices)

    def copy_for_products(self, symbol: Symbol) -> Buffer:
        """Store a copy of `symbol` row by row; from now on `operand` reads it."""
        if self.outside is not None and symbol in self.outside[1]:
            around, symbols = self.outside
            return around.copy_for_products(symbols[symbol])
        if symbol not in self._copies:
            buffer = self._copies[symbol] = self.new_buffer(symbol.shape, symbol.dtype, "copy")
            self.add_map(buffer, symbol.shape, lambda indices: self.at(symbol, indices))
        return self._copies[symbol]


def _permuted(dims: tuple[int, ...], place: Callable[[Indices], Indices]) -> Callable[[Indices], Indices]:
    return lambda indices: place(tuple(indices[dim] for dim in dims))


def even_steps(array: Array) -> tuple[int, ...] | None:
    """Return how much the elements rise along each dimension, if that is the same everywhere."""
    if not array.size:
        return None
    steps = []
    expected = np.asarray(array.reshape(-1)[0])
    for dim, length in enumerate(array.shape):
        first = [0] * array.ndim
        second = [0] * array.ndim
        second[dim] = min(1, length - 1)
        steps.append(int(array[tuple(second)]) - int(array[tuple(first)]))
    for step, length in zip(steps, array.shape):
        expected = expected[..., None] + np.arange(length) * step
    return tuple(steps) if np.array_equal(expected, array) else None


def as_index(value: Expression, size: int) -> Index:
    """Return a whole-number expression as an index below `size`, taken apart as far as it can be."""
    if value.kind == "whole":
        return value.indices[0]
    if value.kind == "constant":
        return Index((), int(value.detail.value))
    if value.kind == "apply":
        name = value.detail[0]
        if name == "add":
            return as_index(value.parts[0], size) + as_index(value.parts[1], size)
        if name == "cast" and value.parts[0].dtype.kind in "iu":
            return as_index(value.parts[0], size)
        if name == "position":
            return Index.of(Position(value, dict(value.detail[1:])["size"]))
    return Index.of(Position(value, size))
