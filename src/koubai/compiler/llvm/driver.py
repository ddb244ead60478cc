"""The whole step as one module: its kernels, each written once however often it is used, and what calls them in turn.

All threads run the step together. Each does its share of every kernel of a phase, then waits for the others before the
next phase begins. What NumPy has to run cuts the step into several native parts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from koubai import dtypes
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import (
    Host,
    Kernel,
    Repeat,
    Strips,
)
from koubai.compiler.language.signature import signature
from koubai.compiler.llvm.addresses import Addresses
from koubai.compiler.llvm.bodies import Function, body_of
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.meeting import let_run_on
from koubai.compiler.llvm.module import Module
from koubai.compiler.llvm.own_rows import Apart, Reach, reach_of, strips_of
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.repeats import Run, repeats
from koubai.compiler.runtime.barrier import call_barrier, write_barrier
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.abreast import Group, abreast
from koubai.compiler.schedule.memory import LINE, Plan
from koubai.compiler.schedule.phases import Phase

SMALL = 4096  # rough instructions of a kernel that one thread does alone, because sharing costs more
CALL = 200  # what a call costs besides, in the same measure
BATCH = 800  # instructions that are compiled together where others help: LLVM needs some 50 ms for them

T = TypeVar("T")


@dataclass
class Driver:
    """Writes a step.

    Attributes:
        target: the processor.
        threads: how many run the step.
        plan: where buffers lie.
        arguments: buffers whose addresses come with the frame, in this order.
        parts: the names of the native parts, in order.
        linkage: of the kernels: "internal", or "" for those who want to call them one by one.
        scratch: the bytes that each thread needs of its own.
        fewest: how often calls must repeat themselves to be written as a loop.
        apart: the loops over time within which threads do not meet.
        hand_over: is given modules of kernels as soon as they are written, which then are not in the whole one.
    """

    target: Target
    threads: int
    plan: Plan
    arguments: list[Buffer]
    parts: list[str] = field(default_factory=list)
    linkage: str = "internal"
    scratch: int = 0
    fewest: int = 4
    apart: set[Repeat] = field(default_factory=set)
    hand_over: Callable[[Module], None] | None = None
    _functions: list[Writer] = field(default_factory=list)
    _alone: set[Kernel] = field(default_factory=set)
    _given: set[Buffer] = field(default_factory=set)
    _written: dict[Hashable, Function] = field(default_factory=dict)
    _function_of: dict[Kernel, Function] = field(default_factory=dict)
    _reaches: dict[Hashable, Reach] = field(default_factory=dict)
    _writers: list[Writer] = field(default_factory=list)
    _away: int = 0  # of the functions, those at the front that were handed over

    def write(self, phases: list[Phase], more: Iterable[Writer] = ()) -> Module:
        """Return the module, with the functions `more` in it."""
        strips = [kernel for phase in phases for kernel in phase.kernels if isinstance(kernel, Strips)]
        self._alone = {inner for kernel in strips for inner in kernel.body}
        self._given = set(self.arguments)
        for kernel in every_kernel(phases):
            written = len(self._functions)
            self._function_of[kernel] = self._function(kernel)
            if len(self._functions) > written:
                self._hand_over()
        self.plan.scratch = -(-self.scratch // LINE) * LINE
        self._addresses = Addresses(self.plan, self.arguments)
        for run in between_hosts(phases):
            self._part(run)
        kept = self._functions[self._away :]
        functions = [write_barrier(self.target), *kept, *self._writers, *more]
        away = self._functions[: self._away]
        return Module(functions, self.target.attributes, self._addresses.table, elsewhere=away)

    def _hand_over(self) -> None:
        """Give away the kernels that were written since the last time, if they are worth it."""
        new = self._functions[self._away :]
        if self.hand_over is not None and sum(function.length for function in new) >= BATCH:
            self._away = len(self._functions)
            self.hand_over(Module(new, self.target.attributes, open=True))

    def flops(self, phases: Iterable[Phase]) -> int:
        """Return how many multiplications and additions the products of a step take that was written."""
        return sum(self._flops_of(kernel) for phase in phases for kernel in phase.kernels)

    def _flops_of(self, kernel: Kernel) -> int:
        if isinstance(kernel, Repeat):
            return kernel.time.size * self.flops(kernel.phases)
        if isinstance(kernel, Strips):
            return kernel.turns * sum(map(self._flops_of, kernel.body))
        return 0 if isinstance(kernel, Host) else self._function_of[kernel].flops

    def _part(self, phases: list[Phase]) -> None:
        name = f"part{len(self.parts)}"
        w = Writer(name, [("i64", "%thread"), ("ptr", "%frame")])
        self.parts.append(name)
        self._writers.append(w)
        arena = w.let("load ptr, ptr %frame")
        self._addresses.begin(arena)
        self._scratch = w.at(arena, self.plan.size, dtypes.uint8)
        self._control = w.let(f"load ptr, ptr {w.at('%frame', 1, dtypes.int64)}")

        def after_others(phase: Phase) -> None:
            if phase.meets:
                self._barrier(w)
            self._phase(w, phase, {})

        if self.threads > 1:
            let_run_on(phases, self._reach, self.plan.offsets)
        keys = [
            (phase.gate is None or id(phase), phase.meets, *(self._form(k, {}) for k in phase.kernels))
            for phase in phases
        ]
        for phase in phases[:1]:
            self._phase(w, phase, {})
        self._in_turns(w, phases[1:], keys[1:], lambda phase: every_kernel([phase]), after_others)

    def _reach(self, kernel: Kernel) -> Reach | None:
        """Return where each thread reaches in a kernel; None if that is not known."""
        if isinstance(kernel, Strips):
            return self._reach_of_strips(kernel)
        function = self._function_of.get(kernel)
        return function.reach if function is not None and self._is_shared(function) else None

    def _reach_of_strips(self, strips: Strips) -> Reach:
        """Return where each thread reaches in strips, which is the same in those of equal layers."""
        number = {buffer: n for n, buffer in enumerate(strips.buffers)}
        known = (self._form(strips, {}), *(number[b] for inner in strips.body for b in inner.buffers))
        if known not in self._reaches:
            part = strips_of(strips, self.threads)
            self._reaches[known] = reach_of(strips.body, part, strips.buffers)
        return self._reaches[known]

    def _barrier(self, w: Writer) -> None:
        if self.threads > 1:
            call_barrier(w, self._control, self.threads)

    def _phase(self, w: Writer, phase: Phase, times: dict[Axis, Int]) -> None:
        if phase.gate is not None:
            self._gate(w, phase.gate.flags)
        shared: list[_Call] = []
        alone: list[_Call] = []
        for kernel in phase.kernels:
            if isinstance(kernel, Repeat):
                self._repeat(w, kernel, times)
            elif isinstance(kernel, Strips):
                self._strips(w, kernel, times)
            else:
                call = _Call(kernel, self._function_of[kernel], times)
                (shared if self._is_shared(call.function) else alone).append(call)
        self._calls(w, self._abreast(shared), partial(self._slices, w))
        for thread, calls in enumerate(_dealt(alone, self.threads)):
            if calls:
                with w.when(w.let(f"icmp eq i64 %thread, {thread}")):
                    groups = [Group([call]) for call in calls]
                    self._calls(w, groups, lambda group: self._whole(w, group.kernels[0]))

    def _is_shared(self, function: Function) -> bool:
        """Whether all threads do their part of a kernel."""
        return self.threads == 1 or (function.work >= SMALL and function.units > 1)

    def _abreast(self, calls: list[_Call]) -> list[Group[_Call]]:
        """Put calls that go through a large array together into groups."""
        near = self.target.level2 * self.threads // 2
        ways = [dict(zip(call.kernel.buffers, call.function.divides)) for call in calls]
        return abreast(zip(calls, ways), near)

    def _slices(self, w: Writer, group: Group[_Call]) -> None:
        """Write this thread's part of calls; if there are several, a slice of each, then the next slice of each."""
        parts = [self._share(w, call.function.units) for call in group.kernels]

        def turn(i: Int, _: list) -> list:  # type: ignore[type-arg]
            for call, (first, end) in zip(group.kernels, parts):
                size = w.sub(end, first)
                ends = (w.add(first, w.div(w.mul(size, w.add(i, n)), group.slices)) for n in range(2))
                self._call(w, call, *ends)
            return []

        if group.slices > 1:
            w.loop(0, group.slices, 1, turn)
        else:
            self._call(w, group.kernels[0], *parts[0])

    def _share(self, w: Writer, units: int) -> tuple[Int, Int]:
        """Return the range of units that this thread does."""
        if self.threads == 1:
            return 0, units
        first = w.div(w.mul("%thread", units), self.threads)
        end = w.div(w.mul(w.add("%thread", 1), units), self.threads)
        return first, end

    def _gate(self, w: Writer, flags: list[Buffer]) -> None:
        """Leave the step, in all threads, if a flag is false."""
        for flag in flags:
            value = w.load(self._addresses.of_buffer(w, flag), dtypes.bool_)
            leave, go_on = w.label("stop"), w.label("go")
            w.do(f"br i1 {value.name}, label %{go_on}, label %{leave}")
            w.begin(leave)
            w.do("ret void")
            w.begin(go_on)

    def _repeat(self, w: Writer, kernel: Repeat, times: dict[Axis, Int]) -> None:
        """Write a loop over time around the phases of its body; threads meet after each, unless they keep apart."""
        if self.threads > 1 and self._keeps_apart(kernel):
            self.apart.add(kernel)

        def turn(i: Int, _: list) -> list:  # type: ignore[type-arg]
            time = w.sub(kernel.time.size - 1, i) if kernel.reverse else i
            for phase in kernel.phases:
                self._phase(w, phase, {**times, kernel.time: time})
                if kernel not in self.apart:
                    self._barrier(w)
            return []

        w.loop(0, kernel.time.size, 1, turn)

    def _keeps_apart(self, loop: Repeat) -> bool:
        """Whether every thread keeps to rows of its own in a loop over time."""
        kernels = (kernel for phase in loop.phases for kernel in phase.kernels)
        return Apart(self.plan.offsets).takes((kernel, self._reach(kernel)) for kernel in kernels)

    def _strips(self, w: Writer, kernel: Strips, times: dict[Axis, Int]) -> None:
        """Write a loop over this thread's strips around the kernels of its body, which have no need of others."""

        def turn(number: Int, _: list) -> list:  # type: ignore[type-arg]
            now, rest = {**times, kernel.thread: "%thread"}, number
            for axis in reversed(kernel.loops):
                now[axis], rest = w.mod(rest, axis.size), w.div(rest, axis.size)
            for inner in kernel.body:
                self._whole(w, _Call(inner, self._function_of[inner], now))
            return []

        w.loop(*self._share(w, kernel.turns), 1, turn)

    # --- what repeats itself ------------------------------------------------------------------------------------

    def _in_turns(
        self,
        w: Writer,
        items: Sequence[T],
        keys: Sequence[Hashable],
        kernels: Callable[[T], Iterable[Kernel]],
        write: Callable[[T], None],
    ) -> None:
        """Write items one behind the other; where their keys repeat themselves, as a loop."""
        done = 0
        for run in [] if self._addresses.in_turns else repeats(keys[: len(items)], self.fewest):
            for item in items[done : run.first]:
                write(item)
            turns = [[k for n in run.at(t) for k in kernels(items[n])] for t in range(run.count)]

            def turn(number: Int, _: list, run: Run = run, turns: Any = turns) -> list:  # type: ignore[type-arg]
                with self._addresses.turns(turns, number):
                    for n in run.at(0):
                        write(items[n])
                return []

            w.loop(0, run.count, 1, turn)
            done = run.end
        for item in items[done:]:
            write(item)

    def _calls(self, w: Writer, groups: list[Group[_Call]], write: Callable[[Group[_Call]], None]) -> None:
        """Write groups of calls that need not wait for each other."""

        def form(call: _Call) -> Hashable:
            return self._form(call.kernel, {axis: n for n, axis in enumerate(call.times)})

        keys = [tuple(map(form, group.kernels)) for group in groups]
        self._in_turns(w, groups, keys, lambda group: [call.kernel for call in group.kernels], write)

    def _form(self, kernel: Kernel, times: Mapping[Axis, int]) -> Hashable:
        """Return what kernels have in common that are called alike, on buffers of their own in the arena.

        Args:
            kernel: any native one.
            times: numbers of the loops around it.
        """
        if isinstance(kernel, Repeat):
            times = {**times, kernel.time: len(times)}
            phases = [tuple(self._form(inner, times) for inner in p.kernels) for p in kernel.phases]
            return (kernel.time.size, kernel.reverse, *phases)
        if isinstance(kernel, Strips):
            times = {axis: n for n, axis in enumerate((*times, kernel.thread, *kernel.loops))}
            sizes = (kernel.thread.size, *(axis.size for axis in kernel.loops))
            return (sizes, *(self._form(inner, times) for inner in kernel.body))
        if isinstance(kernel, Host):
            return kernel
        apart = self._given.isdisjoint(kernel.buffers)
        given = () if apart else tuple([b if b in self._given else None for b in kernel.buffers])
        return (self._function_of[kernel].name, given, *(times[axis] for axis in kernel.free_axes))

    # --- kernels ------------------------------------------------------------------------------------------------

    def _whole(self, w: Writer, call: _Call) -> None:
        """Write a call for all pieces."""
        self._call(w, call, 0, call.function.units)

    def _call(self, w: Writer, call: _Call, first: Int, end: Int) -> None:
        """Write a call for a range of pieces."""
        arguments = [f"ptr {address}" for address in self._addresses.of(w, call.kernel)]
        if call.function.scratch:
            arguments.append(f"ptr {self._own_scratch(w)}")
        arguments += [f"i64 {call.times[axis]}" for axis in call.kernel.free_axes]
        w.do(f"call void @{call.function.name}({', '.join([*arguments, f'i64 {first}', f'i64 {end}'])})")

    def _function(self, kernel: Kernel) -> Function:
        """Return the function of a kernel, which is written if there is no equal one yet."""
        threads = 1 if kernel in self._alone else self.threads
        known = signature(kernel), threads
        if known not in self._written:
            self._written[known] = self._write(kernel, threads)
        return self._written[known]

    def _write(self, kernel: Kernel, threads: int) -> Function:
        """Write the function of a kernel."""
        body = body_of(kernel, self.target, threads)
        names = {buffer: f"%b{n}" for n, buffer in enumerate(kernel.buffers)}
        times = {axis: f"%t{n}" for n, axis in enumerate(kernel.free_axes)}
        scratch = body.scratch
        parameters = [("ptr", name) for name in names.values()]
        parameters += [("ptr", "%scratch")] if scratch else []
        parameters += [("i64", name) for name in (*times.values(), "%first", "%end")]
        name = f"k{len(self._functions)}_{kernel.name}"
        w = Writer(name, parameters, linkage=self.linkage, avx512=self.target.has_avx512)
        elements = Elements(w, names)
        elements.axes.update(times)
        elements.compute_early(body.kernel.values, body.kernel.writes)
        body.write(elements, "%first", "%end")
        self._functions.append(w)
        self.scratch = max(self.scratch, scratch)
        return Function.of(name, kernel, body, threads)

    def _own_scratch(self, w: Writer) -> str:
        """Return the address of memory that only this thread uses."""
        room = self.plan.scratch
        return w.at(self._scratch, w.mul("%thread", room), dtypes.uint8)


@dataclass(frozen=True)
class _Call:
    """A call of a kernel's function, with the values of the loops around it."""

    kernel: Kernel
    function: Function
    times: Mapping[Axis, Int]


def _dealt(calls: list[_Call], threads: int) -> list[list[_Call]]:
    """Deal out what is done by one thread alone, the largest first, always to the one with the least to do."""
    dealt: list[list[_Call]] = [[] for _ in range(threads)]
    loads = [0] * threads
    for call in sorted(calls, key=lambda c: -c.function.work):
        thread = loads.index(min(loads))
        loads[thread] += call.function.work + CALL
        dealt[thread].append(call)
    return dealt


def every_kernel(phases: Iterable[Phase]) -> Iterator[Kernel]:
    """Yield all native kernels, those inside of loops too."""
    for phase in phases:
        for kernel in phase.kernels:
            if isinstance(kernel, Repeat):
                yield from every_kernel(kernel.phases)
            elif isinstance(kernel, Strips):
                yield from kernel.body
            elif not isinstance(kernel, Host):
                yield kernel


def between_hosts(phases: list[Phase]) -> list[list[Phase]]:
    """Return the runs of phases without a host's phase in them; empty runs too."""
    runs: list[list[Phase]] = [[]]
    for phase in phases:
        if phase.is_host:
            runs.append([])
        else:
            runs[-1].append(phase)
    return runs
