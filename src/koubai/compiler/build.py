"""The whole way from a graph to the text of a native step, stage by stage.

`simplify` makes the graph smaller, `lower` says what is stored and how it is computed, `fuse` makes few kernels of
many, `phases` says what runs side by side, `memory` where everything lies, and `llvm` writes it down.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from koubai.compiler.checking.races import check_races
from koubai.compiler.graph import exchange
from koubai.compiler.graph.channels_last import with_channels_last
from koubai.compiler.graph.checks import with_checks
from koubai.compiler.graph.layout import prefer_orders
from koubai.compiler.graph.simplify import simplify
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import load
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, Repeat, Stage, Store, loads
from koubai.compiler.llvm.driver import Driver
from koubai.compiler.llvm.many import write_many
from koubai.compiler.lower.lowering import Lowering
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.arrange import arrange
from koubai.compiler.schedule.dependence import Dependences
from koubai.compiler.schedule.fuse import fuse
from koubai.compiler.schedule.memory import Plan, plan, span
from koubai.compiler.schedule.partition import divide
from koubai.compiler.schedule.phases import Gate, Phase, in_phases
from koubai.ops.graph import Graph
from koubai.ops.op import Symbol


@dataclass
class Roles:
    """What the inputs and outputs of a graph are.

    Attributes:
        arguments: inputs that the caller gives anew each time, read where they lie.
        numbers: inputs of one float64 each that the host computes for each run.
        states: inputs that live in the arena from run to run.
        results: the positions among the outputs of what the caller gets.
        updates: (position among the outputs, state that takes the value).
        losses: symbols that must be finite before any state changes.
    """

    arguments: list[Symbol]
    numbers: list[Symbol]
    states: list[Symbol]
    results: list[int]
    updates: list[tuple[int, Symbol]]
    losses: list[Symbol] = field(default_factory=list)


@dataclass
class Blueprint:
    """A step that is ready to be compiled.

    Attributes:
        text: the module in LLVM's language.
        parts: the names of the native parts, between which NumPy runs.
        phases: all phases, those of NumPy among them.
        plan: where everything lies.
        arguments, numbers, states, results: the buffers of the roles, in their order.
        constants: buffers to be filled once.
        flags: (what to say if it is false, buffer) pairs.
        spans: (offset, bytes) of all numbers, and of all results and flags.
    """

    text: str
    parts: list[str]
    phases: list[Phase]
    plan: Plan
    arguments: list[Buffer]
    numbers: list[Buffer]
    states: list[Buffer]
    results: list[Buffer]
    constants: list[Buffer]
    borders: list[Buffer]
    flags: list[tuple[str, Buffer]]
    spans: tuple[tuple[int, int], tuple[int, int]]


Watch = Callable[[str, Sequence[Kernel], Mapping[Buffer, Buffer], Mapping[int, Buffer]], None]


def build(graph: Graph, roles: Roles, target: Target, threads: int, watch: Watch | None = None) -> Blueprint:
    """Return the step that does what `graph` says.

    With KOUBAI_CHECK=1 in the environment, the schedule is checked for races.

    Args:
        graph: the program.
        roles: what its inputs and outputs are.
        target: the processor.
        threads: how many run the step.
        watch: is told of every pass: its name, the kernels, which buffers lie where others lie, and where each of the
            graph's outputs is.
    """
    watch = watch or (lambda *_: None)
    graph, checks = with_checks(graph, roles.losses)
    graph = simplify(with_channels_last(simplify(simplify(graph), exchange.RULES)))
    inputs = _Inputs(graph, roles)
    low = Lowering(graph, inputs.readers)
    low.lower()
    results = [_result(low, graph.outputs[at]) for at in roles.results]
    flags = [(name, _result(low, graph.outputs[at])) for name, at in checks]
    updates = [_update(low, graph.outputs[at], inputs.buffers[s]) for at, s in roles.updates]
    kept = {*results, *updates, *(flag for _, flag in flags)}
    where = {**dict(zip(roles.results, results)), **dict(zip((at for at, _ in roles.updates), updates))}
    watch("lower", low.kernels, low.shared, where)
    kernels = arrange(low.kernels, kept | set(low.shared) | set(low.shared.values()))
    watch("arrange", kernels, low.shared, where)
    kernels = fuse(kernels, kept)
    watch("fuse", kernels, low.shared, where)
    kernels, shared = written_in_place(kernels, updates)
    shared.update(_all_shared(low))
    where.update((at, inputs.buffers[s]) for at, s in roles.updates)
    watch("write in place", kernels, shared, where)
    kernels = divide(kernels, target, threads, shared)
    gate = Gate([flag for _, flag in flags]) if flags and updates else None
    phases = in_phases(kernels, gate, shared)
    touched = {b for kernel in kernels for b in kernel.reads | kernel.writes}
    constants = [b for b in touched if b.home is Home.CONSTANT]
    constants.sort(key=lambda b: b.name)
    lasting = [*inputs.buffers.values(), *constants, *results, *(flag for _, flag in flags)]
    placed = plan(phases, lasting, shared)
    arguments = [inputs.buffers[s] for s in roles.arguments]
    driver = Driver(target, threads, placed, arguments)
    numbers = [inputs.buffers[s] for s in roles.numbers]
    places = span(placed.offsets, numbers), span(placed.offsets, [*results, *(flag for _, flag in flags)])
    stops = [placed.offsets[flag] for _, flag in flags]
    many = write_many(threads, len(arguments), *places, stops)
    text = driver.write(phases, () if any(phase.is_host for phase in phases) else (many,))
    if os.environ.get("KOUBAI_CHECK") == "1":
        check_races(phases, placed, target, threads)
    return Blueprint(
        text,
        driver.parts,
        phases,
        placed,
        arguments,
        numbers,
        [inputs.buffers[s] for s in roles.states],
        results,
        constants,
        sorted((b for b in touched if b.border is not None), key=lambda b: b.name),
        flags,
        places,
    )


class _Inputs:
    """The buffers of a graph's inputs."""

    def __init__(self, graph: Graph, roles: Roles) -> None:
        self.buffers: dict[Symbol, Buffer] = {}
        kinds = ((roles.arguments, Home.ARGUMENT), (roles.numbers, Home.NUMBER), (roles.states, Home.STATE))
        for symbols, home in kinds:
            for number, symbol in enumerate(symbols):
                name = f"{home.value}{number}"
                self.buffers[symbol] = Buffer(name, symbol.shape, symbol.dtype, home)
        prefer_orders(graph, self.buffers)
        self.readers = {
            symbol: lambda at, guard, b=buffer: load(b, at, guard) for symbol, buffer in self.buffers.items()
        }


def _result(low: Lowering, symbol: Symbol) -> Buffer:
    """Store a result where the caller finds it."""
    buffer = low.new_buffer(symbol.shape, symbol.dtype, "result", home=Home.RESULT)
    low.add_map(buffer, symbol.shape, lambda at: low.at(symbol, at))
    return buffer


def _update(low: Lowering, symbol: Symbol, state: Buffer) -> Buffer:
    """Store the next value of a state."""
    buffer = low.new_buffer(state.shape, state.dtype, "new", order=state.order, becomes=state)
    low.add_map(buffer, symbol.shape, lambda at: low.at(symbol, at))
    return buffer


def _all_shared(low: Lowering) -> dict[Buffer, Buffer]:
    return dict(low.shared)


# --- state that is overwritten


def written_in_place(
    kernels: list[Kernel], updates: list[Buffer]
) -> tuple[list[Kernel], dict[Buffer, Buffer]]:
    """Decide which new values are written over the old ones, and copy the others at the end.

    Returns:
        the kernels with those copies, and for each new value written in place the state whose memory it has.
    """
    graph = Dependences(kernels)
    shared: dict[Buffer, Buffer] = {}
    copies: list[Kernel] = []
    ends: list[tuple[Kernel, Kernel]] = []
    for buffer in updates:
        state = buffer.becomes
        assert state is not None
        writers = [k for k in kernels if buffer in k.writes]
        readers = [k for k in kernels if state in k.reads]
        fits = len(writers) == 1 and all(
            _may_follow(graph, writers[0], reader, buffer, state) for reader in readers
        )
        order = [(reader, writers[0]) for reader in readers if reader is not writers[0]] if fits else []
        if fits and not graph.would_cycle(order):
            graph.add_order(order)
            ends += order
            shared[buffer] = state
        else:
            copies.append(_copy(buffer, state))
    return [*graph.in_order(), *copies], shared


def _may_follow(graph: Dependences, writer: Kernel, reader: Kernel, new: Buffer, state: Buffer) -> bool:
    """Whether a reader of the old value never sees the new one."""
    if reader is not writer:
        return not graph.depends(reader, writer)
    if isinstance(writer, Repeat):
        return False
    if isinstance(writer, Contraction) and state in (writer.left.detail, writer.right.detail):
        return False
    places = {s.indices for s in writer.stores if s.buffer is new}
    if len(places) != 1 or any(e.indices not in places for e in loads(writer.values) if e.detail is state):
        return False
    return not isinstance(writer, Loops) or _read_before(writer, new, state)


def _read_before(kernel: Loops, new: Buffer, state: Buffer) -> bool:
    """Whether no stage behind the one that writes the new value reads the old one."""
    written = False
    for stage in kernel.stages:
        if written and any(e.detail is state for e in loads(stage.values)):
            return False
        written = written or any(s.buffer is new for s in stage.stores)
    return True


def _copy(source: Buffer, target: Buffer) -> Loops:
    axes = tuple(Axis(length) for length in source.shape)
    at = tuple(map(Index.of, axes))
    return Loops("commit", axes, [Stage(stores=[Store(target, at, load(source, at))])])
