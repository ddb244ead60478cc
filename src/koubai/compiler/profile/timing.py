"""How long each kernel of a step takes: the step is built once more, with a clock read around every call.

It runs on memory of its own, so the step that is measured does not notice.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from koubai import dtypes
from koubai.arrays import Array
from koubai.compiler.build import Blueprint
from koubai.compiler.executable import Executable
from koubai.compiler.language.kernel import Kernel
from koubai.compiler.llvm.driver import Driver, _Call
from koubai.compiler.llvm.many import NAME as MANY
from koubai.compiler.llvm.module import Module
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.outline import Call, Outline
from koubai.compiler.runtime.objects import Library, compile_object
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.phases import Phase

_LINE = 8  # words from one sum to the next, so that threads do not wait for each other's cache lines
_ticks_type = ctypes.CFUNCTYPE(ctypes.c_int64)


@dataclass
class Times:
    """What was measured, in seconds.

    Attributes:
        kernels: of each kernel, the thread that took longest; several runs' minimum.
        waiting: of each thread at barriers.
    """

    kernels: dict[Kernel, float]
    waiting: list[float]


@dataclass
class TimedDriver(Driver):
    """Writes a step that adds up the ticks of each kernel, and of waiting, for each thread.

    Attributes:
        slots: the number of each kernel's sum; the sum with number 0 is what threads waited at barriers.
    """

    slots: dict[Kernel, int] = field(default_factory=dict)
    fewest: int = sys.maxsize  # each call has its own sum

    def write(self, phases: list[Phase], more: Iterable[Writer] = ()) -> Module:
        """Return the module, which has the clock `i64 ticks()` too."""
        clock = Writer("ticks", [], "i64")
        clock.do(f"ret i64 {self._ticks(clock)}")
        unused = Writer(MANY, [])  # of which an `Executable` asks where it is
        return super().write(phases, [*more, clock, unused])

    def _call(self, w: Writer, call: _Call, first: Int, end: Int) -> None:
        with self.timed(w, self.slots.setdefault(call.kernel, len(self.slots) + 1)):
            super()._call(w, call, first, end)

    def _barrier(self, w: Writer) -> None:
        with self.timed(w, 0):
            super()._barrier(w)

    @contextmanager
    def timed(self, w: Writer, slot: int) -> Iterator[None]:
        """Add the ticks that pass in what is written inside to a sum."""
        began = self._ticks(w)
        yield
        self._add(w, slot, began)

    def _ticks(self, w: Writer) -> str:
        if self.target.architecture == "aarch64":  # whose cycle counter programs may not read
            return w.let('call i64 asm sideeffect "mrs $0, cntvct_el0", "=r"()')
        clock = "llvm.readcyclecounter"
        w.declare(f"i64 @{clock}()")
        return w.let(f"call i64 @{clock}()")

    def _add(self, w: Writer, slot: int, began: str) -> None:
        """Add the ticks since `began` to a sum of this thread."""
        place = w.at("%frame", 2 + len(self.arguments), dtypes.int64)
        sums = w.let(f"load ptr, ptr {place}")
        mine = w.at(sums, w.add(w.mul("%thread", _LINE), slot * self.threads * _LINE), dtypes.int64)
        took = w.sub(self._ticks(w), began)
        w.do(f"store i64 {w.add(w.let(f'load i64, ptr {mine}'), took)}, ptr {mine}")


class TimedStep:
    """A step with clocks in it.

    Args:
        blueprint: of the step.
        target: the processor.
        threads: how many threads run it.
        states, numbers: what it starts from.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        target: Target,
        threads: int,
        states: Sequence[Array],
        numbers: Sequence[Array],
    ) -> None:
        driver = TimedDriver(target, threads, blueprint.plan, blueprint.arguments)
        library = Library(target, compile_object(driver.write(blueprint.phases).text, target))
        self._ticks = _ticks_type(library.address("ticks"))
        self._slots = driver.slots
        self._sums = np.zeros((len(driver.slots) + 1, threads, _LINE), np.int64)
        self._executable = _Timed(Outline.of(blueprint), library, threads, len(blueprint.arguments) + 1)
        self._start = [
            *zip(self._executable.states, states),
            (self._executable.numbers, np.asarray(numbers, np.float64)),
        ]

    def run(self, arguments: Sequence[Array], seconds: float) -> Times:
        """Run again and again for some time, from the same start, and return each kernel's best time."""
        best = np.full(self._sums.shape[:2], np.iinfo(np.int64).max)
        hosts: dict[Kernel, float] = {}
        began, first, runs = time.perf_counter(), self._ticks(), 0
        while runs < 3 or time.perf_counter() < began + seconds:
            best = np.minimum(best, self._one(arguments))
            for kernel, took in self._executable.hosts.items():
                hosts[kernel] = min(took, hosts.get(kernel, took))
            runs += 1
        tick = (time.perf_counter() - began) / (self._ticks() - first)
        kernels = {kernel: float(best[slot].max()) * tick for kernel, slot in self._slots.items()}
        return Times({**kernels, **hosts}, [float(ticks) * tick for ticks in best[0]])

    def _one(self, arguments: Sequence[Array]) -> Array:
        """Run once and return the ticks, by kernel and thread."""
        for view, array in self._start:
            view[...] = array
        self._sums[...] = 0
        self._executable.run([*arguments, self._sums])
        return self._sums[:, :, 0]


class _Timed(Executable):
    """Also notes how long NumPy takes for its share.

    Attributes:
        hosts: the seconds of each op that NumPy ran in the last run.
    """

    def __init__(self, outline: Outline, library: Library, threads: int, arguments: int) -> None:
        super().__init__(outline, library, threads, arguments)
        self.hosts: dict[Kernel, float] = {}

    def _run_on_host(self, call: Call) -> None:
        began = time.perf_counter()
        super()._run_on_host(call)
        self.hosts[call.host] = time.perf_counter() - began
