"""Scatters as native functions: values combined one after the other with what stands at their positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from koubai.compiler.language.expression import load
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import Scatter, Store
from koubai.compiler.language.places import flat_place
from koubai.compiler.llvm import maps
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int

_COMBINE = {"add": "add", "mul": "mul", "max": "maximum", "min": "minimum"}


class ScatterFunction:
    """Writes one scatter. Threads share the loops along which values are independent, never the places.

    Args:
        kernel: what to write.
        lanes: of a vector.
    """

    def __init__(self, kernel: Scatter, lanes: int) -> None:
        self.kernel = kernel
        self.lanes = lanes
        place = flat_place(kernel.target, kernel.indices)
        dense = [a for a in kernel.lanes if a.size >= lanes and place.factor(a) == 1]
        self.along: Axis | None = dense[-1] if dense else None

    @property
    def units(self) -> int:
        """How many pieces there are to share among threads."""
        return math.prod(map(self._turns, self.kernel.lanes))

    @property
    def leading(self) -> Axis | None:
        """The loop along which pieces lie in a row."""
        return self.kernel.lanes[0] if self.kernel.lanes else None

    def _turns(self, axis: Axis) -> int:
        return -(-axis.size // self.lanes) if axis is self.along else axis.size

    scratch = 0  # bytes of memory of its own that a thread needs

    def write(self, elements: Elements, first: Int, end: Int) -> None:
        """Write the units from `first` to `end` of each place, so that memory is read in order."""
        self.e, self.w, self._part = elements, elements.w, (first, end)
        self._places(self.kernel.places)

    def _unit(self, unit: Int, _: list[Value]) -> list[Value]:
        e, before = self.e, self.e.remembered()
        for number, axis in reversed(list(enumerate(self.kernel.lanes))):
            turns = self._turns(axis)
            value = unit if number == 0 else self.w.mod(unit, turns)
            unit = self.w.div(unit, turns)
            e.axes[axis] = self.w.mul(value, self.lanes) if axis is self.along else value
        if self.along is not None:
            e.along, e.lanes = self.along, self.lanes
            rest = self.along.size % self.lanes
            if rest:
                ends = self.w.splat(self.w.index(self.along.size), self.lanes)
                e.mask = self.w.compare("icmp slt", e._atom_lanes(self.along), ends)
        self._combine()
        e.along, e.lanes, e.mask = None, 1, None
        e.forget(before)
        return []

    def _places(self, axes: Sequence[Axis]) -> None:
        if not axes:
            parts = (part for root in self.kernel.roots for part in root.everything)
            self.e.compute_early(parts, self.kernel.writes)
            self.w.loop(*self._part, 1, self._unit)
            return

        def turn(i: Int, _: list[Value]) -> list[Value]:
            before = self.e.remembered()
            self.e.axes[axes[0]] = i
            self._places(axes[1:])
            self.e.forget(before)
            return []

        self.w.loop(0, axes[0].size, 1, turn)

    def _combine(self) -> None:
        kernel, value = self.kernel, self.kernel.value
        if kernel.kind != "put":
            there = load(kernel.target, kernel.indices)
            held = self.e.value(there)
            new = self.e.vector(value) if held.lanes > 1 else self.e.value(value)
            combined = maps.write_map(self.w, _COMBINE[kernel.kind], [held, new], {}, value.dtype)
            value = _held(self.e, combined)
        self.e.store(Store(kernel.target, kernel.indices, value))


def _held(elements: Elements, value: Value):  # type: ignore[no-untyped-def]
    """Return an expression that stands for a value in registers."""
    from koubai.compiler.language.expression import register

    elements.registers["combined"] = value
    found = register("combined", value.dtype)
    elements._values[found] = value
    return found
