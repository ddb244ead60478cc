"""Which kernel has to wait for which, kept up to date while kernels are merged."""

from __future__ import annotations

from collections.abc import Iterator

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.kernel import Kernel

BIG = 1 << 10  # elements from which on reading a buffer only once is worth a merger


class Dependences:
    """Kernels and what they depend on: what they read must be written, what they write must have been read.

    Args:
        kernels: in an order in which they can run.
    """

    def __init__(self, kernels: list[Kernel]) -> None:
        self.number: dict[Kernel, int] = {kernel: n for n, kernel in enumerate(kernels)}
        self.kernels: dict[int, Kernel] = dict(enumerate(kernels))
        self.direct: dict[int, set[int]] = {n: set() for n in self.kernels}
        self._above: dict[int, int] = {}  # all that a kernel depends on, as bits
        self._readers: dict[Buffer, list[int]] = {}
        self._reads: dict[int, set[Buffer]] = {}
        writers: dict[Buffer, list[int]] = {}
        for n, kernel in self.kernels.items():
            reads, writes = kernel.reads, kernel.writes
            self._reads[n] = reads
            for buffer in reads:
                self.direct[n].update(writers.get(buffer, ()))
            for buffer in writes:
                self.direct[n].update(writers.get(buffer, ()))
                self.direct[n].update(r for r in self._readers.get(buffer, ()) if r != n)
            for buffer in reads:
                self._readers.setdefault(buffer, []).append(n)
            for buffer in writes:
                writers.setdefault(buffer, []).append(n)
            self._above[n] = self._closure(n)

    def _closure(self, n: int) -> int:
        bits = 0
        for source in self.direct[n]:
            bits |= self._above[source] | (1 << source)
        return bits

    def sources(self, kernel: Kernel) -> list[Kernel]:
        """Return the kernels that this one directly depends on, the latest first."""
        return [self.kernels[n] for n in sorted(self.direct[self.number[kernel]], reverse=True)]

    def siblings(self, kernel: Kernel) -> Iterator[Kernel]:
        """Yield the earlier kernels that read a large buffer which this one reads too, the latest first."""
        number = self.number[kernel]
        seen = {number}
        for buffer in self._reads[number]:
            if buffer.size >= BIG:
                for n in reversed(self._readers[buffer]):
                    if n < number and n not in seen:
                        seen.add(n)
                        yield self.kernels[n]

    def can_merge(self, a: Kernel, b: Kernel) -> bool:
        """Whether no third kernel has to run between two."""
        first, second = self.number[a], self.number[b]
        return not (self._between(first, second) or self._between(second, first))

    def _between(self, first: int, second: int) -> bool:
        """Whether a kernel depends on the first while the second depends on it."""
        return any(self._above[n] >> first & 1 for n in self.direct[second] if n != first)

    def merge(self, a: Kernel, b: Kernel, merged: Kernel) -> None:
        """Put one kernel in the place of two."""
        first, second = self.number.pop(a), self.number.pop(b)
        self.number[merged], self.kernels[first] = first, merged
        del self.kernels[second]
        self.direct[first] = (self.direct[first] | self.direct.pop(second)) - {first, second}
        self._reads[first] |= self._reads.pop(second)
        for buffer in self._reads[first]:
            self._readers[buffer] = [first if n == second else n for n in self._readers[buffer]]
        above = (self._above[first] | self._above.pop(second)) & ~(1 << first) & ~(1 << second)
        self._above[first] = above
        for n, direct in self.direct.items():
            if second in direct:
                direct.discard(second)
                direct.add(first)
            bits = self._above[n]
            if n != first and (bits >> first & 1 or bits >> second & 1):
                self._above[n] = (bits | above | (1 << first)) & ~(1 << second)

    def depends(self, kernel: Kernel, on: Kernel) -> bool:
        """Whether one kernel has to wait for another, directly or not."""
        return bool(self._above[self.number[kernel]] >> self.number[on] & 1)

    def are_apart(self, a: Kernel, b: Kernel) -> bool:
        """Whether neither of two kernels has to wait for the other."""
        return not (self.depends(a, b) or self.depends(b, a))

    def would_cycle(self, order: list[tuple[Kernel, Kernel]]) -> bool:
        """Whether (first, then) pairs contradict what is known."""
        return any(self.depends(first, then) for first, then in order)

    def add_order(self, order: list[tuple[Kernel, Kernel]]) -> None:
        """Let the second of each pair wait for the first."""
        for first, then in order:
            a, b = self.number[first], self.number[then]
            self.direct[b].add(a)
            new = self._above[a] | (1 << a)
            for n in self._above:
                if n == b or self._above[n] >> b & 1:
                    self._above[n] |= new

    def in_order(self) -> list[Kernel]:
        """Return the kernels in an order in which they can run."""
        done: set[int] = set()
        order: list[Kernel] = []
        stack = [(n, False) for n in sorted(self.kernels, reverse=True)]
        while stack:
            n, ready = stack.pop()
            if n in done:
                continue
            if ready:
                done.add(n)
                order.append(self.kernels[n])
            else:
                stack.append((n, True))
                stack.extend((m, False) for m in sorted(self.direct[n], reverse=True) if m not in done)
        return order


__all__ = ["Dependences"]
