"""Kernels that are run as late as they can be where that saves memory.

What is copied or made again for the backward pass could be made at the beginning of the step, and would then have to be
kept until it is needed. Made in the phase before that, its memory is used by others meanwhile, and it is still near.
"""

from __future__ import annotations

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.kernel import Host, Kernel, by_buffer


def as_late_as_possible(
    kernels: list[Kernel], level: dict[Kernel, int], shared: dict[Buffer, Buffer]
) -> None:
    """Move kernels to later phases.

    Args:
        kernels: in an order in which they can run.
        level: of each kernel the number of its phase, which is changed.
        shared: buffers that lie in the memory of others.
    """
    sinking = _Sinking(kernels, level, shared)
    for kernel in reversed(kernels):
        sinking.sink(kernel)


class _Sinking:
    """Who reads and writes each buffer, while kernels are moved."""

    def __init__(self, kernels: list[Kernel], level: dict[Kernel, int], shared: dict[Buffer, Buffer]) -> None:
        self.level, self.shared = level, shared
        self.readers = by_buffer((k, set(map(self._place, k.reads))) for k in kernels)
        self.writers = by_buffer((k, set(map(self._place, k.writes))) for k in kernels)

    def _place(self, buffer: Buffer) -> Buffer:
        return self.shared.get(buffer, buffer)

    def sink(self, kernel: Kernel) -> None:
        """Move a kernel to the phase before the one that needs what it makes, if it may run there."""
        if isinstance(kernel, Host) or not all(self._is_free(b) for b in kernel.writes):
            return
        made = {self._place(b) for b in kernel.writes}
        needed = [self.level[k] for b in made for k in self.readers.get(b, ()) if k is not kernel]
        target = min(needed, default=0) - 1
        reads = {self._place(b) for b in kernel.reads} - made
        target = min([target, *(self._last_sight(b, kernel) for b in reads)])
        if target <= self.level[kernel]:
            return
        longer = sum(b.bytes for b in reads if self._dies_before(b, kernel, target))
        if longer <= sum(b.bytes for b in made):
            self.level[kernel] = target

    def _is_free(self, buffer: Buffer) -> bool:
        """Whether a buffer is there only while it is needed, and made by one kernel."""
        place = self._place(buffer)
        alone = place is buffer and len(self.writers[buffer]) == 1
        return alone and buffer.home is Home.SCRATCH and buffer.becomes is None

    def _last_sight(self, buffer: Buffer, kernel: Kernel) -> int:
        """Return the last phase in which a buffer has the value that a kernel reads."""
        later = [self.level[k] for k in self.writers.get(buffer, ()) if self.level[k] > self.level[kernel]]
        return min(later, default=1 << 30) - 1

    def _dies_before(self, buffer: Buffer, kernel: Kernel, phase: int) -> bool:
        """Whether nobody else needs a buffer as late as in a phase."""
        if buffer.home is not Home.SCRATCH or buffer.border is not None:
            return False
        return all(self.level[k] < phase for k in self.readers.get(buffer, ()) if k is not kernel)
