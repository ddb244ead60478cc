"""Before which phases of a step threads need not meet.

Most phases need what other threads have made in the one before. That is found out once for all pairs of phases that
are alike, as those of equal layers are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.kernel import Kernel
from koubai.compiler.llvm.own_rows import Apart, Reach
from koubai.compiler.schedule.phases import Phase

Reached = Sequence[tuple[Kernel, Reach | None]]  # the kernels of a phase, with where threads reach in them
Offsets = Mapping[Buffer, int]


def let_run_on(phases: Sequence[Phase], reach: Callable[[Kernel], Reach | None], offsets: Offsets) -> None:
    """Say of phases, one after the other, whether threads meet before them.

    Args:
        phases: what is told.
        reach: returns where each thread reaches in a kernel; None if that is not known.
        offsets: where buffers lie.
    """
    pairs = _Pairs(offsets)
    run: _Run | None = None
    for phase in phases:
        here = [(kernel, reach(kernel)) for kernel in phase.kernels]
        if any(known is None for _, known in here):
            phase.meets, run = True, None
            continue
        follows = run is not None and phase.gate is None and pairs.are_apart(run.last, here)
        phase.meets = run is None or not follows or not run.takes(here)
        if phase.meets:
            run = _Run(here, offsets)


class _Run:
    """Phases between which threads do not meet.

    Args:
        first: the first of them.
        offsets: where buffers lie.

    Attributes:
        last: the last of them.
    """

    def __init__(self, first: Reached, offsets: Offsets) -> None:
        self.last = first
        self._apart = Apart(offsets)
        self._new = True  # whether nobody has looked at the first one yet, as is mostly not needed

    def takes(self, phase: Reached) -> bool:
        """Whether one more phase can be among them; if so, it is."""
        if self._new:
            self._new = not self._apart.takes(self.last)
        taken = not self._new and self._apart.takes(phase)
        self.last = phase if taken else self.last
        return taken


class _Pairs:
    """Phases that follow each other.

    Args:
        offsets: where buffers lie.
    """

    def __init__(self, offsets: Offsets) -> None:
        self._offsets = offsets
        self._known: dict[Hashable, bool] = {}

    def are_apart(self, one: Reached, other: Reached) -> bool:
        """Whether threads can run both without waiting for each other."""
        both = [*one, *other]
        case = len(one), *[id(reach) for _, reach in both], *self._overlaps(both)
        if case not in self._known:
            apart = Apart(self._offsets)
            self._known[case] = apart.takes(one) and apart.takes(other)
        return self._known[case]

    def _overlaps(self, kernels: Reached) -> list[Hashable]:
        """Return for each buffer in the arena the stretch of memory that it is in, where in it, and if it has a border.

        Buffers that overlap are in one stretch.
        """
        buffers = [b for kernel, _ in kernels for b in kernel.buffers if b in self._offsets]
        stretch: dict[int, int] = {}  # for each offset, where its stretch begins
        begin = end = -1
        for start, size in sorted([(self._offsets[b], b.bytes) for b in buffers]):
            begin = start if start >= end else begin
            end = max(end, start + size)
            stretch[start] = begin
        number: dict[int, int] = {}
        found: list[Hashable] = []
        for buffer in buffers:
            start = self._offsets[buffer]
            begin = stretch[start]
            found.append((number.setdefault(begin, len(number)), start - begin, buffer.border is None))
        return found
