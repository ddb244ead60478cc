"""Copies of the factors of a product in bfloat16, as words of 32 bits that hold a pair each.

The lower half of a word is an even step of the innermost depth index, the upper half the step behind it, or 0 where an
odd number of steps ends. A panel of the right side lies pair by pair. The left side lies row by row; or, where its rows
are neighbours in memory, as it often is transposed, tile by tile and pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable

from koubai import dtypes
from koubai.compiler.llvm.contraction_pair_tiles import Blocks, is_turned, scratch_parts
from koubai.compiler.llvm.contraction_parts import Job, Panel, Pass, Rows, Tile, Unit
from koubai.compiler.llvm.contraction_sums import Left, right_row
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer

LANES = 16  # words of a vector
_CONVERT = "@llvm.x86.avx512bf16.cvtne2ps2bf16.512"
_IN_TURN = [half + lane for lane in range(LANES) for half in (0, LANES)]


def pack_right(job: Job, part: Pass, panel: Panel) -> None:
    """Copy what a pass reads of a panel to the beginning of the scratch memory."""
    w, stride = job.w, part.depth[-1].right
    zero = w.constant(0.0, dtypes.float32, LANES)

    def pair(there: str, place: Int, whole: bool) -> None:
        first = right_row(job, there, panel, part.mask)
        behind = job.moved(there, [stride], [1])
        second = right_row(job, behind, panel, part.mask) if whole else [zero] * panel.vectors
        target = w.at(job.scratch, w.mul(place, panel.vectors * LANES), dtypes.int32)
        for number, rows in enumerate(zip(first, second)):
            w.store(_pairs(w, *rows), target, number * LANES)

    _each_pair(job, part, part.right, [axis.right for axis in part.depth], pair)


# --- the left side ------------------------------------------------------------------------------------------


def packed_left(job: Job, tile: Tile, cut: Blocks, slot: Int) -> Left:
    """Return where the left side of a tile is packed.

    Args:
        job, tile: what is written.
        cut: how much is packed at once.
        slot: how many rows of the block come before the tile.
    """
    pointer = _place(job, cut, slot)
    rows = tile.rows.count * tile.rows.span
    if is_turned(job.product):
        return Left(pointer, list(range(rows)), [rows])
    return Left(pointer, [row * cut.pitch for row in range(rows)], [1])


def _place(job: Job, cut: Blocks, slot: Int) -> str:
    start = scratch_parts(job.product, job.tiling)[0]
    return job.w.at(job.scratch, job.w.add(start, job.w.mul(slot, cut.pitch)), dtypes.int32)


def pack_rows(job: Job, part: Pass, cut: Blocks, unit: Unit, rows: tuple[Int, Int], slot: Int) -> None:
    """Copy some rows of each outer step of a unit, one after the other, to a place in the block."""
    w, product, span = job.w, job.product, job.tiling.span
    across = product.outer[-1].left if span > 1 else 0
    strides = [axis.left for axis in part.depth]

    def of_step(step: Int) -> None:
        def of_row(row: Int) -> None:
            source = job.moved(unit.left, [across, product.row.left, strides[0]], [step, row, part.at])
            number = w.add(w.mul(step, product.row.size), w.sub(row, rows[0]))
            target = _place(job, cut, w.add(slot, number))
            _each_run(job, part, source, strides, lambda there, place: _run(job, part, there, target, place))

        job.each(*rows, of_row)

    job.each(0, span, of_step)


def _run(job: Job, part: Pass, source: str, row: str, place: Int) -> None:
    """Copy a run of steps of the innermost depth index; the store of the last few may write some words behind it."""
    w, stride, length = job.w, part.depth[-1].left, _length(part)
    target = w.at(row, place, dtypes.int32)

    def copy(k: Int, count: int) -> None:
        there = job.moved(source, [stride], [k])
        halves = [_steps(job, there, stride, at, min(max(count - at, 0), LANES)) for at in (0, LANES)]
        w.store(_words(w, _converted(w, *halves)), w.at(target, w.div(k, 2), dtypes.int32))

    whole = length // (2 * LANES) * 2 * LANES
    job.each(0, whole, lambda k: copy(k, 2 * LANES), 2 * LANES)
    if whole < length:
        copy(whole, length - whole)


def _steps(job: Job, pointer: str, stride: int, first: int, count: int) -> Value:
    """Load some steps of a row, from `first` on, and 0 behind them."""
    w, dtype = job.w, job.product.dtype
    found = w.constant(0.0, dtype, LANES)
    if count == 0:
        return found
    if stride == 1:
        return w.load(pointer, dtype, LANES, first, _mask(w, count))
    for lane in range(count):
        found = w.with_lane(found, w.load(pointer, dtype, offset=(first + lane) * stride), lane)
    return found


def pack_turned(
    job: Job,
    part: Pass,
    left: str,
    each_tile: Callable[[str, Callable[[Tile], None]], None],
    cut: Blocks,
    slot: Callable[[Tile], Int],
) -> None:
    """Copy the left side of a block where rows are neighbours: of each pair of steps all rows, as they lie.

    Args:
        job, part: what is written.
        left: where the left side is.
        each_tile: writes something for each tile of the block, whose units have their left side there.
        cut: how much is packed at once.
        slot: how many rows of the block come before a tile.
    """
    w, stride = job.w, part.depth[-1].left
    strides = [axis.left for axis in part.depth]

    def pair(there: str, place: Int, whole: bool) -> None:
        def of_tile(tile: Tile) -> None:
            rows = tile.rows
            target = _place(job, cut, slot(tile))
            target = w.at(target, w.mul(place, rows.count * rows.span), dtypes.int32)
            _pair_of_rows(job, rows, stride if whole else None, target)

        each_tile(there, of_tile)

    _each_pair(job, part, job.moved(left, [strides[0]], [part.at]), strides, pair)


def _pair_of_rows(job: Job, rows: Rows, behind: int | None, target: str) -> None:
    """Copy the rows of a tile at one pair of steps; the second is so far `behind` the first, or 0 without one."""
    w, dtype = job.w, job.product.dtype
    across = job.product.outer[-1].left if rows.span > 1 else 0
    for step in range(rows.span):
        for row in range(0, rows.count, LANES):
            mask = _mask(w, min(LANES, rows.count - row))
            there = w.at(rows.unit.left, w.add(w.add(rows.first, row), step * across), dtype)
            first = w.load(there, dtype, LANES, 0, mask)
            zero = w.constant(0.0, dtype, LANES)
            second = zero if behind is None else w.load(there, dtype, LANES, behind, mask)
            w.store(_pairs(w, first, second), target, step * rows.count + row, mask)


# --- loops over the depth -----------------------------------------------------------------------------------


def _length(part: Pass) -> int:
    """Return how many steps of the innermost depth index a pass takes in a row."""
    length = part.depth[-1].size if len(part.depth) > 1 else part.steps
    assert isinstance(length, int)
    return length


def _each_run(
    job: Job, part: Pass, pointer: str, strides: list[int], body: Callable[[str, Int], None]
) -> None:
    """Run over the depth but for its innermost index, with the address and the first word of each run."""
    inner = (_length(part) + 1) // 2

    def nest(level: int, there: str, run: Int) -> None:
        if level == len(strides) - 1:
            body(there, job.w.mul(run, inner))
            return

        def turn(k: Int) -> None:
            size = part.depth[level].size if level else 0
            nest(level + 1, job.moved(there, [strides[level]], [k]), job.w.add(job.w.mul(run, size), k))

        job.each(0, part.depth[level].size if level else part.steps, turn)

    nest(0, pointer, 0)


def _each_pair(
    job: Job, part: Pass, pointer: str, strides: list[int], body: Callable[[str, Int, bool], None]
) -> None:
    """Run over the pairs: with the address of the first of both steps, the word, and whether there is a second."""
    length = _length(part)

    def run(there: str, place: Int) -> None:
        def pair(k: Int) -> None:
            body(job.moved(there, [2 * strides[-1]], [k]), job.w.add(place, k), True)

        job.each(0, length // 2, pair)
        if length % 2:
            body(job.moved(there, [strides[-1]], [length - 1]), job.w.add(place, length // 2), False)

    _each_run(job, part, pointer, strides, run)


# --- words --------------------------------------------------------------------------------------------------


def _converted(w: Writer, first: Value, second: Value) -> Value:
    """Round two vectors: the lanes of the first, then those of the second."""
    w.declare(f"<32 x i16> {_CONVERT}(<16 x float>, <16 x float>)")
    return Value(w.let(f"call <32 x i16> {_CONVERT}({second}, {first})"), dtypes.int16, 2 * LANES)


def _words(w: Writer, halves: Value) -> Value:
    return Value(w.let(f"bitcast {halves} to <16 x i32>"), dtypes.int32, LANES)


def _pairs(w: Writer, first: Value, second: Value) -> Value:
    """Return words with the lanes of the first in the lower halves and those of the second in the upper."""
    halves = _converted(w, first, second)
    return _words(w, w.shuffle(halves, halves, _IN_TURN))


def _mask(w: Writer, count: int) -> Value | None:
    return None if count == LANES else w.lanes_of([lane < count for lane in range(LANES)], dtypes.bool_)
