"""Running values as native functions: one turn after the other, with what is carried in registers."""

from __future__ import annotations

import math

from koubai.compiler.language.expression import walk
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import Running
from koubai.compiler.language.places import stored_at
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int


class RunningFunction:
    """Writes one running kernel. Threads share the loops along which values are independent.

    Args:
        kernel: what to write.
        bytes_: the width of a vector.
    """

    def __init__(self, kernel: Running, bytes_: int) -> None:
        self.kernel = kernel
        self.lanes = max(1, bytes_ // max(e.dtype.itemsize for e in walk(kernel.values)))
        places = [stored_at(store) for store in kernel.stores]
        dense = [a for a in kernel.lanes if all(place.factor(a) == 1 for place in places)]
        self.along: Axis | None = dense[-1] if dense and dense[-1].size >= self.lanes else None

    leading = None  # the loop along which pieces lie in a row

    @property
    def units(self) -> int:
        """How many pieces there are to share among threads."""
        return math.prod(map(self._turns, self.kernel.lanes))

    def _turns(self, axis: Axis) -> int:
        return -(-axis.size // self.lanes) if axis is self.along else axis.size

    scratch = 0  # bytes of memory of its own that a thread needs

    def write(self, elements: Elements, first: Int, end: Int) -> None:
        """Write the units from `first` to `end`."""
        self.e, self.w = elements, elements.w
        self.w.loop(first, end, 1, self._unit)

    def _unit(self, unit: Int, _: list[Value]) -> list[Value]:
        before = self.e.remembered()
        for number, axis in reversed(list(enumerate(self.kernel.lanes))):
            turns = self._turns(axis)
            value = unit if number == 0 else self.w.mod(unit, turns)
            unit = self.w.div(unit, turns)
            self.e.axes[axis] = self.w.mul(value, self.lanes) if axis is self.along else value
        self._spread()
        starts = [self.e.vector(carried.start) for carried in self.kernel.carried]
        self.w.loop(0, self.kernel.time.size, 1, self._turn, starts)
        self.e.along, self.e.lanes, self.e.mask = None, 1, None
        self.e.forget(before)
        return []

    def _spread(self) -> None:
        """Let the following be written for all lanes."""
        e, axis = self.e, self.along
        if axis is None:
            return
        e.along, e.lanes = axis, self.lanes
        if axis.size % self.lanes:
            ends = self.w.splat(self.w.index(axis.size), self.lanes)
            e.mask = self.w.compare("icmp slt", e._atom_lanes(axis), ends)

    def _turn(self, time: Int, values: list[Value]) -> list[Value]:
        e, before = self.e, self.e.remembered()
        e.axes[self.kernel.time] = time
        e.registers.update(zip((carried.name for carried in self.kernel.carried), values))
        new = [e.vector(carried.following) for carried in self.kernel.carried]
        e.store_all(self.kernel.stores)
        e.forget(before)
        return new
