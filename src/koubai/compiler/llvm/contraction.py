"""The kernel of products summed over an index: matrix products, batches of them, and convolutions.

The loops run over panels of columns, then over the outer indices and tiles of rows, so that a panel of the right side
stays in the cache as long as it is used. What becomes of the sums is written by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from koubai import dtypes
from koubai.compiler.llvm.contraction_choice import tiling
from koubai.compiler.llvm.contraction_memory import (
    ask_ahead,
    clear,
    finish,
    hand_all_over,
    keep,
    kept,
    pack_left,
    pack_right,
    packed_left,
)
from koubai.compiler.llvm.contraction_parts import Epilogue, Fetch, Job, Made, Panel, Pass, Rows, Tile, Unit
from koubai.compiler.llvm.contraction_sums import left_in_place, write_sums, zero
from koubai.compiler.llvm.contraction_tiles import (
    Axis,
    Product,
    Tiling,
    depth_step,
    scratch_size,
    units,
)
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer

__all__ = [
    "Axis",
    "Epilogue",
    "Product",
    "Tiling",
    "scratch_size",
    "tiling",
    "units",
    "write_contraction",
]


def write_contraction(
    w: Writer,
    product: Product,
    tiling: Tiling,
    left: str,
    right: str,
    split: str,
    first: Int,
    end: Int,
    epilogue: Epilogue,
    scratch: str | None = None,
    fetch: Fetch | None = None,
    made: Made | None = None,
) -> None:
    """Write a product, or the part of it that one thread computes.

    The epilogue is called row by row of a tile, and from left to right in a row.

    Args:
        w: the function to write into.
        product, tiling: what is computed and how it is cut.
        left, right: pointers to the elements of the factors where all indices are 0.
        split: the axis that threads share, as for `units`.
        first, end: the range of units along it that this thread computes.
        epilogue: writes what becomes of the sums.
        fetch: asks for the memory that the epilogue will touch.
        made: computes what is not there to be loaded of the right side; each tile has all rows then.
        scratch: memory of the thread's own for `scratch_size` elements; without it the tiling does what needs none.
    """
    if scratch is None:
        tiling = tiling.plain()
    job = Job(w, product, tiling, epilogue, fetch, scratch or "", made)
    Loops(job, left, right, (split, first, end)).write()


EachUnit = Callable[[Callable[[Unit], None]], None]


@dataclass(frozen=True)
class Loops:
    """The loops around the tiles of a job, where `part` is the range of units along an axis to compute."""

    job: Job
    left: str
    right: str
    part: tuple[str, Int, Int]

    def write(self) -> None:
        """Write them all."""
        if self.job.product.shared:
            self._right_side(self.right, self._units)
        else:
            self._units(lambda unit: self._right_side(unit.right, lambda body: body(replace(unit, number=0))))

    def _right_side(self, right: str, each_unit: EachUnit) -> None:
        """Write what uses one right side."""
        if self.job.tiling.packed_left:
            self._tiles(Panel(0, 0, None), each_unit, self._pack_left)
        self._panels(right, each_unit)

    def _count(self, axis: str) -> int:
        return units(self.job.product, self.job.tiling, axis)

    def _range(self, axis: str) -> tuple[Int, Int]:
        split, first, end = self.part
        return (first, end) if axis == split else (0, self._count(axis))

    # --- outer indices ------------------------------------------------------------------------------------------

    def _units(self, body: Callable[[Unit], None]) -> None:
        self.job.each(*self._range("outer"), lambda number: body(self._unit(number)))

    def _unit(self, number: Int) -> Unit:
        job, axes = self.job, self.job.product.outer
        indices = self._indices(number)
        left = job.moved(self.left, [axis.left for axis in axes], indices)
        right = job.moved(self.right, [axis.right for axis in axes], indices)
        return Unit(number, indices, left, right)

    def _indices(self, number: Int) -> list[Int]:
        """Take the number of a turn apart into the outer indices, innermost first."""
        w, indices, span = self.job.w, list[Int](), self.job.tiling.span
        sizes = [axis.size for axis in self.job.product.outer]
        for level in reversed(range(len(sizes))):
            turns = sizes[level] // span
            indices.insert(0, w.mul(w.mod(number, turns) if level else number, span))
            number, span = w.div(number, turns) if level else 0, 1
        return indices

    # --- panels of columns --------------------------------------------------------------------------------------

    def _panels(self, right: str, each_unit: EachUnit) -> None:
        """Write the panels of this part; the last one may have fewer columns than the others."""
        w, width, lanes = self.job.w, self.job.tiling.width, self.job.tiling.lanes
        whole, rest = divmod(self.job.product.column.size, width)
        first, end = self._range("column")

        def full(number: Int) -> None:
            self._panel(Panel(w.mul(number, width), width // lanes, None), right, each_unit)

        def last(_: Int) -> None:
            self._panel(Panel(whole * width, -(-rest // lanes), self._mask(rest % lanes)), right, each_unit)

        if whole:
            self.job.each(first, w.minimum(end, whole) if rest else end, full)
        if rest:
            self.job.each(w.maximum(first, whole) if whole else first, end, last)

    def _mask(self, valid: int) -> Value | None:
        lanes = self.job.tiling.lanes
        return self.job.w.lanes_of([i < valid for i in range(lanes)], dtypes.bool_) if valid else None

    def _panel(self, panel: Panel, right: str, each_unit: EachUnit) -> None:
        """Write what one panel needs, in one pass over the depth or in several."""
        job, w = self.job, self.job.w
        whole = self._pass(w.at(right, panel.column, job.product.dtype), panel)
        if not job.blocked:
            self._pass_over(whole, panel, each_unit)
            return

        def block(k: Int) -> None:
            steps = w.minimum(job.tiling.block, w.sub(w.add(whole.at, whole.steps), k))
            there = job.moved(right, [whole.depth[0].right, 1], [k, panel.column])
            self._pass_over(replace(whole, at=k, steps=steps, right=there), panel, each_unit)

        self._tiles(panel, each_unit, lambda tile: clear(job, tile))
        job.each(*self._depth_range(), block, job.tiling.block)
        self._tiles(panel, each_unit, lambda tile: finish(job, tile))

    # --- passes over the depth ----------------------------------------------------------------------------------

    def _depth_range(self) -> tuple[Int, Int]:
        step = depth_step(self.job.product, self.job.tiling)
        first, end = self._range("depth")
        return self.job.w.mul(first, step), self.job.w.mul(end, step)

    def _pass(self, right: str, panel: Panel) -> Pass:
        """Return the pass over all of the depth that is to be summed."""
        (first, end), depth = self._depth_range(), self.job.product.sums
        there = self.job.moved(right, [depth[0].right], [first])
        return Pass(first, self.job.w.sub(end, first), depth, there, panel.mask)

    def _pass_over(self, part: Pass, panel: Panel, each_unit: EachUnit) -> None:
        if self.job.tiling.packed:
            part = pack_right(self.job, part, panel)
        self._tiles(panel, each_unit, lambda tile: self._tile(tile, part))

    # --- tiles of rows ------------------------------------------------------------------------------------------

    def _tiles(self, panel: Panel, each_unit: EachUnit, body: Callable[[Tile], None]) -> None:
        """Run over the tiles of a panel, of which some have one row more than the others."""
        w, span, turns = self.job.w, self.job.tiling.span, self.job.product.turns
        low, more = divmod(self.job.product.row.size, self._count("row"))

        def of_unit(unit: Unit) -> None:
            def tile(number: Int) -> None:
                first = self._row_of(number)
                rows = w.sub(self._row_of(w.add(number, 1)), first) if more else low
                if isinstance(rows, int):
                    body(Tile(Rows(unit, first, rows, span, turns), panel))
                    return
                for height in (low + 1, low):
                    with w.when(w.let(f"icmp eq i64 {rows}, {height}")):
                        body(Tile(Rows(unit, first, height, span, turns), panel))

            self.job.each(*self._range("row"), tile)

        each_unit(of_unit)

    def _row_of(self, tile: Int) -> Int:
        """Return the first row of a tile."""
        w = self.job.w
        return w.div(w.mul(tile, self.job.product.row.size), self._count("row"))

    def _tile(self, tile: Tile, part: Pass) -> None:
        """Write one tile: begin, sum, and hand over."""
        job = self.job
        if not job.blocked:
            ask_ahead(job, tile)
        left = (packed_left if job.tiling.packed_left else left_in_place)(job, tile, part)
        sums = kept(job, tile) if job.blocked else [zero(job)] * len(tile.places)
        sums = write_sums(job, tile, part, left, sums)
        if job.blocked or job.tiling.rolled:
            keep(job, tile, sums)
        if job.tiling.rolled and not job.blocked:
            finish(job, tile)
        elif not job.blocked:
            hand_all_over(job, tile, sums)

    def _pack_left(self, tile: Tile) -> None:
        pack_left(self.job, self._pass(self.right, tile.panel), tile)
