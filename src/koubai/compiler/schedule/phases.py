"""The kernels of a step in phases: within one, no kernel waits for another; between two, all threads meet."""

from __future__ import annotations

from dataclasses import dataclass, field

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.kernel import Host, Kernel
from koubai.compiler.schedule.late import as_late_as_possible


@dataclass(eq=False)
class Gate:
    """The place in a step behind which state changes: it is passed only if nothing has gone wrong until then.

    Attributes:
        flags: bools in memory, which must all be true.
    """

    flags: list[Buffer]


@dataclass(eq=False)
class Phase:
    """Kernels that run side by side.

    Attributes:
        kernels: in any order.
        gate: what must hold before they run.
        meets: whether threads meet before it; not so if each of them keeps to memory of its own.
    """

    kernels: list[Kernel] = field(default_factory=list)
    gate: Gate | None = None
    meets: bool = True

    @property
    def is_host(self) -> bool:
        """Whether NumPy runs it."""
        return any(isinstance(kernel, Host) for kernel in self.kernels)

    def __str__(self) -> str:
        return "\n".join(map(str, self.kernels))


def in_phases(kernels: list[Kernel], gate: Gate | None, shared: dict[Buffer, Buffer]) -> list[Phase]:
    """Put every kernel into a phase: the earliest that it can be in, or a later one where that saves memory.

    Args:
        kernels: in an order in which they can run.
        gate: what must hold before state changes; None if nothing has to.
        shared: new values that are written over the state whose next value they are.
    """
    placing = _Placing(shared)
    late: list[Kernel] = []
    waiting: set[Buffer] = set()
    for kernel in kernels:
        if gate is not None and (placing.changes_state(kernel) or kernel.reads & waiting):
            late.append(kernel)
            waiting |= kernel.writes
        else:
            placing.place(kernel, 0)
    if gate is not None:  # what rests on changed state itself cannot hold it back
        gate = Gate([flag for flag in gate.flags if flag not in waiting])
    behind = placing.after(gate.flags) if gate is not None else 0
    for kernel in late:
        placing.place(kernel, behind)
    as_late_as_possible(kernels, placing.level, shared)
    return _gathered(kernels, placing.level, gate, behind)


class _Placing:
    """Levels of kernels, found one after the other."""

    def __init__(self, shared: dict[Buffer, Buffer]) -> None:
        self.level: dict[Kernel, int] = {}
        self._shared = shared
        self._wrote: dict[Buffer, int] = {}
        self._read: dict[Buffer, int] = {}

    def changes_state(self, kernel: Kernel) -> bool:
        return any(self._shared.get(b, b).home is Home.STATE for b in kernel.writes)

    def after(self, buffers: list[Buffer]) -> int:
        """Return the first level at which these are there."""
        return 1 + max((self._wrote.get(buffer, -1) for buffer in buffers), default=-1)

    def place(self, kernel: Kernel, least: int) -> None:
        """Find the level of a kernel, at least `least`."""
        reads = kernel.reads
        writes = {self._shared.get(b, b) for b in kernel.writes} | kernel.writes
        after = [least]
        after += [self._wrote[b] + 1 for b in reads | writes if b in self._wrote]
        after += [self._read[b] + 1 for b in writes if b in self._read]
        level = self.level[kernel] = max(after)
        for buffer in reads:
            self._read[buffer] = max(self._read.get(buffer, 0), level)
        for buffer in writes:
            self._wrote[buffer] = max(self._wrote.get(buffer, 0), level)


def _gathered(kernels: list[Kernel], level: dict[Kernel, int], gate: Gate | None, behind: int) -> list[Phase]:
    """Make phases of levels; what NumPy runs has its own, and so has each native part behind one a gate."""
    levels: list[list[Kernel]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for kernel in kernels:
        levels[level[kernel]].append(kernel)
    phases: list[Phase] = []
    shut = True  # whether the native part that is being made has yet to pass the gate
    for number, here in enumerate(levels):
        native = [kernel for kernel in here if not isinstance(kernel, Host)]
        host = [kernel for kernel in here if isinstance(kernel, Host)]
        if native:
            phases.append(Phase(native, gate if number >= behind and shut else None))
            shut = number < behind
        phases += [Phase([kernel]) for kernel in host]
        shut = shut or bool(host)
    return phases
