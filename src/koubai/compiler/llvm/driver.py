"""The whole step as one module: its kernels, each written once however often it is used, and what calls them in turn.

All threads run the step together. Each does its share of every kernel of a phase, then waits for the others before the
next phase begins. What NumPy has to run cuts the step into several native parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from koubai import dtypes
from koubai.compiler.buffer import Buffer, Home
from koubai.compiler.expression import Expression, walk
from koubai.compiler.index import Axis
from koubai.compiler.kernel import Contraction, Host, Kernel, Loops, Repeat, Scatter, axes_of
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.loops import LoopsFunction
from koubai.compiler.llvm.products import ContractionFunction
from koubai.compiler.llvm.scatters import ScatterFunction
from koubai.compiler.llvm.writer import Int, Writer, module
from koubai.compiler.memory import Plan
from koubai.compiler.phases import Phase
from koubai.compiler.runtime.barrier import call_barrier, write_barrier
from koubai.compiler.runtime.target import Target

SMALL = 4096  # rough instructions of a kernel that one thread does alone, because sharing costs more
Body = LoopsFunction | ContractionFunction | ScatterFunction
_TEMPLATE = "KERNEL"


@dataclass
class Driver:
    """Writes a step.

    Attributes:
        target: the processor.
        threads: how many run the step.
        plan: where buffers lie.
        arguments: buffers whose addresses come with the frame, in this order.
        parts: the names of the native parts, in order.
    """

    target: Target
    threads: int
    plan: Plan
    arguments: list[Buffer]
    parts: list[str] = field(default_factory=list)
    _functions: dict[str, Writer] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _writers: list[Writer] = field(default_factory=list)

    def write(self, phases: list[Phase]) -> str:
        """Return the text of the module."""
        for phases_ in between_hosts(phases):
            self._part(phases_)
        return module(
            [write_barrier(self.target), *self._functions.values(), *self._writers], self.target.attributes
        )

    def _part(self, phases: list[Phase]) -> None:
        name = f"part{len(self.parts)}"
        w = Writer(name, [("i64", "%thread"), ("ptr", "%frame")])
        self.parts.append(name)
        self._writers.append(w)
        self._pointers: dict[Buffer, str] = {}
        self._arena = w.let("load ptr, ptr %frame")
        self._control = w.let(f"load ptr, ptr {w.at('%frame', 1, dtypes.int64)}")
        for number, phase in enumerate(phases):
            self._phase(w, phase, {})
            if number < len(phases) - 1:
                self._barrier(w)

    def _barrier(self, w: Writer) -> None:
        if self.threads > 1:
            call_barrier(w, self._control, self.threads)

    def _phase(self, w: Writer, phase: Phase, times: dict[Axis, Int]) -> None:
        if phase.gate is not None:
            self._gate(w, phase.gate.flags)
        loads = [0] * self.threads
        alone: list[tuple[str, list[str], int, int]] = []
        for kernel in phase.kernels:
            if isinstance(kernel, Repeat):
                self._repeat(w, kernel, times)
                continue
            name, arguments, units, work = self._function(w, kernel, times)
            if self.threads == 1 or (work >= SMALL and units > 1):
                first, end = self._share(w, units)
                w.do(f"call void @{name}({', '.join([*arguments, f'i64 {first}', f'i64 {end}'])})")
            else:
                alone.append((name, arguments, units, work))
        turns: list[list[str]] = [[] for _ in range(self.threads)]
        for name, arguments, units, work in sorted(alone, key=lambda a: -a[3]):
            thread = loads.index(min(loads))
            loads[thread] += work + 200
            turns[thread].append(f"call void @{name}({', '.join([*arguments, 'i64 0', f'i64 {units}'])})")
        for thread, calls in enumerate(turns):
            if calls:
                with w.when(w.let(f"icmp eq i64 %thread, {thread}")):
                    for call in calls:
                        w.do(call)

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
            value = w.load(self._address(w, flag), dtypes.bool_)
            leave, go_on = w.label("stop"), w.label("go")
            w.do(f"br i1 {value.name}, label %{go_on}, label %{leave}")
            w.begin(leave)
            w.do("ret void")
            w.begin(go_on)

    def _address(self, w: Writer, buffer: Buffer) -> str:
        if buffer.home is Home.ARGUMENT:
            slot = w.at("%frame", 2 + self.arguments.index(buffer), dtypes.int64)
            return w.let(f"load ptr, ptr {slot}")
        return w.let(f"getelementptr i8, ptr {self._arena}, i64 {self.plan.offsets[buffer]}")

    def _repeat(self, w: Writer, kernel: Repeat, times: dict[Axis, Int]) -> None:
        """Write a loop over time around the phases of its body."""

        def turn(i: Int, _: list) -> list:  # type: ignore[type-arg]
            time = w.sub(kernel.time.size - 1, i) if kernel.reverse else i
            for phase in kernel.phases:
                self._phase(w, phase, {**times, kernel.time: time})
                self._barrier(w)
            return []

        w.loop(0, kernel.time.size, 1, turn)

    # --- kernels ----------------------------------------------------------------------------------------------

    def _function(self, w: Writer, kernel: Kernel, times: dict[Axis, Int]) -> tuple[str, list[str], int, int]:
        """Return (name, arguments, units, rough work) of a kernel's function; written if there is no equal one."""
        body = body_of(kernel, self.target, self.threads)
        buffers = ordered_buffers(kernel)
        used = [axis for axis in times if axis in _free_axes(kernel)]
        names = {buffer: f"%b{n}" for n, buffer in enumerate(buffers)}
        parameters = [("ptr noalias" if False else "ptr", name) for name in names.values()]
        parameters += [("i64", f"%t{n}") for n in range(len(used))]
        parameters += [("i64", "%first"), ("i64", "%end")]
        inner = Writer(_TEMPLATE, parameters, linkage="internal")
        elements = Elements(inner, names)
        elements.axes.update({axis: f"%t{n}" for n, axis in enumerate(used)})
        body.write(elements, "%first", "%end")
        text = inner.text()
        if text not in self._names:
            inner.name = self._names[text] = f"k{len(self._names)}_{kernel.name}"
            self._functions[text] = inner
        arguments = [f"ptr {self._address(w, buffer)}" for buffer in buffers]
        arguments += [f"i64 {times[axis]}" for axis in used]
        return self._names[text], arguments, body.units, work_of(kernel)


def body_of(kernel: Kernel, target: Target, threads: int) -> Body:
    """Return what writes a kernel."""
    if isinstance(kernel, Contraction):
        return ContractionFunction(kernel, target, threads)
    if isinstance(kernel, Loops):
        return LoopsFunction(kernel, target.lanes_bytes, threads)
    assert isinstance(kernel, Scatter)
    return ScatterFunction(kernel, max(1, target.lanes_bytes // kernel.value.dtype.itemsize))


def between_hosts(phases: list[Phase]) -> list[list[Phase]]:
    """Return the runs of phases without a host's phase in them; empty runs too."""
    runs: list[list[Phase]] = [[]]
    for phase in phases:
        if phase.is_host:
            runs.append([])
        else:
            runs[-1].append(phase)
    return runs


def ordered_buffers(kernel: Kernel) -> list[Buffer]:
    """Return the buffers that a kernel touches, always in the same order for equal kernels."""
    roots = [*kernel.values, *(Expression("at", s.value.dtype, (), s.indices) for s in kernel.stores)]
    found = [e.detail for e in walk(roots) if e.kind == "load"]
    return list(dict.fromkeys([*found, *(s.buffer for s in kernel.stores)]))


def _free_axes(kernel: Kernel) -> set[Axis]:
    """The axes of loops around a kernel that it depends on."""
    own = set(axes_of(kernel))
    used = set().union(*(value.axes for value in kernel.values))
    used |= {axis for s in kernel.stores for index in s.indices for axis in index.axes}
    return used - own


def work_of(kernel: Kernel) -> int:
    """Return roughly how many scalar instructions a kernel takes."""
    if isinstance(kernel, Contraction):
        return kernel.flops // 8
    turns = 1
    for axis in axes_of(kernel):
        turns *= axis.size
    return turns * (2 + sum(1 for _ in walk(kernel.values)) // 4)


Writing = Callable[[Elements, Int, Int], None]
__all__ = ["Body", "Driver", "Host", "Writing", "between_hosts", "body_of"]
