"""Contractions whose factors are rounded to bfloat16: two products are added to each sum with one instruction.

The loops are those of `contraction`, but for two things. Both factors are packed first, in words that hold a pair: two
successive steps of the depth. And the left side is packed for a block of tiles, which then uses each panel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from koubai import dtypes
from koubai.compiler.llvm.contraction import EachUnit, Loops
from koubai.compiler.llvm.contraction_memory import ask_ahead, each_row, hand_all_over, hand_over
from koubai.compiler.llvm.contraction_pair_packing import (
    LANES,
    pack_right,
    pack_rows,
    pack_turned,
    packed_left,
)
from koubai.compiler.llvm.contraction_pair_tiles import (
    Blocks,
    blocks,
    columns,
    is_turned,
    scratch_parts,
    shared_units,
    words,
)
from koubai.compiler.llvm.contraction_parts import Epilogue, Fetch, Job, Panel, Pass, Tile, Unit
from koubai.compiler.llvm.contraction_sums import Left, zero
from koubai.compiler.llvm.contraction_tiles import Product, Tiling
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer

_MULTIPLY = "@llvm.x86.avx512bf16.dpbf16ps.512"
_Range = tuple[Int, Int]


def write_pairs(
    w: Writer,
    product: Product,
    tiling: Tiling,
    left: str,
    right: str,
    part: tuple[str, Int, Int],
    epilogue: Epilogue,
    fetch: Fetch | None = None,
) -> None:
    """Write a product, or the part of it that one thread computes, with scratch memory at `%scratch`.

    Args:
        w: the function to write into.
        product, tiling: what is computed and how it is cut; outer axes that move in the right side come first.
        left, right: pointers to the elements of the factors where all indices are 0.
        part: the axis that threads share, and the range of units along it that this thread computes.
        epilogue: writes what becomes of the sums.
        fetch: asks for the memory that the epilogue will touch.
    """
    job = Job(w, product, tiling, epilogue, fetch, "%scratch")
    _PairLoops(job, left, right, part, blocks(product, tiling)).write()


@dataclass(frozen=True)
class _PairLoops(Loops):
    """The loops around the tiles.

    Attributes:
        blocks: how much is packed at once.
        block: the ranges of units that the block at hand has along its axes.
        of_panel: writes what is done with a panel of it.
    """

    blocks: Blocks
    block: Mapping[str, _Range] = field(default_factory=dict)
    of_panel: Callable[[Panel, str], None] | None = None

    def _range(self, axis: str) -> _Range:
        return self.block[axis] if axis in self.block else super()._range(axis)

    # --- blocks -------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write them all: for each right side its blocks."""
        w, (first, end) = self.job.w, self._range("outer")
        if self.job.product.shared:
            self._blocks(first, end, self.right)
            return
        alike = shared_units(self.job.product, self.job.tiling)

        def same(number: Int) -> None:
            low = w.mul(number, alike)
            high = w.add(low, alike)
            self._blocks(w.maximum(first, low), w.minimum(end, high), self._unit(low).right)

        self.job.each(w.div(first, alike), w.div(w.add(end, alike - 1), alike), same)

    def _blocks(self, first: Int, end: Int, right: str) -> None:
        """Cut the units of one right side into blocks."""
        w, cut, (low, high) = self.job.w, self.blocks, self._range("row")

        def of_units(unit: Int) -> None:
            units = unit, w.minimum(w.add(unit, cut.units), end)

            def of_tiles(tile: Int) -> None:
                tiles = tile, w.minimum(w.add(tile, cut.tiles), high)
                replace(self, block={"outer": units, "row": tiles})._block(right)

            self.job.each(low, high, of_tiles, cut.tiles)

        self.job.each(first, end, of_units, cut.units)

    def _block(self, right: str) -> None:
        """Write one block, in one pass over the depth or in several."""
        first, steps = self.job.product.sums[0].size, self.blocks.steps
        whole = first // steps * steps
        self._waiting(right, self._clear)
        self.job.each(0, whole, lambda at: self._pass_of(right, at, steps), steps)
        if whole < first:
            self._pass_of(right, whole, first - whole)
        self._waiting(right, self._finish)

    @property
    def _waits(self) -> bool:
        """Whether sums wait in memory between passes over the depth."""
        return self.blocks.steps < self.job.product.sums[0].size

    def _pass_of(self, right: str, at: Int, steps: int) -> None:
        """Write the sums over some steps of the depth."""
        depth = self.job.product.sums
        part = Pass(at, steps, depth, self.job.moved(right, [depth[0].right], [at]), None)
        self._pack_block(part)

        def of_panel(panel: Panel, there: str) -> None:
            pack_right(self.job, replace(part, right=there, mask=panel.mask), panel)
            self._tiles(panel, self._units, lambda tile: self._sum(tile, words(self.job.product, steps)))

        replace(self, of_panel=of_panel)._panels(part.right, self._units)

    def _panel(self, panel: Panel, right: str, each_unit: EachUnit) -> None:
        assert self.of_panel is not None
        self.of_panel(panel, self.job.w.at(right, panel.column, self.job.product.dtype))

    # --- the packed left side -----------------------------------------------------------------------------------

    def _pack_block(self, part: Pass) -> None:
        """Pack the left side of the block."""
        job, cut, (low, high) = self.job, self.blocks, self._range("row")
        if not is_turned(job.product):
            rows = self._row_of(low), self._row_of(high)
            self._units(lambda unit: pack_rows(job, part, cut, unit, rows, self._slot(unit, rows[0])))
            return

        def each_tile(left: str, body: Callable[[Tile], None]) -> None:
            moved = replace(self, left=left)
            moved._tiles(Panel(0, 0, None), moved._units, body)

        pack_turned(job, part, self.left, each_tile, cut, self._slot_of)

    def _slot(self, unit: Unit, row: Int) -> Int:
        """Return how many rows of the block come before a row of a unit."""
        w = self.job.w
        before = w.sub(row, self._row_of(self._range("row")[0]))
        if self.blocks.units == 1:
            return before
        height = self.job.product.row.size * self.job.tiling.span
        return w.add(w.mul(w.sub(unit.number, self._range("outer")[0]), height), before)

    def _slot_of(self, tile: Tile) -> Int:
        return self._slot(tile.rows.unit, tile.rows.first)

    # --- sums ---------------------------------------------------------------------------------------------------

    def _sum(self, tile: Tile, pairs: int) -> None:
        """Write the sums of a tile over some pairs."""
        job = self.job
        if not self._waits:
            ask_ahead(job, tile)
        left = packed_left(job, tile, self.blocks, self._slot_of(tile))
        sums = [self._waiting_sum(tile, *place) if self._waits else zero(job) for place in tile.places]
        sums = _sums(job, tile, left, pairs, sums)
        if not self._waits:
            hand_all_over(job, tile, sums)
            return
        for place, value in zip(tile.places, sums):
            self._keep(tile, *place, value)

    def _waiting(self, right: str, body: Callable[[Tile, Int, Int, int], None]) -> None:
        """Write something for each of the sums of the block, if they wait in memory."""
        if not self._waits:
            return

        def of_tile(tile: Tile) -> None:
            def of_row(step: Int, row: Int, _: Int) -> None:
                for vector in range(tile.panel.vectors):
                    body(tile, step, row, vector)

            each_row(self.job, tile.rows, of_row)

        def of_panel(panel: Panel, _: str) -> None:
            self._tiles(panel, self._units, of_tile)

        replace(self, of_panel=of_panel)._panels(right, self._units)

    def _clear(self, tile: Tile, step: Int, row: Int, vector: int) -> None:
        nothing = self.job.w.constant(0.0, self.job.product.dtype, LANES)
        self._keep(tile, step, row, vector, nothing)

    def _finish(self, tile: Tile, step: Int, row: Int, vector: int) -> None:
        hand_over(self.job, tile, step, row, vector, [self._waiting_sum(tile, step, row, vector)])

    def _keep(self, tile: Tile, step: Int, row: Int, vector: int, value: Value) -> None:
        self.job.w.store(value, self._home(tile, step, row), vector * LANES)

    def _waiting_sum(self, tile: Tile, step: Int, row: Int, vector: int) -> Value:
        home = self._home(tile, step, row)
        return self.job.w.load(home, self.job.product.dtype, LANES, vector * LANES)

    def _home(self, tile: Tile, step: Int, row: Int) -> str:
        """Return where the sums of a row of a tile wait."""
        w, product, tiling = self.job.w, self.job.product, self.job.tiling
        panel, left, _ = scratch_parts(product, tiling)
        number = w.add(self._slot_of(tile), w.add(w.mul(step, product.row.size), row))
        place = w.add(w.mul(number, columns(product, tiling)), tile.panel.column)
        return w.at(self.job.scratch, w.add(panel + left, place), product.dtype)


def _sums(job: Job, tile: Tile, left: Left, pairs: int, sums: list[Value]) -> list[Value]:
    """Write the loop over the pairs of packed factors, and return the sums after it."""
    w, width = job.w, tile.panel.vectors * LANES
    unroll = next(u for u in (4, 3, 2, 1) if pairs % u == 0)
    w.declare(f"<16 x float> {_MULTIPLY}(<16 x float>, <16 x i32>, <16 x i32>)")

    def step(pair: Int, sums: list[Value]) -> list[Value]:
        there = w.at(left.pointer, w.mul(pair, left.strides[-1]), dtypes.int32)
        right = w.at(job.scratch, w.mul(pair, width), dtypes.int32)
        vectors = [w.load(right, dtypes.int32, LANES, n * LANES) for n in range(tile.panel.vectors)]
        found: list[Value] = []
        for offset in left.offsets:
            factor = w.splat(w.load(there, dtypes.int32, offset=offset), LANES)
            for vector in vectors:
                operands = f"{sums[len(found)]}, {factor}, {vector}"
                name = w.let(f"call <16 x float> {_MULTIPLY}({operands})")
                found.append(Value(name, dtypes.float32, LANES))
        return found

    def turn(first: Int, sums: list[Value]) -> list[Value]:
        for number in range(unroll):
            sums = step(w.add(first, number), sums)
        return sums

    return w.loop(0, pairs, unroll, turn, sums)
