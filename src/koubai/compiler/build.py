"""The whole way from a graph to the text of a native step, stage by stage.

`graph` makes the graph smaller, `lower` says what is stored and how it is computed, `schedule` makes few kernels of
many, divides them among threads, and says what runs side by side and where everything lies, and `llvm` writes it down.
Of many equal layers most are left out until the kernels of the others are merged and divided among the threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from koubai.compiler.checking.races import check_races
from koubai.compiler.graph import exchange, one_hot, pooling
from koubai.compiler.graph.channels_last import with_channels_last
from koubai.compiler.graph.checks import with_checks
from koubai.compiler.graph.layout import prefer_orders
from koubai.compiler.graph.recompute import with_recomputation
from koubai.compiler.graph.shorten import Shortened, shortened, unshortened
from koubai.compiler.graph.simplify import simplify
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import Expression, apply, constant, load
from koubai.compiler.language.index import Index
from koubai.compiler.language.kernel import Kernel, Loops, Stage, Store
from koubai.compiler.layers import NotAlike
from koubai.compiler.llvm.driver import Driver
from koubai.compiler.llvm.many import write_many
from koubai.compiler.llvm.module import Module
from koubai.compiler.lower.lowering import Lowering
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.arrange import arrange
from koubai.compiler.schedule.fuse import fuse
from koubai.compiler.schedule.in_place import written_in_place
from koubai.compiler.schedule.lengthen import lengthened
from koubai.compiler.schedule.memory import Plan, plan, span
from koubai.compiler.schedule.partition import divide
from koubai.compiler.schedule.phases import Gate, Phase, in_phases
from koubai.compiler.schedule.pooled import pooled_at_once
from koubai.compiler.schedule.prologue_in_strips import with_prologues_in_strips
from koubai.compiler.schedule.prologue_in_tiles import with_prologues_in_tiles
from koubai.compiler.schedule.spread import spread
from koubai.compiler.schedule.straighten import straightened
from koubai.compiler.schedule.strips import in_strips
from koubai.ops.call import inlined
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
        module: the functions, without those that were handed over.
        parts: the names of the native parts, between which NumPy runs.
        phases: all phases, those of NumPy among them.
        plan: where everything lies.
        arguments, numbers, states, results: the buffers of the roles, in their order.
        constants: buffers to be filled once.
        flags: (what to say if it is false, buffer) pairs.
        spans: (offset, bytes) of all numbers, and of all results and flags.
        flops: multiplications and additions of all products.
    """

    module: Module
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
    flops: int


Watch = Callable[[str, Sequence[Kernel], Mapping[Buffer, Buffer], Mapping[int, Buffer]], None]


def build(
    graph: Graph,
    roles: Roles,
    target: Target,
    threads: int,
    watch: Watch | None = None,
    hand_over: Callable[[Module], None] | None = None,
) -> Blueprint:
    """Return the step that does what `graph` says.

    With KOUBAI_CHECK=1 in the environment, the schedule is checked for races.

    Args:
        graph: the program.
        roles: what its inputs and outputs are.
        target: the processor.
        threads: how many run the step.
        watch: is told of every pass: its name, the kernels, which buffers lie where others lie, and where each of the
            graph's outputs is. All layers go through all passes then.
        hand_over: is given modules of kernels as soon as they are written; those are not in the blueprint's.
    """
    graph, checks = with_checks(graph, roles.losses)
    lowered, phases, shared = _scheduled(graph, roles, checks, target, threads, watch)
    touched = set().union(*(kernel.buffers for phase in phases for kernel in phase.kernels))
    constants = sorted((b for b in touched if b.home is Home.CONSTANT), key=lambda b: b.name)
    ends = [*lowered.results, *lowered.gate.flags]
    placed = plan(phases, [*lowered.inputs.values(), *constants, *ends], shared, lowered.alike)
    arguments, numbers, states = (
        lowered.inputs_of(s) for s in (roles.arguments, roles.numbers, roles.states)
    )
    driver = Driver(target, threads, placed, arguments, hand_over=hand_over)
    spans = span(placed.offsets, numbers), span(placed.offsets, ends)
    stops = [placed.offsets[flag] for flag in lowered.gate.flags]
    many = write_many(threads, len(arguments), *spans, stops)
    module = driver.write(phases, () if any(phase.is_host for phase in phases) else (many,))
    if os.environ.get("KOUBAI_CHECK") == "1":
        check_races(phases, placed, target, threads, driver.apart)
    borders = sorted((b for b in touched if b.border is not None), key=lambda b: b.name)
    return Blueprint(
        module,
        driver.parts,
        phases,
        placed,
        arguments,
        numbers,
        states,
        lowered.results,
        constants,
        borders,
        lowered.flags,
        spans,
        driver.flops(phases),
    )


def simplified(graph: Graph, target: Target) -> Graph:
    """Return a graph with the same inputs and outputs that is easier to compute."""
    graph = pooling.with_relu_behind_pooling(simplify(graph, one_hot.RULES))
    graph = simplify(graph, {**exchange.RULES, **pooling.RULES})
    graph = exchange.with_sums_of_sums(graph)
    laid = with_channels_last(graph)
    graph = graph if laid is graph else simplify(laid)
    return with_recomputation(graph, target.level2)


def _scheduled(
    graph: Graph,
    roles: Roles,
    checks: list[tuple[str, int]],
    target: Target,
    threads: int,
    watch: Watch | None,
) -> tuple[_Lowered, list[Phase], dict[Buffer, Buffer]]:
    """Return a graph as kernels, their phases, and which buffers lie in the memory of others.

    Most of its equal layers are left out for the time being, unless somebody watches or they turn out to differ.
    """
    if watch is None:
        results = [*roles.results, *(at for _, at in checks)]
        few = shortened(graph, roles.updates, results)
        try:
            lowered = _Lowered(few, roles, checks, target)
            return lowered, *lowered.schedule(target, threads, lambda *_: None)
        except NotAlike:
            pass
    lowered = _Lowered(unshortened(graph, roles.updates), roles, checks, target)
    return lowered, *lowered.schedule(target, threads, watch or (lambda *_: None))


class _Lowered:
    """A graph as kernels, with the buffers of all that goes in and out.

    Attributes:
        inputs: the buffers of the graph's inputs, those of layers that were left out among them.
        results, updates: those of what the caller gets, and of new values of state.
        flags: (what went wrong if it is false, buffer) pairs; `gate` has the buffers.
        alike: buffers that take each other's place from layer to layer.
    """

    def __init__(self, few: Shortened, roles: Roles, checks: list[tuple[str, int]], target: Target) -> None:
        self.few, self.roles = few, roles
        graph = simplified(inlined(few.graph), target)
        self.inputs = _inputs(graph, roles)
        for n, draw in enumerate(few.draws):
            shape, dtype = draw.symbol.shape, draw.symbol.dtype
            self.inputs[draw.symbol] = Buffer(f"draw{n}", shape, dtype, Home.SCRATCH)
        self.chains = [(self.inputs_of(some), self.inputs_of(many)) for some, many in few.chains]
        for some, many in self.chains:
            for buffer in set(many).difference(some):
                buffer.order = some[0].order
        low = self.low = Lowering(graph, {symbol: partial(load, b) for symbol, b in self.inputs.items()})
        low.lower()
        self.results = [_result(low, graph.outputs[few.place[at]]) for at in roles.results]
        self.flags = [(name, _result(low, graph.outputs[few.place[at]])) for name, at in checks]
        self.updates = [_update(low, graph.outputs[at], self.inputs[s]) for at, s in few.updates]
        self.gate = Gate([flag for _, flag in self.flags])
        self.where = dict(
            zip([*roles.results, *(at for at, _ in few.updates)], [*self.results, *self.updates])
        )
        self.states = {at: self.inputs[s] for at, s in few.updates}
        self.alike: list[list[Buffer]] = []

    def inputs_of(self, symbols: list[Symbol]) -> list[Buffer]:
        """Return the buffers of some inputs."""
        return [self.inputs[symbol] for symbol in symbols]

    def schedule(
        self, target: Target, threads: int, watch: Watch
    ) -> tuple[list[Phase], dict[Buffer, Buffer]]:
        """Return the phases, and which buffers lie in the memory of others."""
        shared = dict(self.low.shared)
        kept = {*self.results, *self.updates, *self.gate.flags}
        fixed = kept | set(shared) | set(shared.values())
        watch("lower", self.low.kernels, shared, self.where)
        kernels = arrange(self.low.kernels, fixed)
        watch("arrange", kernels, shared, self.where)
        kernels = fuse(kernels, kept)
        watch("fuse", kernels, shared, self.where)
        spread(kernels, fixed)
        watch("spread", kernels, shared, self.where)
        kernels = straightened(kernels, fixed, target.lanes_bytes)
        watch("straighten", kernels, shared, self.where)
        kernels = pooled_at_once(kernels, fixed, target, threads)
        watch("pool", kernels, shared, self.where)
        kernels = with_prologues_in_tiles(kernels, fixed, target, threads)
        watch("prologue in tiles", kernels, shared, self.where)
        kernels = in_strips(kernels, fixed, target, threads)
        watch("strips", kernels, shared, self.where)
        kernels = with_prologues_in_strips(kernels, fixed, target)
        watch("prologue in strips", kernels, shared, self.where)
        following = {b: b.becomes for kernel in kernels for b in kernel.writes if b.becomes is not None}
        draws = self._draws()
        kernels = [*draws, *divide(kernels, target, threads, shared | following)]
        kernels, over = written_in_place(kernels, self.updates)
        watch("write in place", kernels, shared | over, {**self.where, **self.states})
        gate = self.gate if self.flags and self.updates else None
        phases = in_phases(kernels, gate, shared | over)
        if not self.few.missing:
            return phases, shared | over
        alone = [*self.results, *self.gate.flags, *shared, *shared.values()]
        deeper = partial(
            lengthened, chains=self.chains, more=self.few.missing, fixed=alone, over=over, whole=draws
        )
        try:
            all_ = deeper(phases)
        except NotAlike:  # such as a sum over all layers that needs more phases for each than they do
            all_ = deeper([Phase(kernels)])
            all_.phases = in_phases(all_.phases[0].kernels, gate, shared | all_.over)
        self.alike = all_.chains
        return all_.phases, shared | all_.over

    def _draws(self) -> list[Kernel]:
        """Return the kernel that says what state each random draw reads, if there are any."""
        places = [(Index((), n),) for n in range(2)]
        stores = [
            Store(self.inputs[draw.symbol], at, _counted(self.low.at(draw.state, at), count))
            for draw in self.few.draws
            for at, count in zip(places, draw.count)
        ]
        return [Loops("draws", (), [Stage(stores=stores)])] if stores else []


def _counted(state: Expression, count: np.int64) -> Expression:
    return apply("add", [state, constant(count, state.dtype)], state.dtype)


def _inputs(graph: Graph, roles: Roles) -> dict[Symbol, Buffer]:
    """Return a buffer for each input of a graph."""
    buffers: dict[Symbol, Buffer] = {}
    kinds = ((roles.arguments, Home.ARGUMENT), (roles.numbers, Home.NUMBER), (roles.states, Home.STATE))
    for symbols, home in kinds:
        for number, symbol in enumerate(symbols):
            buffers[symbol] = Buffer(f"{home.value}{number}", symbol.shape, symbol.dtype, home)
    prefer_orders(graph, buffers)
    return buffers


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
