"""Whether a schedule is safe: no thread reads or overwrites what another one writes without a barrier between them.

Kernels of one phase must leave each other's memory alone, the pieces of one kernel too, and buffers that lie in the
same place must not be needed at the same time. Everything is found from the kernels and the plan, without running them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from koubai.arrays import Array
from koubai.compiler.checking.touched import (
    RaceError,
    elements_of,
    has_first,
    is_data,
    lanes_apart,
    placed,
    rests_on_data,
    stages_of,
    where,
    without_data,
)
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import (
    Contraction,
    Kernel,
    Loops,
    Repeat,
    Scatter,
    Stage,
    Store,
    Strips,
    loads,
)
from koubai.compiler.llvm.bodies import body_of
from koubai.compiler.llvm.loops import LoopsFunction
from koubai.compiler.llvm.own_rows import Part, strips_of
from koubai.compiler.llvm.products import ContractionFunction
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.memory import Plan
from koubai.compiler.schedule.phases import Phase

__all__ = ["RaceError", "check_races"]

_TIMES = 4  # of a loop over time, how many are looked at


def check_races(
    phases: Sequence[Phase], plan: Plan, target: Target, threads: int, apart: Collection[Repeat] = ()
) -> None:
    """Check the schedule of a step.

    Args:
        phases: the step.
        plan: where its buffers lie.
        target: the processor, which the pieces of kernels depend on.
        threads: how many run it.
        apart: loops over time within which threads do not meet.

    Raises:
        RaceError: naming the kernels and the buffer.
    """
    _Check(plan, target, threads, apart).step(phases)


@dataclass(frozen=True)
class _Part:
    """Bytes in the arena, or an array of the caller."""

    start: int
    end: int

    def meets(self, other: _Part) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class _Touch:
    """The bytes of a buffer that a thread touches in a kernel."""

    buffer: Buffer
    place: Array
    thread: int
    writes: bool


class _Check:
    def __init__(self, plan: Plan, target: Target, threads: int, apart: Collection[Repeat]) -> None:
        self.plan, self.target, self.threads, self.apart = plan, target, threads, apart

    def part(self, buffer: Buffer) -> _Part | None:
        """Return where a buffer lies; None for what the caller gives, which nothing writes."""
        offset = self.plan.offsets.get(buffer)
        return None if offset is None else _Part(offset, offset + buffer.bytes)

    def meet(self, a: Buffer, b: Buffer) -> bool:
        """Whether two buffers have memory in common."""
        first, second = self.part(a), self.part(b)
        if first is None or second is None:
            return a is b
        return first.meets(second)

    def step(self, phases: Sequence[Phase]) -> None:
        self.lifetimes(phases)
        self.order(phases)
        self.gate(phases)
        self.phases(phases, {})
        for run in _runs(phases):
            self.without_meeting("the step", [kernel for phase in run for kernel in phase.kernels], {})

    # --- buffers that share memory ------------------------------------------------------------------------------

    def lifetimes(self, phases: Sequence[Phase]) -> None:
        """Two buffers in one place are never needed at the same time, unless one is the other's next value."""
        spans = _spans(phases)
        for buffer, part in ((b, self.part(b)) for b in spans):
            if part is not None and part.end > self.plan.size:
                raise RaceError(f"{buffer} does not lie in the arena")
        ordered = sorted((b for b in spans if self.part(b)), key=lambda b: self.plan.offsets[b])
        for number, a in enumerate(ordered):
            for b in itertools.takewhile(functools.partial(self.meet, a), ordered[number + 1 :]):
                if not self.same(a, b) and _meet(spans[a], spans[b]):
                    raise RaceError(f"{a} and {b} lie in the same memory and are needed at the same time")

    def same(self, a: Buffer, b: Buffer) -> bool:
        """Whether one buffer is meant to lie where the other is: a next value, written over the one before."""
        return self.plan.offsets[a] == self.plan.offsets[b] and a.bytes == b.bytes and _successive(a, b)

    def order(self, phases: Sequence[Phase]) -> None:
        """Nothing is read before it is written, and nothing is written when its old value is still to be read."""
        written: set[Buffer] = set()
        read: set[Buffer] = set()
        for number, phase in enumerate(phases):
            for kernel in phase.kernels:
                where = f"{kernel.name} in phase {number}"
                for buffer in kernel.reads:
                    self._is_there(where, kernel, buffer, written)
                for buffer in kernel.writes & read:
                    if buffer.home is Home.SCRATCH:
                        raise RaceError(f"{where} writes {buffer}, which has been read already")
            for kernel in phase.kernels:
                written |= kernel.writes
                read |= kernel.reads - kernel.writes

    def _is_there(self, where: str, kernel: Kernel, buffer: Buffer, written: set[Buffer]) -> None:
        given = (buffer.home is not Home.SCRATCH and buffer.becomes is None) or buffer.border is not None
        known = written | kernel.writes
        if not given and not any(
            b is buffer or (_successive(b, buffer) and self.meet(b, buffer)) for b in known
        ):
            raise RaceError(f"{where} reads {buffer}, which nothing has written yet")
        for new in written:
            if new.becomes is buffer and self.meet(new, buffer):
                raise RaceError(f"{where} reads {buffer}, whose next value is there already")

    def gate(self, phases: Sequence[Phase]) -> None:
        """No state changes before all is known to have gone well."""
        at = next((n for n, phase in enumerate(phases) if phase.gate is not None), None)
        if at is None:
            return
        gate = phases[at].gate
        assert gate is not None
        for phase in phases[:at]:
            for kernel in phase.kernels:
                for buffer in kernel.writes:
                    if self._is_state(buffer):
                        raise RaceError(f"{kernel.name} changes {buffer} before it is known whether it may")
        late = {b for phase in phases[at:] for kernel in phase.kernels for b in kernel.writes}
        for flag in gate.flags:
            if flag in late:
                raise RaceError(f"{flag} is asked for before it is there")

    def _is_state(self, buffer: Buffer) -> bool:
        state = buffer if buffer.home is Home.STATE else buffer.becomes
        return state is not None and (state is buffer or self.meet(buffer, state))

    # --- phases -------------------------------------------------------------------------------------------------

    def phases(self, phases: Iterable[Phase], fixed: dict[Axis, int]) -> None:
        for phase in phases:
            for a, b in itertools.combinations(phase.kernels, 2):
                self.side_by_side(a, b, fixed)
            for kernel in phase.kernels:
                if isinstance(kernel, Repeat):
                    for time in _sample(kernel.time):
                        self.phases(kernel.phases, {**fixed, kernel.time: time})
                    if kernel in self.apart:
                        self.apart_in_time(kernel, fixed)
                elif isinstance(kernel, Strips):
                    self.strips(kernel, fixed)
                else:
                    self.pieces(kernel, fixed)

    def side_by_side(self, a: Kernel, b: Kernel, fixed: dict[Axis, int]) -> None:
        """Kernels of one phase do not write what the other one touches."""
        for writer, other in ((a, b), (b, a)):
            for buffer in writer.writes:
                for touched in other.reads | other.writes:
                    if self.meet(buffer, touched) and self._elements_meet(
                        writer, buffer, other, touched, fixed
                    ):
                        raise RaceError(
                            f"{writer.name} writes {buffer} in the same phase in which {other.name} touches {touched}"
                        )

    def _elements_meet(self, a: Kernel, x: Buffer, b: Kernel, y: Buffer, fixed: dict[Axis, int]) -> bool:
        """Whether two kernels have elements of a buffer in common; if it is not known, they do."""
        first, second = (elements_of(k, buffer, fixed) for k, buffer in ((a, x), (b, y)))
        if first is None or second is None or self.plan.offsets[x] != self.plan.offsets[y]:
            return True
        return bool(np.intersect1d(first, second).size)

    def _overwrites(self, store: Store, factor: Expression, fixed: dict[Axis, int]) -> bool:
        """Whether a store writes an element that is read as a factor; if it is not known, it does."""
        guards = factor.parts
        if any(map(is_data, (*store.indices, *factor.indices))) or any(map(rests_on_data, guards)):
            return True
        if self.plan.offsets[store.buffer] != self.plan.offsets[factor.detail]:
            return True
        written = where(store.buffer, store.indices, (), fixed)
        return bool(np.intersect1d(written, where(factor.detail, factor.indices, guards, fixed)).size)

    def strips(self, kernel: Strips, fixed: dict[Axis, int]) -> None:
        """Strips, which are pieces, write apart and read only what they write themselves, or what their thread has."""
        own = {b for b in kernel.writes if b.shape[:1] == (kernel.thread.size,) and has_first(kernel, b)}
        stages = [stage for inner in kernel.body for stage in stages_of(inner)]
        for stage in stages:
            stage.stores = [store for store in stage.stores if store.buffer not in own]
        self.pieces_apart(kernel.name, kernel.loops, kernel.loops, stages, {**fixed, kernel.thread: 0})

    # --- kernels between which threads do not meet --------------------------------------------------------------

    def apart_in_time(self, loop: Repeat, fixed: dict[Axis, int]) -> None:
        """Threads need not meet in a loop, neither now nor one turn later."""
        kernels = [kernel for phase in loop.phases for kernel in phase.kernels]
        for time in _sample(loop.time):
            turns = [{**fixed, loop.time: t} for t in {time, min(time + 1, loop.time.size - 1)}]
            self.without_meeting(loop.name, kernels, *turns)

    def without_meeting(self, name: str, kernels: Sequence[Kernel], *turns: dict[Axis, int]) -> None:
        """Of what kernels write, a thread touches only what no other one writes."""
        written = {buffer for kernel in kernels for buffer in kernel.writes}
        found = [touch for turn in turns for k in kernels for touch in self._touches(k, written, turn)]
        owner_of = np.full(self.plan.size, -1, np.int8)
        for touch in sorted(found, key=lambda touch: not touch.writes):
            taken = owner_of[touch.place]
            if ((taken >= 0) & (taken != touch.thread)).any():
                raise RaceError(f"{name}: two threads that do not meet share an element of {touch.buffer}")
            if touch.writes:
                owner_of[touch.place] = touch.thread

    def _touches(self, kernel: Kernel, written: set[Buffer], turn: dict[Axis, int]) -> Iterator[_Touch]:
        """Yield where each thread touches in a kernel what is written."""
        inner, part = self._division(kernel)
        touches = [(store.read_again, True) for k in inner for store in k.stores]
        touches += [(e, False) for k in inner for e in k.loads]
        for e, writes in touches:
            buffer: Buffer = e.detail
            if any(self.meet(buffer, other) for other in written):
                indices, _, guards = without_data(e)
                for thread, own in enumerate(part):
                    if own is not None:
                        mine = [index.replace(own) for index in indices]
                        place = where(buffer, mine, [guard.replace(own) for guard in guards], turn)
                        yield _Touch(buffer, self._bytes(buffer, place), thread, writes)

    def _division(self, kernel: Kernel) -> tuple[list[Kernel], Part]:
        """Return what is written of a kernel, and how threads divide it."""
        if isinstance(kernel, Strips):
            return kernel.body, strips_of(kernel, self.threads)
        body = body_of(kernel, self.target, self.threads)
        part = body.part(self.threads) if isinstance(body, LoopsFunction | ContractionFunction) else None
        if part is None:
            raise RaceError(
                f"it is not known how {kernel.name} is divided, and threads do not meet behind it"
            )
        return [body.kernel], part

    def _bytes(self, buffer: Buffer, place: Array) -> Array:
        """Return the bytes of the arena that elements take."""
        size = buffer.dtype.itemsize
        return np.add.outer(self.plan.offsets[buffer] + place * size, np.arange(size)).reshape(-1)

    # --- pieces of one kernel -----------------------------------------------------------------------------------

    def pieces(self, kernel: Kernel, fixed: dict[Axis, int]) -> None:
        """Pieces of a kernel that different threads may run write apart, and read only what they write themselves."""
        if isinstance(kernel, Scatter):
            lanes_apart(kernel, fixed)
        elif isinstance(kernel, Contraction):
            stage = Stage((), [], kernel.epilogue)
            for store, factor in itertools.product(kernel.epilogue, loads(kernel.factors)):
                if self.meet(store.buffer, factor.detail) and self._overwrites(store, factor, fixed):
                    raise RaceError(f"{kernel.name} overwrites its own factor {factor.detail}")
            self.pieces_apart(kernel.name, kernel.outer, kernel.outer, [stage], fixed)
        elif isinstance(kernel, Loops):
            body = body_of(kernel, self.target, self.threads)
            if isinstance(body, LoopsFunction):
                self.pieces_apart(kernel.name, body.kernel.outer, body.shared, body.kernel.stages, fixed)
            else:  # a copy: every element is a piece
                self.pieces_apart(kernel.name, kernel.outer, kernel.outer, kernel.stages, fixed)

    def pieces_apart(
        self,
        name: str,
        outer: Sequence[Axis],
        shared: Sequence[Axis],
        stages: Sequence[Stage],
        fixed: dict[Axis, int],
    ) -> None:
        """Check loops: every turn of the shared ones is a piece."""
        owners: dict[int, Array] = {}
        stores = [(stage, store) for stage in stages for store in stage.stores]
        for stage, store in stores:
            offset = self.plan.offsets[store.buffer]
            owner_of = owners.setdefault(offset, np.full(store.buffer.extent, -1))
            place, owner, _ = placed(store.buffer, store.indices, (*outer, *stage.inner), shared, fixed)
            taken = owner_of[place]
            if ((taken >= 0) & (taken != owner)).any():
                raise RaceError(f"{name}: two pieces write the same element of {store.buffer}")
            owner_of[place] = owner
            if (owner_of[place] != owner).any():
                raise RaceError(f"{name}: two pieces write the same element of {store.buffer}")
        for stage in stages:
            for e in loads(stage.values):
                if any(self.meet(e.detail, store.buffer) for _, store in stores):
                    self._reads_own(name, e, (*outer, *stage.inner), shared, fixed, owners)

    def _reads_own(
        self,
        name: str,
        e: Expression,
        axes: Sequence[Axis],
        shared: Sequence[Axis],
        fixed: dict[Axis, int],
        owners: dict[int, Array],
    ) -> None:
        buffer: Buffer = e.detail
        owner_of = owners.get(self.plan.offsets[buffer])
        if owner_of is None:
            raise RaceError(f"{name}: pieces may read elements of {buffer} that others write")
        indices, anywhere, guards = without_data(e)
        place, owner, reads = placed(buffer, indices, (*axes, *anywhere), shared, fixed, guards)
        found = owner_of[place]
        if ((found >= 0) & (found != owner) & reads).any():
            raise RaceError(f"{name}: a piece reads an element of {buffer} that another one writes")


def _runs(phases: Sequence[Phase]) -> list[list[Phase]]:
    """Return the phases between which threads do not meet."""
    runs: list[list[Phase]] = []
    for phase in phases:
        if phase.meets or not runs:
            runs.append([])
        runs[-1].append(phase)
    return [run for run in runs if len(run) > 1]


def _successive(a: Buffer, b: Buffer) -> bool:
    """Whether one is the next value of the other, or both are places of one carried value."""
    return a.becomes is b or b.becomes is a or a.name.rstrip("'") == b.name.rstrip("'")


def _spans(phases: Sequence[Phase]) -> dict[Buffer, tuple[int, int]]:
    """Return the first and the last phase in which each buffer is needed."""
    spans: dict[Buffer, tuple[int, int]] = {}
    for number, phase in enumerate(phases):
        for kernel in phase.kernels:
            for buffer in kernel.reads | kernel.writes:
                spans[buffer] = spans.get(buffer, (number, number))[0], number
    whole = (0, len(phases) - 1)
    always = (b for b in spans if b.home not in (Home.SCRATCH, Home.ARGUMENT) or b.border is not None)
    return {**spans, **dict.fromkeys(always, whole)}


def _meet(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] <= b[1] and b[0] <= a[1]


def _sample(time: Axis) -> Iterator[int]:
    """Yield some times: the first ones and the last."""
    yield from range(min(_TIMES - 1, time.size))
    if time.size >= _TIMES:
        yield time.size - 1
