"""What became of a function: its kernels and phases, where its memory lies, and how long each kernel takes here.

The kernels are measured, and compared with what this machine can do at most.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.arrays import Array
from koubai.compiler.build import Blueprint, build, simplified
from koubai.compiler.compiled import Compiled
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.kernel import Host, Kernel, Repeat, Strips
from koubai.compiler.profile.describe import describe
from koubai.compiler.profile.roofline import Roof, roof
from koubai.compiler.profile.timing import TimedStep, Times
from koubai.compiler.profile.work import Work, work_of
from koubai.compiler.schedule.phases import Phase
from koubai.compiler.step import Step
from koubai.engine.tensor import Tensor
from koubai.ops.graph import Graph
from koubai.ops.op import Kind

WIDTH = 80
_INSTANT = 2e-8  # seconds: below, the clock's own time is most of what was measured
_MANY = 40  # kernels and buffers that are worth a line each without being asked for


@dataclass(frozen=True)
class Row:
    """One kernel.

    Attributes:
        phase: the number of the phase that it is in.
        name: of the kernel.
        what: what it does, in words.
        times: how often it runs in a step.
        seconds: that it takes in a step.
        work: of all its runs in a step.
        least: the seconds that this machine needs at least for that work.
    """

    phase: int
    name: str
    what: str
    times: int
    seconds: float
    work: Work
    least: float

    @property
    def share(self) -> float:
        """How much of what the machine can do at most it reaches."""
        return self.least / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        what = f"{self.name} {self.what}" + (f", {self.times} times" if self.times > 1 else "")
        what = textwrap.shorten(what, 43, placeholder="…")
        if self.seconds < _INSTANT:
            return f"{self.phase:4} {what:43} {_time(self.seconds)}"
        rate = _rate(self.work, self.seconds)
        return f"{self.phase:4} {what:43} {_time(self.seconds)} {rate} {self.share:4.0%}"


@dataclass(frozen=True)
class Place:
    """Where a buffer lies in the arena.

    Attributes:
        name, kind: of the buffer.
        shape: with the type of its elements.
        offset, bytes: in the arena.
        phases: the first and the last that touch it; None if it is there always.
    """

    name: str
    kind: str
    shape: str
    offset: int
    bytes: int
    phases: tuple[int, int] | None

    def __str__(self) -> str:
        alive = "always" if self.phases is None else f"{self.phases[0]} to {self.phases[1]}"
        name = textwrap.shorten(self.name, 16, placeholder="…")
        return f"{self.offset:10} {self.bytes:10} {alive:>10}  {self.kind:8} {name:16} {self.shape}"[:WIDTH]


class Explanation:
    """What a function was compiled to; print it.

    Attributes:
        name: of the function.
        traced, simplified: its graph as it was traced, and as it was compiled.
        threads: how many run it.
        phases: its kernels as they are, in phases.
        rows: what there is to say of each kernel, in the order in which they run.
        places: what lies where in the arena.
        arena: the bytes of it.
        checks: what is looked at before state changes: "loss" that it is finite, "position" that it is in range.
        roof: what this machine can do at most.
        waiting: the seconds that each thread waits for others.
        passes: the kernels after each pass of the compiler, by its name.
        module: the step in LLVM's language.
    """

    def __init__(
        self, name: str, step: Step, blueprint: Blueprint, passes: dict[str, list[Kernel]], times: Times
    ) -> None:
        self.name = name
        self.passes = passes
        self.module = blueprint.module.text
        self.traced = step.graph
        self.simplified = simplified(self.traced, step.target)
        self.threads = step.threads
        self.phases = blueprint.phases
        self.roof = roof(step.target, step.threads)
        self.rows = list(_rows(blueprint.phases, times.kernels, self.roof))
        self.places = _places(blueprint)
        self.checks = list(dict.fromkeys(name for name, _ in blueprint.flags))
        self.arena = blueprint.plan.size
        self.waiting = times.waiting

    @property
    def seconds(self) -> float:
        """The time of all kernels."""
        return sum(row.seconds for row in self.rows)

    @property
    def slowest(self) -> list[Row]:
        """The kernels, those first that take longest."""
        return sorted(self.rows, key=lambda row: -row.seconds)

    def after(self, stage: str) -> str:
        """Return what a stage of the compiler made, as text.

        Args:
            stage: "trace", "simplify", "lower", "arrange", "fuse", "write in place", "phases" or "llvm".

        Raises:
            KeyError: if there is no such stage.
        """
        if stage in ("trace", "simplify"):
            return str(self.traced if stage == "trace" else self.simplified)
        if stage == "phases":
            return "\n--\n".join(map(str, self.phases))
        return self.module if stage == "llvm" else "\n".join(map(str, self.passes[stage]))

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, full: bool = False) -> str:
        """Return all that is known.

        Args:
            full: also the graph, all kernels and all buffers, however many there are.
        """
        parts = [
            self._head(),
            *([str(self.simplified)] if full else []),
            self._kernels(full),
            self._memory(full),
        ]
        return "\n\n".join(parts)

    def _head(self) -> str:
        least = sum(row.least for row in self.rows)
        speeds = ", ".join(f"{speed / 1e9:.0f} ({_size(size)})" for size, speed in self.roof.speeds)
        waits = f"; threads wait {_time(max(self.waiting)).strip()}" if self.threads > 1 else ""
        lines = [
            f"{self.name}: {_ops(self.traced)} ops, {_ops(self.simplified)} after simplification",
            f"{len(self.rows)} kernels in {len(self.phases)} phases, {_count(self.threads, 'thread')}",
            f"{_time(self.seconds).strip()} in kernels{waits}",
            f"this machine needs {_time(least).strip()} for that work at least:",
            f"  {self.roof.flops / 1e9:.0f} GFLOP/s; {speeds} GB/s",
        ]
        return "\n".join(lines)

    def _kernels(self, full: bool) -> str:
        head = f"{'ph.':>4} {'kernel':43} {'time':>10} {'speed':>14} {'roof':>5}"
        if full or len(self.rows) <= _MANY:
            return "\n".join([head, *self._in_phases()])
        rows = self.slowest[:_MANY]
        return "\n".join([head, *map(str, rows), f"{len(self.rows) - _MANY} more, all of them faster"])

    def _in_phases(self) -> Iterator[str]:
        for number, phase in enumerate(self.phases):
            if phase.gate is not None:
                yield f"---- only if all is well: {', '.join(self.checks)}"
            elif number and phase.meets and self.threads > 1:
                yield "-" * 4 + " barrier"
            yield from (str(row) for row in self.rows if row.phase == number)

    def _memory(self, full: bool) -> str:
        lasting = sum(p.bytes for p in self.places if p.phases is None)
        working = sum(p.bytes for p in self.places if p.phases is not None)
        head = [
            f"memory: {_size(self.arena)}, of which {_size(lasting)} last from step to step; the rest is used",
            f"again and again by {_size(working)} of buffers",
            f"{'offset':>10} {'bytes':>10} {'phases':>10}  what",
        ]
        largest = self.places if full else sorted(self.places, key=lambda p: -p.bytes)[: _MANY // 2]
        more = len(self.places) - len(largest)
        return "\n".join(
            [*head, *map(str, largest), *([f"{more} more, all of them smaller"] if more else [])]
        )


def explain(compiled: Compiled, *arguments: Any, seconds: float = 0.5) -> Explanation:
    """Return what a compiled function does, kernel by kernel, with times that are measured now.

    Nothing that the function reads or changes is touched: the kernels run on a copy of the state.

    Args:
        compiled: what `koubai.compile` returned.
        arguments: for the function, to measure with. Without them, the latest compile is measured on random numbers,
            and where it takes whole numbers on zeros.
        seconds: how long to measure.

    Raises:
        RuntimeError: if the function runs eagerly, or was never called and there are no arguments.

    Example:
        >>> print(koubai.compiler.explain(step, x, y))
    """
    step, given = step_of(compiled, arguments)
    passes: dict[str, list[Kernel]] = {}
    blueprint = build(
        step.graph,
        step.roles,
        step.target,
        step.threads,
        watch=lambda name, kernels, *_: passes.update({name: list(kernels)}),
    )
    numbers = [np.array(host(), np.float64) for host in step.program.hosts]
    states = [np.array(owner.payload) for owner in step._owners]
    timed = TimedStep(blueprint, step.target, step.threads, states, numbers)
    times = timed.run(given, seconds)
    return Explanation(compiled._name, step, blueprint, passes, times)


def _ops(graph: Graph) -> int:
    """Count the ops that are more than another view of something."""
    return sum(node.op.kind is not Kind.MOVEMENT for node in graph.nodes)


def step_of(compiled: Compiled, arguments: tuple[Any, ...]) -> tuple[Step, list[Array]]:
    """Return a step of a compiled function, and what it is given.

    Args:
        compiled: the function.
        arguments: what it is compiled for; without any the latest step is taken, and what it is given is made up.

    Raises:
        RuntimeError: if the function runs eagerly, or was never called and there are no arguments.
    """
    if arguments and compiled.falls_back is None:
        step, tensors = compiled.prepare(arguments)
        if step is not None:
            return step, step._arrays(tensors)
    if compiled.falls_back is not None:
        raise RuntimeError(f"{compiled._name} runs eagerly: {compiled.falls_back}")
    if not compiled.steps:
        raise RuntimeError(f"{compiled._name} was not compiled yet: call it, or give its arguments here")
    step = compiled.steps[-1]
    generator = np.random.default_rng(0)
    return step, step._arrays([_made_up(s.shape, s.dtype, generator) for s in step.program.arguments])


def _made_up(shape: Sequence[int], dtype: Any, generator: np.random.Generator) -> Tensor:
    """Return numbers like those of data; whole ones are zeros, which are in range everywhere."""
    array = generator.standard_normal(shape) if dtype.kind == "f" else np.zeros(shape)
    return Tensor(array.astype(dtype))


def _rows(phases: list[Phase], seconds: dict[Kernel, float], limits: Roof) -> Iterator[Row]:
    for number, phase in enumerate(phases):
        for kernel, times in _every(phase.kernels, 1):
            work = work_of(kernel)
            least = 0.0 if isinstance(kernel, Host) else limits.seconds(work) * times
            took = seconds.get(kernel, 0.0)
            yield Row(number, kernel.name, describe(kernel), times, took, work * times, least)


def _every(kernels: list[Kernel], times: int) -> Iterator[tuple[Kernel, int]]:
    """Yield kernels and how often they run, those inside of loops too."""
    for kernel in kernels:
        if isinstance(kernel, Repeat):
            yield from _every(kernel.body, times * kernel.time.size)
        elif isinstance(kernel, Strips):
            yield from _every(kernel.body, times * kernel.turns)
        else:
            yield kernel, times


def _places(blueprint: Blueprint) -> list[Place]:
    """Return where everything lies, in the order in which it lies there."""
    alive: dict[Buffer, tuple[int, int]] = {}
    for number, phase in enumerate(blueprint.phases):
        for kernel in phase.kernels:
            for buffer in kernel.reads | kernel.writes:
                alive[buffer] = alive.get(buffer, (number, number))[0], number
    found = []
    for buffer, offset in blueprint.plan.offsets.items():
        always = buffer.home is not Home.SCRATCH or buffer.border is not None
        if buffer.becomes is None or buffer.home is not Home.SCRATCH or offset >= blueprint.plan.lasting:
            shape = f"{buffer.dtype}{list(buffer.shape)}"
            span = None if always else alive.get(buffer)
            found.append(Place(buffer.name, buffer.home.value, shape, offset, buffer.bytes, span))
    return sorted(found, key=lambda place: (place.offset, place.phases or (0, 0)))


def _rate(work: Work, seconds: float) -> str:
    """Return the speed of what there is more of: arithmetic, or memory."""
    if work.flops > 4 * work.bytes:
        return f"{work.flops / seconds / 1e9:6.1f} GFLOP/s"
    return f"{work.bytes / seconds / 1e9:8.1f} GB/s"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:7.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:7.2f} µs"


def _size(size: int) -> str:
    return f"{size / 2**20:.4g} MiB" if size >= 2**20 else f"{-(-size // 1024)} KiB"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)
