"""All turns of a kernel's loops at once: expressions as NumPy arrays, with one dimension for each loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from koubai.arrays import Array
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, walk
from koubai.compiler.language.index import Axis, Index, Position, Quotient
from koubai.compiler.language.kernel import Store
from koubai.ops import bfloat16, elementwise, special
from koubai.ops.op import Op
from koubai.ops.random import uniform

_MAPS = {
    op.name: op
    for room in (elementwise, special, bfloat16)
    for op in vars(room).values()
    if isinstance(op, Op)
}


class Memory(Protocol):
    """Where buffers are."""

    def flat(self, buffer: Buffer) -> Array:
        """Return the elements of a buffer as they lie in memory, to be read and written."""


class Grid:
    """All turns of some loops at once: every loop is a dimension of arrays.

    Args:
        axes: the loops, one dimension each.
        ndim: of all arrays; dimensions behind those of the loops have length 1.
        memory: where buffers are.
        fixed: the values of the loops around.
        part: for some of the loops the turns that are run; the others are run from 0 to the end.
        registers: what earlier stages have left.
    """

    def __init__(
        self,
        axes: Sequence[Axis],
        ndim: int,
        memory: Memory,
        fixed: Mapping[Axis, int],
        part: Mapping[Axis, Array],
        registers: Mapping[str, Array],
    ) -> None:
        self.memory, self.registers = memory, registers
        turns = [part.get(axis, np.arange(axis.size)) for axis in axes]
        self.shape = tuple(len(t) for t in turns) + (1,) * (ndim - len(axes))
        self._axes: dict[Axis, Any] = dict(fixed)
        for dim, (axis, turn) in enumerate(zip(axes, turns)):
            self._axes[axis] = turn.reshape([-1 if d == dim else 1 for d in range(ndim)])
        self._known: dict[Expression, Array] = {}

    def value(self, expression: Expression) -> Array:
        """Return an expression for all turns; dimensions that it does not depend on have length 1."""
        for e in walk([expression]):
            if e not in self._known:
                self._known[e] = np.asarray(self._compute(e))
        return self._known[expression]

    def _compute(self, e: Expression) -> Any:
        parts = [self._known[part] for part in e.parts]
        if e.kind == "constant":
            return e.detail.value
        if e.kind == "register":
            return self.registers[e.detail]
        if e.kind == "load":
            return self._load(e, parts[0] if parts else None)
        if e.kind == "made":
            return parts[0]
        if e.kind == "whole":
            return np.asarray(self.number(e.indices[0]), np.int64)
        if e.kind == "inside":
            low, high, step = e.detail
            place = np.asarray(self.number(e.indices[0]))
            return (place >= low) & (place < high) & ((place - low) % step == 0)
        if e.kind == "draw":
            return _drawn(parts, np.asarray(self.number(e.indices[0])), e)
        return self._apply(e, parts)

    def _apply(self, e: Expression, parts: list[Array]) -> Any:
        name, attributes = e.detail[0], dict(e.detail[1:])
        if name == "bits":
            return parts[0].view(e.dtype)
        if name == "position":
            wraps = attributes["wraps"]
            return np.where(parts[0] < 0, parts[0] + attributes["size"], parts[0]) if wraps else parts[0]
        return _MAPS[name].run(tuple(parts), attributes)[0].astype(e.dtype, copy=False)

    def _load(self, e: Expression, guard: Array | None) -> Any:
        place = self.place(e.detail, e.indices, guard)
        found = self.memory.flat(e.detail)[place]
        return found if guard is None else np.where(guard, found, np.zeros((), e.dtype))

    def number(self, index: Index) -> Any:
        """Return an index for all turns."""
        total: Any = index.constant
        for atom, factor in index.terms:
            if isinstance(atom, Axis):
                value = self._axes[atom]
            elif isinstance(atom, Position):
                value = self.value(atom.value).astype(np.int64)
                value = np.where((value >= 0) & (value < atom.size), value, 0)
            elif isinstance(atom, Quotient):
                value = self.number(atom.of) // atom.by
            else:
                value = self.number(atom.of) % atom.by
            total = total + value * factor
        return total

    def place(self, buffer: Buffer, indices: Sequence[Index], guard: Array | None = None) -> Array:
        """Return where in the memory of a buffer the elements at some indices lie.

        Raises:
            IndexError: if one is out of range, and the guard does not forbid to read it.
        """
        total: Any = np.zeros((), np.int64)
        for index, length, stride in zip(indices, buffer.shape, buffer.strides):
            number = np.asarray(self.number(index))
            outside = (number < 0) | (number >= length)
            if (outside if guard is None else outside & guard).any():
                raise IndexError(f"{buffer}: {index} is not in a dimension of {length}")
            total = total + np.where(outside, 0, number) * stride
        return np.asarray(total)

    def store(self, stores: Sequence[Store]) -> None:
        """Run stores, after all their values."""
        values = [self.value(store.value) for store in stores]
        for store, value in zip(stores, values):
            place = np.broadcast_to(self.place(store.buffer, store.indices), self.shape)
            self.memory.flat(store.buffer)[place] = np.broadcast_to(value, self.shape)


def _drawn(parts: list[Array], place: Array, e: Expression) -> Array:
    """Return random numbers at positions of a draw."""
    state = np.array([int(part.reshape(-1)[0]) for part in parts])
    count = int(place.max()) + 1 if place.size else 0
    return np.asarray(uniform.forward(np, state, shape=(count,), dtype=e.dtype))[place]
