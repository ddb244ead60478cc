"""Which results are stored, and which are computed where they are used."""

from __future__ import annotations

from koubai.compiler.llvm import maps
from koubai.compiler.lower import large_windows, movement, windows
from koubai.ops.graph import Graph, Node
from koubai.ops.op import Kind, Symbol

CHEAP = 8  # vector instructions an element may cost to be computed again for another kernel
LONG = 60  # instructions after which an expression is cut, however few use it
REDUCTIONS = {"sum", "amax", "amin", "prod", "any", "all", "argmax", "argmin"}
PRODUCTS = {"matmul", "convolution_last", "convolution_weight_last"}
SCATTERS = {"index_add", "index_put", "index_mul", "index_max", "index_min"}
RUNNING = {"cumsum", "cumprod", "recurrence", "logcumsumexp", "extreme_position"}
_VIEWS = {"again", "permute", "reshape", "expand", "slice", "flip"}


class Choice:
    """What is decided about each result of a graph.

    Attributes:
        stored: the symbols that have a buffer, in the order in which they are made.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.maker: dict[Symbol, Node] = {s: node for node in graph.nodes for s in node.outputs}
        self.users: dict[Symbol, list[Node]] = {}
        for node in graph.nodes:
            for symbol in dict.fromkeys(node.inputs):
                self.users.setdefault(symbol, []).append(node)
        wanted = set(graph.outputs) | self._needed_in_memory()
        wanted |= self._behind_products(wanted)
        wanted |= self._running_totals()
        wanted |= self._expensive(wanted)
        self.stored: dict[Symbol, None] = {
            s: None for node in graph.nodes for s in node.outputs if s in wanted
        }

    def _needed_in_memory(self) -> set[Symbol]:
        """The results of anchors, and what anchors need in memory."""
        wanted: set[Symbol] = set()
        for node in self.graph.nodes:
            if not is_elementwise(node):
                wanted.update(node.outputs)
            if is_host(node):
                wanted.update(node.inputs)
            elif node.op.name in PRODUCTS:
                wanted.update(base for base in map(self._base, node.inputs) if base in self.maker)
            elif node.op.name == "scan":  # what is the same at all times is not computed anew at each
                first = node.attributes["loop"].carries + node.attributes["loop"].sequences
                wanted.update(base for base in map(self._base, node.inputs[first:]) if base in self.maker)
            elif node.op.name in windows.RULES or node.op.name == "window_max":
                wanted.update(self._read_often(node))
        return wanted

    def _running_totals(self) -> set[Symbol]:
        """Single numbers made of others that are computed too, such as a norm that is added up layer by layer."""
        return {
            node.outputs[0]
            for node in self.graph.nodes
            if node.op.kind is Kind.MAP
            and node.outputs[0].ndim == 0
            and len({base for base in map(self._base, node.inputs) if base in self.maker}) > 1
        }

    def _read_often(self, node: Node) -> list[Symbol]:
        """Inputs of a pooling that would be computed anew for every kernel element."""
        bases = [self._base(symbol) for symbol in node.inputs]
        costly = [b for b in bases if b in self.maker]
        return [
            b for b in costly if self.maker[b].op.kind is Kind.MAP or self.maker[b].op.name == "window_max"
        ]

    def _base(self, symbol: Symbol) -> Symbol:
        """What a symbol is only another view of."""
        while (node := self.maker.get(symbol)) is not None and node.op.name in _VIEWS:
            symbol = node.inputs[0]
        return symbol

    def _behind_products(self, wanted: set[Symbol]) -> set[Symbol]:
        """The end of the chain of maps behind each product: storing that instead of the product costs nothing."""
        found: set[Symbol] = set()
        for node in self.graph.nodes:
            if node.op.name in PRODUCTS:
                symbol, moved = node.outputs[0], False
                while symbol not in found and len(self.users.get(symbol, ())) == 1:
                    user = self.users[symbol][0]
                    same = user.outputs[0].size == symbol.size and len(user.outputs) == 1
                    if not same or not (user.op.kind is Kind.MAP or user.op.name in ("reshape", "permute")):
                        break
                    symbol, moved = user.outputs[0], moved or user.op.kind is Kind.MAP
                if moved and self.maker[symbol].op.kind is Kind.MAP and len(self.users.get(symbol, ())) > 1:
                    found.add(symbol)
        return found

    def _expensive(self, wanted: set[Symbol]) -> set[Symbol]:
        """Results that several kernels use and that cost more than reading them, and ends of long expressions."""
        stored = set(wanted)
        cost: dict[Symbol, int] = {}
        for node in self.graph.nodes:
            total = own_cost(node) + sum(0 if s in stored else cost.get(s, 0) for s in set(node.inputs))
            for symbol in node.outputs:
                cost[symbol] = total
                if total > LONG and is_elementwise(node) and node.op.kind is Kind.MAP:
                    stored.add(symbol)
                    cost[symbol] = 0
        for node in reversed(self.graph.nodes):
            for symbol in node.outputs:
                dear = symbol not in stored and cost[symbol] > CHEAP
                if dear and self._ends_a_chain(node) and len(self._kernels_using(symbol, stored)) > 1:
                    stored.add(symbol)
        return stored

    def _ends_a_chain(self, node: Node) -> bool:
        """Whether storing a result stores what is expensive, and not only another view of it."""
        makers = [self.maker[s] for s in node.inputs if s in self.maker]
        return node.op.kind is Kind.MAP or not any(maker.op.kind is Kind.MAP for maker in makers)

    def _kernels_using(self, symbol: Symbol, stored: set[Symbol]) -> set[Symbol]:
        """The stored results whose expressions contain `symbol`."""
        found: set[Symbol] = set()
        stack = [symbol]
        seen = {symbol}
        while stack and len(found) < 2:
            for user in self.users.get(stack.pop(), ()):
                for output in user.outputs:
                    if output in stored:
                        found.add(output)
                    elif output not in seen:
                        seen.add(output)
                        stack.append(output)
        return found


def own_cost(node: Node) -> int:
    """Roughly how many vector instructions an element of a node's result takes."""
    if node.op.kind is Kind.MAP:
        return 0 if node.op.name in ("cast", "position") else maps.cost(node.op.name)
    if node.op.name == "window_max" or node.op.name in windows.RULES:
        return int(3 * min(node.attributes["window"].elements, windows.LARGEST))
    if node.op.name == "uniform":
        return 40
    return {"index": 4, "place": 2, "cat": 3, "assign_slice": 2}.get(node.op.name, 0)


def is_elementwise(node: Node) -> bool:
    """Whether each element of the result is an expression of elements of the inputs."""
    name = node.op.name
    if is_host(node) or large_windows.is_large(node):
        return False
    if node.op.kind is Kind.MAP or name in movement.RULES or name in ("index", "uniform", "window_max"):
        return True
    return name in windows.RULES


def is_host(node: Node) -> bool:
    """Whether NumPy has to run an op, because there is no native form of it."""
    name, op = node.op.name, node.op
    if name == "position":
        return False
    if op.kind is Kind.MAP:
        return not maps.has_native(name, [s.dtype for s in node.inputs])
    if name == "bits":
        return bool(node.inputs[0].dtype.itemsize != node.outputs[0].dtype.itemsize)
    if name in movement.RULES or name in windows.RULES or name == "window_max":
        return False
    if name == "scan":
        return any(is_host(inner) for inner in node.attributes["loop"].body.nodes)
    return name not in REDUCTIONS | PRODUCTS | SCATTERS | RUNNING | {"index", "uniform"}
