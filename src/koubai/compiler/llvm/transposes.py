"""Transposed copies as native functions: square blocks are turned in registers, so that reads and writes both run along
memory."""

from __future__ import annotations

import math
from collections.abc import Callable

from koubai import dtypes
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import Loops, Store
from koubai.compiler.language.places import flat_index, stored_at
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.schedule.shape_loops import cut, joined


class TransposeFunction:
    """Writes one copy whose source and target run through memory along different loops.

    Args:
        kernel: a plain copy, for which `is_transpose` holds.
        bytes_: the width of a vector.
    """

    scratch = 0  # bytes of memory of its own that a thread needs

    def __init__(self, kernel: Loops, bytes_: int) -> None:
        self.kernel = kernel = joined(cut(kernel))
        self.store = kernel.stores[0]
        self.block = bytes_ // self.store.buffer.dtype.itemsize
        self.along_source, self.along_target = _roles(kernel)
        self.others = [a for a in kernel.outer if a not in (self.along_source, self.along_target)]

    leading = None  # the loop along which pieces lie in a row

    @property
    def units(self) -> int:
        """How many pieces there are to share among threads: strips of blocks."""
        return math.prod(a.size for a in self.others) * self._blocks(self.along_target)

    def _blocks(self, axis: Axis) -> int:
        return -(-axis.size // self.block)

    def write(self, elements: Elements, first: Int, end: Int) -> None:
        """Write the units from `first` to `end`."""
        self.e, self.w = elements, elements.w
        self.w.loop(first, end, 1, self._strip)

    def _strip(self, unit: Int, _: list[Value]) -> list[Value]:
        e, before = self.e, self.e.remembered()
        rows = self.w.mul(self.w.mod(unit, self._blocks(self.along_target)), self.block)
        rest = self.w.div(unit, self._blocks(self.along_target))
        for axis in reversed(self.others):
            e.axes[axis] = self.w.mod(rest, axis.size)
            rest = self.w.div(rest, axis.size)
        size = self.along_target.size
        self._ragged(rows, size, lambda count: self._blocks_of(rows, count))
        e.forget(before)
        return []

    def _ragged(self, start: Int, size: int, body: Callable[[int], None]) -> None:
        """Write a body for a whole block, and for a last one that is not."""
        rest = size % self.block
        if not rest or isinstance(start, int):
            body(self.block if not rest or (isinstance(start, int) and start + self.block <= size) else rest)
            return
        whole = self.w.let(f"icmp slt i64 {start}, {size - rest}")
        if size > rest:
            with self.w.when(whole):
                body(self.block)
        with self.w.when(self.w.let(f"xor i1 {whole}, true")):
            body(rest)

    def _blocks_of(self, rows: Int, count: int) -> None:
        """Write all blocks of a strip of `count` rows."""
        size = self.along_source.size
        full = size - size % self.block

        def turn(column: Int, _: list[Value]) -> list[Value]:
            self._turned(rows, count, column, self.block)
            return []

        self.w.loop(0, full, self.block, turn)
        if full < size:
            self._turned(rows, count, full, size - full)

    def _turned(self, rows: Int, count: int, column: Int, width: int) -> None:
        """Write one block: `count` rows of `width` elements of the source become `width` rows of the target."""
        e, w = self.e, self.w
        before = e.remembered()
        e.axes[self.along_target], e.axes[self.along_source] = rows, column
        source, target = self.store.value, self.store
        start = e.number(flat_index(source))
        end = e.number(stored_at(target))
        step_in = flat_index(source).factor(self.along_target)
        step_out = stored_at(target).factor(self.along_source)
        dtype, lanes = source.dtype, self.block
        pointer_in, pointer_out = e.pointers[source.detail], e.pointers[target.buffer]
        mask_in, mask_out = (self._mask(n) for n in (width, count))
        empty = w.constant(0, dtype, lanes)
        loaded = [
            w.load(pointer_in, dtype, lanes, w.add(start, r * step_in), mask_in) if r < count else empty
            for r in range(lanes)
        ]
        for c, value in enumerate(turned(w, loaded)[:width]):
            w.store(value, pointer_out, w.add(end, c * step_out), mask_out)
        e.forget(before)

    def _mask(self, count: int) -> Value | None:
        if count == self.block:
            return None
        return self.w.lanes_of([lane < count for lane in range(self.block)], dtypes.bool_)


def turned(w, rows: list[Value]) -> list[Value]:  # type: ignore[no-untyped-def]
    """Transpose a square of vectors: exchange off-diagonal squares, half as large each round."""
    size = len(rows)
    half = size // 2
    while half:
        low = [i if not i & half else i - half + size for i in range(size)]
        high = [i + half if not i & half else i + size for i in range(size)]
        new = list(rows)
        for i in range(size):
            if not i & half:
                new[i] = w.shuffle(rows[i], rows[i + half], low)
                new[i + half] = w.shuffle(rows[i], rows[i + half], high)
        rows, half = new, half // 2
    return rows


def _roles(kernel: Loops) -> tuple[Axis, Axis]:
    """Return the loop along the source and the loop along the target."""
    store: Store = kernel.stores[0]
    source, target = flat_index(store.value), stored_at(store)
    along_source = next(a for a in kernel.outer if source.factor(a) == 1)
    along_target = next(a for a in kernel.outer if target.factor(a) == 1)
    return along_source, along_target


def is_transpose(kernel: Loops, bytes_: int) -> bool:
    """Whether a kernel only copies, along different loops of its source and its target."""
    if len(kernel.stores) != 1 or len(kernel.stages) != 1 or kernel.stages[0].inner:
        return False
    value = kernel.stores[0].value
    if value.kind != "load" or value.parts or value.dtype.itemsize not in (4, 8) or value.dtype.kind == "b":
        return False
    kernel = joined(cut(kernel))
    store = kernel.stores[0]
    source, target = flat_index(store.value), stored_at(store)
    if not (source.is_affine and target.is_affine):
        return False
    ones = [[a for a in kernel.outer if place.factor(a) == 1] for place in (source, target)]
    block = bytes_ // value.dtype.itemsize
    return all(len(o) == 1 and o[0].size >= block // 2 for o in ones) and ones[0] != ones[1]
