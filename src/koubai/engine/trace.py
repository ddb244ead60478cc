"""Tracing: run a function once on symbols instead of arrays, and get its program as a graph.

While tracing, ops append themselves to the graph. A tensor from outside that the function reads becomes an input of
the program ("captured"); what the function rebinds (parameters, buffers, optimizer state, gradients) is put back as it
was, and the program commits the new values each time it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, overload

import numpy as np

from koubai.arrays import Array
from koubai.engine.modes import modes, no_grad
from koubai.engine.recipe import Version
from koubai.engine.replay import Replay
from koubai.engine.tensor import Tensor
from koubai.ops.graph import Graph, Node, interpret, prune
from koubai.ops.op import Op, Symbol

__all__ = [
    "Program",
    "host_scalar",
    "trace",
]

HostFunction = Callable[[], float]


@dataclass(frozen=True, eq=False)
class Counted:
    """A host function whose number follows from how far a counter has come, such as that of an optimizer's steps.

    Attributes:
        formula: gives the number for a count.
        counter: a tensor of one number.
        key: formulas with equal keys are equal.
    """

    formula: Callable[[float], float]
    counter: Tensor
    key: Hashable

    def __call__(self) -> float:
        return self.formula(self.counter.item())


@dataclass(frozen=True)
class Assumption:
    """Something a traced program rests on, that Python code may change: a layer's mode, an option of an optimizer.

    Attributes:
        current: what it is now.
        value: what it was when the program was traced.
    """

    current: Callable[[], Any]
    value: Any

    @property
    def holds(self) -> bool:
        """Whether it is still the same."""
        now = self.current()
        return bool(now is self.value or now == self.value)


_OF_TENSORS = ("_payload", "_recipe", "_index", "_requires_grad", "_seen", "_view", "_version")
_OF_CELLS = ("count", "last", "newest")
_of_tensor, _of_cell = attrgetter(*_OF_TENSORS), attrgetter(*_OF_CELLS)


class _State:
    """The attributes of a tensor or a cell as they were before the traced function changed them."""

    def __init__(self, target: Tensor | Version, names: Sequence[str], values: Iterable[Any]) -> None:
        self.target = target
        self.values = dict(zip(names, values))

    @classmethod
    def of(cls, tensor: Tensor) -> _State:
        """Note a tensor."""
        return cls(tensor, _OF_TENSORS, _of_tensor(tensor))

    @classmethod
    def of_cell(cls, cell: Version) -> _State:
        """Note a cell."""
        return cls(cell, _OF_CELLS, _of_cell(cell))

    def restore(self) -> None:
        """Put the attributes back."""
        for name, value in self.values.items():
            setattr(self.target, name, value)


class Tracer:
    """Writes down the ops of one traced function, and what it changed."""

    def __init__(self, derives_gradients: bool = False) -> None:
        self.derives_gradients = (
            derives_gradients  # from the graph, where a user's own gradient would be lost
        )
        self.graph = Graph()
        self.captured: dict[Tensor, Symbol] = {}
        self.hosts: dict[HostFunction, Symbol] = {}
        self._host_keys: dict[Hashable, HostFunction] = {}
        self.taps: list[tuple[str, int, Symbol]] = []
        self.losses: list[Symbol] = []
        self.gradients: list[Symbol] = []
        self.assumptions: dict[Hashable, Assumption] = {}
        self._own: set[Symbol] = set()
        self._tensors: dict[Tensor, _State] = {}
        self._cells: dict[Version, _State] = {}
        self._owners: dict[Version, Tensor] = {}  # from outside, a tensor that holds the whole cell
        self._grads: dict[Tensor, Tensor | None] = {}
        self.replay = Replay(self)

    def record(self, op: Op, inputs: tuple[Tensor, ...], attributes: dict[str, Any]) -> tuple[Symbol, ...]:
        """Append an op to the graph and return the symbols of its results."""
        symbols = [self.lift(tensor) for tensor in inputs]
        try:
            outputs = self.graph.add(op, symbols, attributes)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise type(error)(f"{op.name}: {error}") from None
        self._own.update(outputs)
        return outputs

    def append(self, node: Node) -> None:
        """Append an op to the graph that is like one that was recorded."""
        self.graph.nodes.append(node)
        self._own.update(node.outputs)

    def owns(self, symbol: Symbol) -> bool:
        """Whether a symbol is one of this graph."""
        return symbol in self._own

    def lift(self, tensor: Tensor) -> Symbol:
        """Return the symbol that stands for `tensor` in this graph."""
        payload = tensor.payload
        if payload.__class__ is Symbol and payload in self._own:
            return payload
        symbol = self.captured.get(tensor)
        if symbol is None:
            symbol = self.symbol(payload)
            if tensor._version.home is self:
                self.graph.constants[symbol] = payload
            else:
                self.graph.inputs.append(symbol)
                if tensor._view is None:
                    self._owners.setdefault(tensor._version, tensor)
            self.captured[tensor] = symbol
        return symbol

    def symbol(self, like: Any) -> Symbol:
        """Return a new symbol of this graph with the shape and dtype of `like`."""
        symbol = Symbol(tuple(like.shape), like.dtype)
        self._own.add(symbol)
        return symbol

    def host_input(self, function: HostFunction, key: Hashable) -> Symbol:
        """Return the symbol of a number that `function` gives anew before each run; equal keys mean equal numbers."""
        if key not in self._host_keys:
            self._host_keys[key] = function
            self.hosts[function] = self.symbol(np.empty((), np.float64))
            self.graph.inputs.append(self.hosts[function])
        return self.hosts[self._host_keys[key]]

    def assume(self, key: Hashable, current: Callable[[], Any]) -> None:
        """Note that the program holds only while `current()` is what it is now."""
        if key not in self.assumptions:
            self.assumptions[key] = Assumption(current, current())

    def remember(self, tensor: Tensor) -> None:
        """Note a tensor and its cell as they are now, before their first change."""
        if tensor in self._tensors:
            return
        self._tensors[tensor] = _State.of(tensor)
        if tensor._view is None:
            if tensor._seen == tensor._version.count:
                self.lift(tensor)
            self._cells.setdefault(tensor._version, _State.of_cell(tensor._version))

    @property
    def change_count(self) -> int:
        """How many tensors from outside it has seen changed, and how many measurements were taken."""
        return len(self._tensors) + len(self.taps)

    def add_tap(self, name: str, every: int, value: Tensor) -> None:
        """Make a measurement a result of the program."""
        self.taps.append((name, every, self.lift(value)))

    def note_gradients(self, gradients: Iterable[Tensor | None]) -> None:
        """Note what a sweep has found."""
        payloads = [gradient.payload for gradient in gradients if gradient is not None]
        self.gradients += [payload for payload in payloads if isinstance(payload, Symbol)]

    def remember_grad(self, leaf: Tensor) -> None:
        """Note the `.grad` of a leaf as it is now, before its first change."""
        self._grads.setdefault(leaf, leaf._grad)

    def read_grad(self, leaf: Tensor) -> None:
        """Note that the program rests on whether a leaf from outside had a `.grad` before it ran."""
        if leaf not in self._grads and not isinstance(leaf._payload, Symbol):
            self.assume((id(leaf), "grad"), lambda: leaf._grad is None)

    def changes(self) -> tuple[list[tuple[Tensor, Symbol]], list[tuple[Tensor, Symbol]]]:
        """Return the new values of changed cells, and of changed gradients."""
        changed = [cell for cell, state in self._cells.items() if cell.count != state.values["count"]]
        cells = [(self._owners[cell], cell.newest) for cell in changed if cell in self._owners]
        grads = [(leaf, self.lift(leaf._grad)) for leaf in self._grads if leaf._grad is not None]
        return cells, grads

    def restore(self) -> None:
        """Put every changed tensor, cell and gradient back as it was."""
        for leaf, grad in self._grads.items():
            leaf._grad = grad
        for state in (*self._tensors.values(), *self._cells.values()):
            state.restore()


@dataclass(eq=False)
class Program:
    """A traced function: called like it, it runs the graph and commits what the function changes.

    Attributes:
        graph: inputs are the arguments, then captured cells and host numbers; outputs the results, then new values.
        arguments: the symbols of the function's tensor arguments.
        captured: the outside cells that it reads, with their symbols.
        hosts: the numbers that are asked for anew at each run, with their symbols.
        writes: the cells that it changes; their new values are graph outputs after the results.
        grads: the leaves whose `.grad` it changes; likewise after the writes.
        cleared: the leaves whose `.grad` is None afterwards.
        accumulated: those of `grads` that are added to what was there before, if anything.
        rewritten: the positions of the arguments that it changes; likewise after the gradients.
        taps: the name and interval of each measurement; likewise after the arguments.
        losses: what `backward()` was called on.
        gradients: what the sweeps back gave.
        assumptions: what the program rests on.
    """

    graph: Graph
    arguments: list[Symbol]
    captured: dict[Tensor, Symbol]
    hosts: dict[HostFunction, Symbol]
    writes: list[Tensor]
    grads: list[Tensor]
    rewritten: list[int]
    taps: list[tuple[str, int]]
    structure: Any
    losses: list[Symbol] = field(default_factory=list)
    gradients: list[Symbol] = field(default_factory=list)
    cleared: list[Tensor] = field(default_factory=list)
    accumulated: set[Tensor] = field(default_factory=set)
    assumptions: list[Assumption] = field(default_factory=list)

    def __call__(self, *arguments: Any) -> Any:
        """Run the program on tensors of the traced shapes and dtypes."""
        tensors: list[Tensor] = []
        flatten(arguments, tensors)
        self._check(tensors)
        arrays = interpret(self.graph, self._inputs(tensors))
        return self._commit(arrays, [tensors[position] for position in self.rewritten])

    def without_effects(self) -> Program:
        """Return the program that computes the same results and measurements, and changes nothing."""
        first, taps = len(self.results), len(self.graph.outputs) - len(self.taps)
        outputs = [*self.graph.outputs[:first], *self.graph.outputs[taps:]]
        graph = Graph(self.graph.inputs, self.graph.constants, self.graph.nodes, outputs)
        none: dict[str, Any] = {"writes": [], "grads": [], "rewritten": [], "losses": [], "cleared": []}
        return replace(self, graph=prune(graph), accumulated=set(), **none)

    def _check(self, tensors: Sequence[Tensor]) -> None:
        given = [(tensor.shape, tensor.dtype) for tensor in tensors]
        traced = [(symbol.shape, symbol.dtype) for symbol in self.arguments]
        if given != traced:
            raise RuntimeError(f"the program was traced for arguments {traced}, not {given}; trace it again")

    def _inputs(self, tensors: Sequence[Tensor]) -> list[Array]:
        values: dict[Symbol, Array] = {s: t.payload for s, t in zip(self.arguments, tensors)}
        values.update((symbol, tensor.payload) for tensor, symbol in self.captured.items())
        values.update((symbol, np.asarray(host(), np.float64)) for host, symbol in self.hosts.items())
        return [values[symbol] for symbol in self.graph.inputs]

    @property
    def results(self) -> list[Symbol]:
        """The symbols of the function's results."""
        changes = len(self.writes) + len(self.grads) + len(self.rewritten) + len(self.taps)
        return self.graph.outputs[: len(self.graph.outputs) - changes]

    def _commit(self, arrays: list[Array], arguments: Sequence[Tensor]) -> Any:
        """Store the new values of all changed cells, gradients and arguments, and return the results."""
        values = iter([Tensor(array) for array in arrays])
        results = unflatten(self.structure, values)
        for cell in self.writes:
            cell._rebind(next(values)._payload, "a traced program")
        for leaf in self.grads:
            leaf.grad = next(values)
        for leaf in self.cleared:
            leaf.grad = None
        with no_grad():
            for argument in arguments:
                argument._become(next(values), "a traced program")
        for (name, every), value in zip(self.taps, values):
            if modes.taps is not None and modes.taps.wants(every):
                modes.taps.add(name, value)
        return results


@overload
def trace(function: Tensor) -> Tensor: ...
@overload
def trace(function: Callable[..., Any], *examples: Any, derives_gradients: bool = False) -> Program: ...
def trace(
    function: Callable[..., Any] | Tensor, *examples: Any, derives_gradients: bool = False
) -> Program | Tensor:
    """Run `function` on symbols like `examples` and return its program.

    A matrix instead of a function gives the sum of its diagonal, which is what PyTorch calls `trace`.

    Args:
        function: a function of tensors (or nested tuples, lists and dicts of them) that returns the same.
        examples: tensors with the shapes and dtypes of the arguments; their values are not looked at.
        derives_gradients: gradients will be derived from the graph; refuse what has a gradient of its own.

    Raises:
        DataDependentError: if the function asks for a value, as in `if x > 0`.

    Example:
        >>> program = koubai.trace(lambda x: (x * 2).sum(), koubai.ones(3))
        >>> program(koubai.tensor([1.0, 2.0, 3.0]))
        tensor(12.)
    """
    if isinstance(function, Tensor):
        return function.trace()
    tracer = Tracer(derives_gradients)
    tensors: list[Tensor] = []
    structure = flatten(examples, tensors)
    arguments = [tracer.symbol(tensor) for tensor in tensors]
    tracer.graph.inputs.extend(arguments)
    before, modes.tracer = modes.tracer, tracer
    try:
        stand_ins = [_stand_in(s, t.requires_grad) for s, t in zip(arguments, tensors)]
        results: list[Tensor] = []
        result_structure = flatten(function(*unflatten(structure, iter(stand_ins))), results)
        outputs = [tracer.lift(tensor) for tensor in results]
        writes, grads = tracer.changes()
        cleared = [leaf for leaf in tracer._grads if leaf._grad is None]
        rewritten = {at: s._version.newest for at, s in enumerate(stand_ins) if s._version.count}
    finally:
        tracer.restore()
        modes.tracer = before
    new = [symbol for _, symbol in (*writes, *grads)]
    tracer.graph.outputs = [*outputs, *new, *rewritten.values(), *(symbol for _, _, symbol in tracer.taps)]
    return Program(
        _pruned(tracer.graph, tracer.losses),
        arguments,
        captured={t: s for t, s in tracer.captured.items() if s not in tracer.graph.constants},
        hosts=tracer.hosts,
        writes=[cell for cell, _ in writes],
        grads=[leaf for leaf, _ in grads],
        rewritten=list(rewritten),
        taps=[(name, every) for name, every, _ in tracer.taps],
        structure=result_structure,
        losses=tracer.losses,
        gradients=tracer.gradients,
        cleared=cleared,
        accumulated={leaf for leaf, _ in grads if (id(leaf), "grad") in tracer.assumptions},
        assumptions=list(tracer.assumptions.values()),
    )


def _pruned(graph: Graph, losses: list[Symbol]) -> Graph:
    """Drop what neither results nor losses need."""
    pruned = prune(Graph(graph.inputs, graph.constants, graph.nodes, [*graph.outputs, *losses]))
    pruned.outputs = graph.outputs
    return pruned


def _stand_in(symbol: Symbol, requires_grad: bool) -> Tensor:
    return Tensor(symbol, requires_grad)


def host_scalar(function: HostFunction, key: Hashable = None) -> Tensor:
    """Return a float64 number that `function()` gives: now, and again at every run of a traced program.

    Learning rates and step counts come this way, so that changing them never traces or compiles again. Where many steps
    run in one native call, it is asked once before them; a `Counted` goes on with its counter.

    Args:
        function: computes the number.
        key: functions with equal keys give equal numbers, so that one of them is enough.
    """
    if modes.tracer is not None:
        return Tensor(modes.tracer.host_input(function, function if key is None else key))
    return Tensor(np.asarray(function(), np.float64))


def run_graph(graph: Graph, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Run a graph on tensors, so that its ops are recorded for backward or traced again."""
    values = {symbol: Tensor(array) for symbol, array in graph.constants.items()}
    values.update(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        result = node.op(*[values[symbol] for symbol in node.inputs], **node.attributes)
        values.update(zip(node.outputs, result if isinstance(result, tuple) else (result,), strict=True))
    return [values[symbol] for symbol in graph.outputs]


def flatten(value: Any, into: list[Tensor]) -> Any:
    """Append the tensors in nested tuples, lists and dicts to `into`, and return the structure without them."""
    if isinstance(value, Tensor):
        into.append(value)
        return Tensor
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(flatten(item, into) for item in value))
    if isinstance(value, tuple | list):
        return type(value)(flatten(item, into) for item in value)
    if isinstance(value, dict):
        return {key: flatten(item, into) for key, item in value.items()}
    return value


def unflatten(structure: Any, tensors: Any) -> Any:
    """Put tensors back where `flatten` took them."""
    if structure is Tensor:
        return next(tensors)
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(unflatten(item, tensors) for item in structure))
    if isinstance(structure, tuple | list):
        return type(structure)(unflatten(item, tensors) for item in structure)
    if isinstance(structure, dict):
        return {key: unflatten(item, tensors) for key, item in structure.items()}
    return structure
