"""Contractions as native functions: from loops and loads to the strides of the tile kernel, and the epilogue in
registers.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property

from koubai.compiler.graph.precision import FLOAT32, check_precision
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import walk
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, Store, axes_of, loads
from koubai.compiler.language.places import flat_index, stored_at
from koubai.compiler.llvm import contraction as tiles
from koubai.compiler.llvm import contraction_pair_tiles as pairs
from koubai.compiler.llvm.contraction import write_contraction
from koubai.compiler.llvm.contraction_pairs import write_pairs
from koubai.compiler.llvm.contraction_parts import Fetch
from koubai.compiler.llvm.contraction_tiles import first_row
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.maps import cost
from koubai.compiler.llvm.own_rows import Part, part_of, range_of
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.chains import Joined, chains

LONG = 32  # products in a sum from which on it pays to ask for what its epilogue touches
LONG_EPILOGUE = (
    40  # instructions for a vector: more are written once for all vectors of a tile, and compiled sooner
)
FAR = 1 << 16  # bytes of a buffer that is not likely to be in the nearest cache


class ContractionFunction:
    """Writes one contraction.

    Args:
        kernel: what to write.
        target: the processor.
        threads: how many threads will share it.
    """

    def __init__(self, kernel: Contraction, target: Target, threads: int) -> None:
        check_precision(kernel.precision or FLOAT32, target)
        self.kernel = joined(kernel)
        self.row, self.outer = self._roles()
        self.product = self._product()
        self.target = target
        self.split = kernel.split or self._most_even(threads)
        self.tiling = self._tiling(self.split, threads)

    @property
    def units(self) -> int:
        """How many pieces there are to share among threads."""
        return tiles.units(self.product, self.tiling, self.split)

    @property
    def flops(self) -> int:
        """How many multiplications and additions the sums take."""
        return self.kernel.flops

    @property
    def scratch(self) -> int:
        """How many bytes of memory of its own a thread needs."""
        size = pairs.scratch_size if self.kernel.precision else tiles.scratch_size
        return size(self.product, self.tiling) * self.product.dtype.itemsize

    def _roles(self) -> tuple[Axis | None, list[Axis]]:
        """Return the loop that is tiled in registers, and those around: it is the longest that right does not see."""
        right = flat_index(self.kernel.right)
        others = [a for a in self.kernel.outer if a is not self.kernel.column]
        rows = [a for a in others if not right.factor(a)]
        row = max(reversed(rows), key=lambda a: a.size, default=None)
        outer = [a for a in others if a is not row]
        if self.kernel.precision:  # what is packed of the right side is used up before the next part is
            outer.sort(key=lambda a: not right.factor(a))
        return row, outer

    def _product(self) -> tiles.Product:
        left, right = flat_index(self.kernel.left), flat_index(self.kernel.right)

        def axis(a: Axis) -> tiles.Axis:
            return tiles.Axis(a.size, left.factor(a), right.factor(a))

        row = axis(self.row) if self.row is not None else tiles.Axis(1, 0, 0)
        column = tiles.Axis(self.kernel.column.size, 0, 1)
        depth = tuple(axis(a) for a in self.kernel.depth if a.size > 1)
        window = tuple(map(axis, self.kernel.window))
        return tiles.Product(
            tuple(map(axis, self.outer)), row, column, depth, self.kernel.result.dtype, window
        )

    @property
    def splits(self) -> list[str]:
        """The ways in which threads can divide it: by its outer loops, by rows or by columns."""
        return ["outer", "row", "column"] if self.outer else ["row", "column"]

    def loop_of(self, split: str) -> Axis | None:
        """Return the loop that a way of dividing cuts into ranges."""
        return {"row": self.row, "column": self.kernel.column}.get(
            split, self.outer[0] if self.outer else None
        )

    @property
    def leading(self) -> Axis | None:
        """The loop along which pieces lie in a row; None where each call would read or pack all of a factor anew."""
        if self.kernel.precision or self.tiling.packed_left:
            return None
        within = self.split == "column" or (self.split == "outer" and not self.product.shared)
        return self.loop_of(self.split) if within else None

    def part(self, threads: int) -> Part | None:
        """Return how threads divide the loops; None if that is not known."""
        starts = [self.units * t // threads for t in range(threads)]
        if self.split == "row" and self.row is not None:
            return range_of(self.row, [first_row(self.product, self.units, start) for start in starts])
        if self.split == "column":
            return range_of(self.kernel.column, [start * self.tiling.width for start in starts])
        if self.split == "outer" and self.tiling.span == 1 and not self.kernel.precision:
            return part_of([(axis, 1) for axis in self.outer], self.units, threads)
        return None

    def units_of(self, split: str, threads: int) -> int:
        """Return how many pieces there would be if it were divided in a certain way."""
        return tiles.units(self.product, self._tiling(split, threads), split)

    def _tiling(self, split: str, threads: int) -> tiles.Tiling:
        lanes, registers = self.target.lanes(self.product.dtype), self.target.registers
        if self.kernel.precision:
            return pairs.tiling(self.product, lanes, registers, split, threads)
        tiling = tiles.tiling(self.product, lanes, registers, split, threads)
        return replace(tiling, rolled=self._is_long and not self.kernel.window)

    @cached_property
    def _is_long(self) -> bool:
        """Whether the epilogue is so long that it is not written out for each vector of a tile."""
        applied = (e.detail[0] for e in walk(s.value for s in self.kernel.epilogue) if e.kind == "apply")
        return sum(cost(name) for name in applied if name != "position") > LONG_EPILOGUE

    def _most_even(self, threads: int) -> str:
        """Choose what is most even, and of equals the outermost."""

        def unevenness(split: str) -> float:
            count = self.units_of(split, threads)
            return round(math.ceil(count / threads) * threads / count, 1)

        return min(self.splits, key=unevenness)

    def write(self, elements: Elements, first: Int, end: Int) -> None:
        """Write the units from `first` to `end`."""
        self.e = elements
        self._far = self._far_places() if self.product.terms >= LONG else {}
        left = self._base(self.kernel.left)
        stored = self.kernel.right.kind == "load"
        right = self._base(self.kernel.right) if stored else left  # any address, which is not read
        part = self.split, first, end
        if self.kernel.precision:
            write_pairs(elements.w, self.product, self.tiling, left, right, part, self._epilogue, self._asker)
            return
        write_contraction(
            elements.w,
            self.product,
            self.tiling,
            left,
            right,
            *part,
            self._epilogue,
            scratch="%scratch" if self.scratch else None,
            fetch=self._asker,
            made=None if stored else self._made,
        )

    @property
    def reads_right_once(self) -> bool:
        """Whether one tile has all rows, so that each element of the right factor is needed once."""
        whole = all(tiles.units(self.product, self.tiling, split) == 1 for split in ("outer", "row"))
        return whole and self.product.shared and not self.tiling.packed

    def _made(self, depth: list[Int], column: Int, lanes: int, mask: Value | None) -> Value:
        """Compute a vector of the right factor."""
        e = self.e
        before = e.remembered()
        e.axes.update((axis, 0) for axis in self.kernel.depth)
        e.axes.update(zip((axis for axis in self.kernel.depth if axis.size > 1), depth))
        e.axes[self.kernel.column] = column
        e.along, e.lanes, e.mask = (self.kernel.column if lanes > 1 else None), lanes, mask
        value = e.vector(self.kernel.right)
        e.along, e.lanes, e.mask = None, 1, None
        e.forget(before)
        return value

    def _base(self, operand) -> str:  # type: ignore[no-untyped-def]
        """Return the address of a factor where all its own loops are at 0."""
        own = set(axes_of(self.kernel))
        flat = flat_index(operand)
        rest = Index(tuple((a, f) for a, f in flat.terms if a not in own), flat.constant)
        return self.e.w.at(self.e.pointers[operand.detail], self.e.number(rest), operand.dtype)

    def _far_places(self) -> dict[Index, tuple[Buffer, bool]]:
        """Return where the epilogue touches large buffers along the columns, and whether it writes there."""
        touched = [(e.detail, flat_index(e), False) for e in loads(s.value for s in self.kernel.epilogue)]
        touched += [(s.buffer, stored_at(s), True) for s in self.kernel.epilogue]
        return {
            place: (buffer, writes)
            for buffer, place, writes in touched
            if buffer.bytes >= FAR and place.is_affine and place.factor(self.kernel.column) == 1
        }

    @property
    def _asker(self) -> Fetch | None:
        """What asks for the memory of the epilogue; None where it is near."""
        return self._fetch if self._far else None

    def _fetch(self, outer: list[Int], row: Int, column: Int) -> None:
        """Ask for what the epilogue touches."""
        e = self.e
        before = e.remembered()
        self._turn(outer, row, column)
        for place, (buffer, writes) in self._far.items():
            e.w.prefetch(e.w.at(e.pointers[buffer], e.number(place), buffer.dtype), writes)
        e.forget(before)

    def _turn(self, outer: list[Int], row: Int, column: Int) -> None:
        """Set the loops to the indices of a vector's first lane."""
        self.e.axes.update(zip(self.outer, outer))
        if self.row is not None:
            self.e.axes[self.row] = row
        self.e.axes[self.kernel.column] = column

    def _epilogue(
        self, outer: list[Int], row: Int, column: Int, values: list[Value], mask: Value | None
    ) -> None:
        e = self.e
        before = e.remembered()
        self._turn(outer, row, column)
        lanes = values[0].lanes
        e.along, e.lanes, e.mask = self.kernel.column if lanes > 1 else None, lanes, mask
        e.registers.update(zip((result.detail for result in self.kernel.results), values))
        with e.w.constants_from_memory() if self._is_long else nullcontext():
            e.store_all(self.kernel.epilogue)
        e.along, e.lanes, e.mask = None, 1, None
        e.forget(before)


def joined(kernel: Contraction) -> Contraction:
    """Make one loop of those that both factors and all that the epilogue touches run on along; none of one turn."""
    factors = [flat_index(kernel.left), flat_index(kernel.right)]
    values = [kernel.right, *(s.value for s in kernel.epilogue)]
    touched = [stored_at(s) for s in kernel.epilogue]
    touched += [flat_index(e) for e in loads(values)]
    touched += [i for e in walk(values) if e.kind in ("whole", "inside", "draw") for i in e.indices]
    free = [a for a in kernel.outer if a is not kernel.column]
    summed = factors if kernel.right.kind == "load" else factors + touched
    found = Joined([*chains(free, factors + touched), *chains(kernel.depth, summed)])
    new = found.values
    return replace(
        kernel,
        outer=tuple(a for a in found.loops(kernel.outer) if a.size > 1 or a is kernel.column),
        depth=found.loops(kernel.depth),
        left=kernel.left.replace(new),
        right=kernel.right.replace(new),
        epilogue=[
            Store(s.buffer, tuple(i.replace(new) for i in s.indices), s.value.replace(new))
            for s in kernel.epilogue
        ],
    )
