"""Which kernel has to wait for which, kept up to date while kernels are merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.kernel import Kernel

BIG = 1 << 10  # elements from which on reading a buffer only once is worth a merger


class Dependences:
    """Kernels and what they depend on: what they read must be written, what they write must have been read.

    All that a kernel depends on, directly or not, is kept as the bits of a number. A merged kernel has the bits of both
    that it was made of, so that most mergers change nothing for those that wait for it.

    Args:
        kernels: in an order in which they can run.
    """

    def __init__(self, kernels: list[Kernel]) -> None:
        self.number: dict[Kernel, int] = {kernel: n for n, kernel in enumerate(kernels)}
        self.kernels: dict[int, Kernel] = dict(enumerate(kernels))
        self.direct: dict[int, set[int]] = {n: set() for n in self.kernels}
        self._waiting: dict[int, set[int]] = {n: set() for n in self.kernels}  # the other way round
        self._bits: dict[int, int] = {n: 1 << n for n in self.kernels}
        self._above: dict[int, int] = dict.fromkeys(self.kernels, 0)  # bits of all that each depends on
        self._readers: dict[Buffer, list[int]] = {}
        self._reads: dict[int, set[Buffer]] = {}
        writers: dict[Buffer, list[int]] = {}
        for n, kernel in self.kernels.items():
            reads, writes = kernel.reads, kernel.writes
            self._reads[n] = set(reads)
            for buffer in reads:
                self.direct[n].update(writers.get(buffer, ()))
            for buffer in writes:
                self.direct[n].update(writers.get(buffer, ()))
                self.direct[n].update(r for r in self._readers.get(buffer, ()) if r != n)
            for buffer in reads:
                self._readers.setdefault(buffer, []).append(n)
            for buffer in writes:
                writers.setdefault(buffer, []).append(n)
            for source in self.direct[n]:
                self._waiting[source].add(n)
                self._above[n] |= self._with(source)

    def _with(self, n: int) -> int:
        """Return the bits of a kernel and of all that it depends on."""
        return self._above[n] | self._bits[n]

    def _raise(self, numbers: Iterable[int], bits: int) -> None:
        """Let some kernels, and so all that wait for them, depend on more."""
        stack = list(numbers)
        while stack:
            n = stack.pop()
            above = self._above[n] | bits
            if above != self._above[n]:
                self._above[n] = above
                stack.extend(self._waiting[n])

    def sources(self, kernel: Kernel) -> list[Kernel]:
        """Return the kernels that this one directly depends on, the latest first."""
        return [self.kernels[n] for n in sorted(self.direct[self.number[kernel]], reverse=True)]

    def waiting(self, kernel: Kernel) -> int:
        """Return how many kernels directly depend on one."""
        return len(self._waiting[self.number[kernel]])

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
        bits = self._bits[first]
        return any(self._above[n] & bits for n in self.direct[second] if n != first)

    def merge(self, a: Kernel, b: Kernel, merged: Kernel) -> None:
        """Put one kernel in the place of two."""
        first, second = self.number.pop(a), self.number.pop(b)
        self.number[merged], self.kernels[first] = first, merged
        del self.kernels[second]
        for table in (self.direct, self._waiting):
            table[first] = (table[first] | table.pop(second)) - {first, second}
        for n in self.direct[first]:
            self._waiting[n].discard(second)
            self._waiting[n].add(first)
        for n in self._waiting[first]:
            self.direct[n].discard(second)
            self.direct[n].add(first)
        for buffer in self._reads[second]:
            self._readers[buffer] = [first if n == second else n for n in self._readers[buffer]]
        self._reads[first] |= self._reads.pop(second)
        self._bits[first] |= self._bits.pop(second)
        self._above[first] = (self._above[first] | self._above.pop(second)) & ~self._bits[first]
        self._raise(self._waiting[first], self._above[first])

    def depends(self, kernel: Kernel, on: Kernel) -> bool:
        """Whether one kernel has to wait for another, directly or not."""
        return bool(self._above[self.number[kernel]] & self._bits[self.number[on]])

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
            self._waiting[a].add(b)
            self._raise([b], self._with(a))

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
