"""The innermost part of a contraction: the sums of one tile, which stay in registers while the depth runs by.

Each step loads one row of the right side, and multiplies it by one number of the left side for every row of the tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as every

from koubai.compiler.llvm.contraction_parts import Job, Panel, Pass, Tile
from koubai.compiler.llvm.contraction_tiles import Axis
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int

TERMS = 512  # that a sum takes up one by one: the further it outgrows them, the more of their bits it loses


@dataclass(frozen=True)
class Left:
    """The left side of a tile: where it begins, where its rows are from there, and how the depth's steps go."""

    pointer: str
    offsets: list[int]
    strides: list[int]


def write_sums(job: Job, tile: Tile, part: Pass, left: Left, sums: list[Value]) -> list[Value]:
    """Write one pass over the depth, and return the sums after it."""
    return _nest(job, tile, part, left, [], left.pointer, part.right, sums)


def zero(job: Job) -> Value:
    """Return a sum of nothing."""
    text = "zeroinitializer" if job.tiling.lanes > 1 else "0.0"
    return Value(text, job.product.dtype, job.tiling.lanes)


def left_in_place(job: Job, tile: Tile, part: Pass) -> Left:
    """Return the left side of a tile where it lies."""
    w, product, rows = job.w, job.product, tile.rows
    offset = w.add(w.mul(part.at, product.sums[0].left), w.mul(rows.first, product.row.left))
    across = product.outer[-1].left if rows.span > 1 else 0
    steps = [step * across + away for step in range(rows.span) for away in product.together]
    return Left(
        w.at(rows.unit.left, offset, product.dtype),
        [step + row * product.row.left for step, row in every(steps, range(rows.count))],
        [axis.left for axis in product.sums],
    )


def right_row(job: Job, right: str, panel: Panel, mask: Value | None) -> list[Value]:
    """Write the load of what a panel needs of one row of the right side."""
    dtype, lanes = job.product.dtype, job.tiling.lanes
    masks = [None] * (panel.vectors - 1) + [mask]
    return [job.w.load(right, dtype, lanes, i * lanes, m) for i, m in enumerate(masks)]


def _made_row(job: Job, depth: list[Int], panel: Panel) -> list[Value]:
    """Write the computation of what a panel needs of one row of the right side."""
    assert job.made is not None
    lanes = job.tiling.lanes
    columns = [job.w.add(panel.column, i * lanes) for i in range(panel.vectors)]
    return [job.made(depth, column, lanes, panel.mask_of(i)) for i, column in enumerate(columns)]


def _nest(
    job: Job,
    tile: Tile,
    part: Pass,
    left: Left,
    outside: list[Int],
    at_left: str,
    at_right: str,
    sums: list[Value],
) -> list[Value]:
    """Write the loop over one of the depth indices, with those over the following ones inside and others outside it.

    A long one is written in pieces with sums of their own: what they add up to can wait on the stack.
    """
    level = len(outside)
    axis, innermost = part.depth[level], level == len(part.depth) - 1
    unroll = job.tiling.unroll if innermost else 1

    def turn(first: Int, sums: list[Value]) -> list[Value]:
        for k in (job.w.add(first, i) for i in range(unroll)):
            there = job.moved(at_left, [left.strides[level]], [k]), job.moved(at_right, [axis.right], [k])
            if innermost:
                sums = _step(job, tile, part, left, [*outside, k], *there, sums)
            else:
                sums = _nest(job, tile, part, left, [*outside, k], *there, sums)
        return sums

    end, most = (axis.size, axis.size) if level else (part.steps, min(axis.size, job.tiling.block))
    terms = depth_counts(part.depth)[level]
    piece = -(-TERMS // (terms * unroll)) * unroll
    if terms >= TERMS or most < 2 * piece:
        return job.w.loop(0, end, unroll, turn, sums)

    def together(some: list[Value], others: list[Value]) -> list[Value]:
        return [job.w.binary("fadd", total, more) for total, more in zip(some, others)]

    of_piece = job.w.piece(piece, end, unroll, turn, [zero(job)] * len(sums), together)
    return job.w.loop(0, end, piece, of_piece, sums)


def _step(
    job: Job,
    tile: Tile,
    part: Pass,
    left: Left,
    depth: list[Int],
    at_left: str,
    at_right: str,
    sums: list[Value],
) -> list[Value]:
    """Write one step: all products of a column of the left side with a row of the right side."""
    w, result = job.w, list(sums)
    if job.made is None:
        vectors = right_row(job, at_right, tile.panel, part.mask)
    else:
        vectors = _made_row(job, [w.add(part.at, depth[0]), *depth[1:]], tile.panel)
    if job.tiling.ahead:
        ahead = left.strides[-1] * job.tiling.ahead  # beyond the end at last, which does no harm
        w.prefetch(w.at(at_left, ahead, job.product.dtype))
    for number, offset in enumerate(left.offsets):
        factor = w.splat(w.load(at_left, job.product.dtype, offset=offset), job.tiling.lanes)
        for place, vector in enumerate(vectors, number * len(vectors)):
            result[place] = w.fma(factor, vector, sums[place])
    return result


def depth_counts(depth: tuple[Axis, ...]) -> list[int]:
    """Return for each depth index how many steps of the innermost one a step of it is."""
    counts = [1]
    for axis in reversed(depth[1:]):
        counts.insert(0, counts[0] * axis.size)
    return counts
