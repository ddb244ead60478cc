"""What a contraction keeps in scratch memory: copies of its factors that lie densely, and sums that wait.

The scratch memory holds a panel of the right side, then the left side, then sums, whichever of them there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from koubai.compiler.llvm.contraction_parts import Job, Panel, Pass, Rows, Tile
from koubai.compiler.llvm.contraction_sums import Left, depth_counts, left_in_place, right_row, zero
from koubai.compiler.llvm.contraction_tiles import scratch_parts
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int

# --- copies of the factors ----------------------------------------------------------------------------------


def pack_right(job: Job, part: Pass, panel: Panel) -> Pass:
    """Copy what a pass reads of a panel, and return the pass that reads the copy."""
    width, lanes = panel.vectors * job.tiling.lanes, job.tiling.lanes
    strides = [count * width for count in depth_counts(part.depth)]

    def copy(source: str, target: str) -> None:
        for vector, value in enumerate(right_row(job, source, panel, part.mask)):
            job.w.store(value, target, vector * lanes)

    _copy(job, part, [axis.right for axis in part.depth], strides, part.right, job.scratch, copy)
    dense = tuple(replace(axis, right=stride) for axis, stride in zip(part.depth, strides))
    return replace(part, depth=dense, right=job.scratch, mask=None)


def pack_left(job: Job, part: Pass, tile: Tile) -> None:
    """Copy the left side of a tile: the rows of each step lie together, then the steps."""
    w, dtype = job.w, job.product.dtype
    source, target = left_in_place(job, tile, part), packed_left(job, tile, part)
    together = job.product.row.left == 1

    def copy(there: str, here: str) -> None:
        if together:
            w.store(w.load(there, dtype, tile.rows.count), here)
            return
        for place, offset in enumerate(source.offsets):
            w.store(w.load(there, dtype, offset=offset), here, place)

    _copy(job, part, source.strides, target.strides, source.pointer, target.pointer, copy)


def packed_left(job: Job, tile: Tile, part: Pass) -> Left:
    """Return the left side of a tile where `pack_left` puts it."""
    w, rows = job.w, tile.rows
    strides = [count * rows.count for count in depth_counts(part.depth)]
    offset = w.add(w.mul(rows.first, job.product.terms), w.mul(part.at, strides[0]))
    start = w.add(scratch_parts(job.product, job.tiling)[0], offset)
    return Left(w.at(job.scratch, start, job.product.dtype), list(range(rows.count)), strides)


def _copy(
    job: Job,
    part: Pass,
    away: list[int],
    dense: list[int],
    source: str,
    target: str,
    copy: Callable[[str, str], None],
    level: int = 0,
) -> None:
    """Run over the depth and call `copy` with both addresses of each step."""
    if level == len(part.depth):
        copy(source, target)
        return

    def turn(k: Int) -> None:
        there, here = job.moved(source, [away[level]], [k]), job.moved(target, [dense[level]], [k])
        _copy(job, part, away, dense, there, here, copy, level + 1)

    job.each(0, part.depth[level].size if level else part.steps, turn)


# --- sums that wait -----------------------------------------------------------------------------------------


def keep(job: Job, tile: Tile, sums: list[Value]) -> None:
    """Store the sums of a tile."""
    for (step, row, vector), value in zip(tile.places, sums):
        job.w.store(value, _home(job, tile, step * tile.rows.count + row), vector * job.tiling.lanes)


def kept(job: Job, tile: Tile) -> list[Value]:
    """Load the sums of a tile."""
    return [_load(job, tile, step * tile.rows.count + row, vector) for step, row, vector in tile.places]


def clear(job: Job, tile: Tile) -> None:
    """Store zeros where the sums of a tile wait."""

    def one(_step: Int, _row: Int, place: Int) -> None:
        for vector in range(tile.panel.vectors):
            job.w.store(zero(job), _home(job, tile, place), vector * job.tiling.lanes)

    each_row(job, tile.rows, one)


def finish(job: Job, tile: Tile) -> None:
    """Hand the stored sums of a tile over to the epilogue."""

    def one(step: Int, row: Int, place: Int) -> None:
        def give(vector: Int) -> None:
            hand_over(job, tile, step, row, vector, [_load(job, tile, place, vector)])

        vectors = tile.panel.vectors
        alike = vectors - (tile.panel.mask is not None) if job.tiling.rolled else 0
        if alike:
            job.each(0, alike, give)
        for vector in range(alike, vectors):
            give(vector)

    each_row(job, tile.rows, one)


def _load(job: Job, tile: Tile, place: Int, vector: Int) -> Value:
    lanes = job.tiling.lanes
    return job.w.load(_home(job, tile, place), job.product.dtype, lanes, job.w.mul(vector, lanes))


def _home(job: Job, tile: Tile, place: Int) -> str:
    """Return where the sums of a row of a tile are kept."""
    w, rows, (panel, left, _) = job.w, tile.rows, scratch_parts(job.product, job.tiling)
    number: Int = place
    if job.blocked:
        unit = w.mul(rows.unit.number, job.product.row.size * rows.span)
        number = w.add(w.add(unit, rows.first), place)
    return w.at(job.scratch, w.add(panel + left, w.mul(number, job.tiling.width)), job.product.dtype)


def each_row(job: Job, rows: Rows, body: Callable[[Int, Int, Int], None]) -> None:
    """Run over the rows of a tile with their outer step, row and place."""
    w = job.w

    def of_step(step: Int) -> None:
        job.each(0, rows.count, lambda row: body(step, row, w.add(w.mul(step, rows.count), row)))

    job.each(0, rows.span, of_step)


# --- the ends of the sums -----------------------------------------------------------------------------------


def ask_ahead(job: Job, tile: Tile) -> None:
    """Ask for what the epilogue of a tile will touch, so that it comes while the sums are made."""
    if job.fetch is not None:
        for step, row, vector in tile.places:
            if step % tile.rows.turns == 0:
                job.fetch(*_indices(job, tile, step // tile.rows.turns, row, vector))


def hand_all_over(job: Job, tile: Tile, sums: list[Value]) -> None:
    """Write what becomes of the sums of a tile, window by window."""
    found, turns = dict(zip(tile.places, sums)), tile.rows.turns
    for step, row, vector in tile.places:
        if step % turns == 0:
            values = [found[step + turn, row, vector] for turn in range(turns)]
            hand_over(job, tile, step // turns, row, vector, values)


def hand_over(job: Job, tile: Tile, step: Int, row: Int, vector: Int, values: list[Value]) -> None:
    """Write what becomes of a sum, or of those of a window."""
    job.epilogue(*_indices(job, tile, step, row, vector), values, tile.panel.mask_of(vector))


def _indices(job: Job, tile: Tile, step: Int, row: Int, vector: Int) -> tuple[list[Int], Int, Int]:
    """Return the outer indices, row and column of the first lane of a sum."""
    outer = list(tile.rows.unit.outer)
    if tile.rows.span > 1:
        outer[-1] = job.w.add(outer[-1], step)
    column = job.w.add(tile.panel.column, job.w.mul(vector, job.tiling.lanes))
    return outer, job.w.add(tile.rows.first, row), column
