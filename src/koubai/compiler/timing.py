"""How long each kernel of a step takes: the step is built once more, with a clock read around every call.

It runs on memory of its own, so the step that is measured does not notice.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from koubai import dtypes
from koubai.arrays import Array
from koubai.compiler.build import Blueprint
from koubai.compiler.executable import Executable
from koubai.compiler.kernel import Kernel, Repeat
from koubai.compiler.llvm.driver import Driver
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.outline import Call, Outline
from koubai.compiler.runtime.objects import compile_object, load_object
from koubai.compiler.runtime.target import Target
from koubai.dtypes import DType

_CLOCKS = {"x86_64": "llvm.readcyclecounter", "aarch64": "llvm.readsteadycounter"}


@dataclass
class Times:
    """What was measured, in seconds.

    Attributes:
        kernels: of each kernel, the thread that took longest; several runs' minimum.
        waiting: of each thread at barriers.
        step: of the whole step, without the clocks of its kernels.
    """

    kernels: dict[Kernel, float]
    waiting: list[float]
    step: float


@dataclass
class TimedDriver(Driver):
    """Writes a step that adds up the ticks of each kernel, and of waiting, for each thread.

    Attributes:
        slots: the number of each kernel's sum; the sum with number 0 is what threads waited at barriers.
    """

    slots: dict[Kernel, int] = field(default_factory=dict)

    def _call(self, w: Writer, kernel: Kernel, call: str) -> None:
        slot = self.slots.setdefault(kernel, len(self.slots) + 1)
        began = self._ticks(w)
        super()._call(w, kernel, call)
        self._add(w, slot, began)

    def _barrier(self, w: Writer) -> None:
        began = self._ticks(w)
        super()._barrier(w)
        self._add(w, 0, began)

    def _ticks(self, w: Writer) -> str:
        clock = _CLOCKS.get(self.target.architecture, "llvm.readsteadycounter")
        w.declare(f"i64 @{clock}()")
        return w.let(f"call i64 @{clock}()")

    def _add(self, w: Writer, slot: int, began: str) -> None:
        """Add the ticks since `began` to a sum of this thread."""
        place = w.at("%frame", 2 + len(self.arguments), dtypes.int64)
        sums = w.let(f"load ptr, ptr {place}")
        mine = w.at(sums, w.add(w.mul("%thread", _LINE), slot * self.threads * _LINE), dtypes.int64)
        took = w.sub(self._ticks(w), began)
        w.do(f"store i64 {w.add(w.let(f'load i64, ptr {mine}'), took)}, ptr {mine}")


_LINE = 8  # words between two sums, so that threads do not wait for each other's cache lines


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
        text = driver.write(blueprint.phases)
        library = load_object(compile_object(text, target), target)
        self._slots = driver.slots
        self._sums = np.zeros((len(driver.slots) + 1, threads, _LINE), np.int64)
        self._given = [*states], [*numbers]
        outline = Outline.of(blueprint)
        self._executable = _Timed(outline, library, threads, len(blueprint.arguments) + 1)

    def run(self, arguments: Sequence[Array], seconds: float = 0.5, plain: Executable | None = None) -> Times:
        """Run again and again for some time, and return each kernel's best time."""
        best = np.full(self._sums.shape[:2], np.iinfo(np.int64).max)
        hosts: dict[Kernel, float] = {}
        deadline, steps, tick = time.perf_counter() + seconds, [], 0.0
        while len(steps) < 3 or time.perf_counter() < deadline:
            self._start(self._executable)
            took, ticks = self._one(arguments)
            steps.append(took)
            tick = _per_tick() if not tick else tick
            best = np.minimum(best, ticks)
            for kernel, spent in self._executable.hosts.items():
                hosts[kernel] = min(spent, hosts.get(kernel, spent))
        kernels = {k: float(best[n].max()) * tick for k, n in self._slots.items()}
        return Times({**kernels, **hosts}, [float(x) * tick for x in best[0]], min(steps))

    def _start(self, executable: Executable) -> None:
        for views, arrays in zip((executable.states, executable.numbers), self._given):
            for view, array in zip(views, arrays):
                view[...] = array

    def _one(self, arguments: Sequence[Array]) -> tuple[float, Array]:
        self._sums[...] = 0
        began = time.perf_counter()
        self._executable.run([*arguments, self._sums])
        return time.perf_counter() - began, self._sums[:, :, 0].copy()


class _Timed(Executable):
    """Also notes how long NumPy takes for its share."""

    def _run_on_host(self, call: Call) -> None:
        began = time.perf_counter()
        super()._run_on_host(call)
        self.hosts[call.host] = time.perf_counter() - began

    @property
    def hosts(self) -> dict[Kernel, float]:
        """The seconds of each op that NumPy ran last."""
        return self.__dict__.setdefault("_hosts", {})  # type: ignore[no-any-return]
