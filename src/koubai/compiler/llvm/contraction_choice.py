"""The choice of how a contraction is cut.

Which tile is best follows from a small model of what one costs, so that no shape needs a special case and nothing has
to be timed. The constants are for the cores of the last ten years, and no choice depends on their exact values.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from math import gcd, prod

from koubai.compiler.llvm.contraction_tiles import Axis, Product, Tiling, ceil, depth_step, first_row, units

_LINE = 64  # bytes that come into a cache together
_NEAR = 1 << 15  # bytes of the right side that stay nearest, beside a left side that is scattered
_OWN = 1 << 19  # bytes of the right side that stay in a core's own cache
_ALIAS = 1 << 10  # bytes: rows that are a multiple of it apart fall on few places of a cache
_SPAN = 1 << 12  # bytes after which the places of the nearest cache begin anew
_WAYS = 8  # lines that one of these places holds
_SHORT = 2  # lines: what runs on for no longer is not fetched ahead by the processor
_PACK_TILES = 8  # a panel is worth copying when at least so many tiles read it
_PACK_PANELS = 12  # the left side is worth copying when at least so many panels read it
_PACK_VECTORS = 3  # or, if it is far away, so many for each vector that a panel has
_AHEAD = 8  # steps between asking for a scattered element of the left side and using it


@lru_cache(maxsize=1 << 12)
def tiling(product: Product, target_lanes: int, registers: int, split: str = "", parts: int = 1) -> Tiling:
    """Choose how a product is cut.

    Args:
        product: what is computed.
        target_lanes: elements of its dtype in a vector register.
        registers: how many vector registers there are.
        split: along which of the axes of `units` threads will share it, if it is known.
        parts: how many threads.

    Returns:
        The tiling that costs least.
    """
    lanes = min(target_lanes, 1 << (product.column.size - 1).bit_length())
    best = best_tiles(product, lanes, registers, split, parts)
    return _with_memory(product, best, parts if split in ("outer", "row") else 1)


def best_tiles(
    product: Product, lanes: int, registers: int, split: str, parts: int, widest: int = 1 << 62
) -> Tiling:
    """Choose the tiles alone, of at most `widest` vectors; the other arguments are those of `tiling`."""

    def time(cut: Tiling) -> float:
        return _cost(product, cut) * _imbalance(product, cut, split, parts)

    found = _candidates(product, lanes, registers)
    return min((cut for cut in found if cut.vectors <= widest), key=time)


# --- tiles --------------------------------------------------------------------------------------------------


def cycles(product: Product, tiling: Tiling) -> float:
    """Estimate the cycles of a whole product, if one thread computes it."""
    return _cost(product, tiling) * prod(axis.size for axis in product.outer)


def _candidates(product: Product, lanes: int, registers: int) -> Iterator[Tiling]:
    """Yield all tiles whose sums, vectors of the right side and number of the left side fit the registers."""
    usable = registers - registers // 10  # a few stay free, for what is loaded early
    turns = product.turns
    numbers = turns + 1 if product.window else 1  # turns read the same ones, which stay loaded
    for vectors in range(1, min(ceil(product.column.size, lanes), usable) + 1):
        most = (usable - vectors - numbers) // (vectors * turns)
        for rows, span in _heights(product, max(most, vectors == 1)):
            yield Tiling(lanes, rows, vectors, span, _unroll(product))


def _heights(product: Product, most: int) -> Iterator[tuple[int, int]]:
    """Yield (rows, span) of the tiles that are at most so high, where nearly equal tiles are."""
    size = product.row.size
    for rows in range(1, min(most, size) + 1):
        if ceil(size, ceil(size, rows)) == rows:
            yield rows, 1
    shares = product.outer and product.outer[-1].right == 0 and not product.window
    last = product.outer[-1] if shares else Axis(1, 0, 0)
    for span in range(2, min(last.size, most // size) + 1):
        if last.size % span == 0:
            yield size, span


def _unroll(product: Product) -> int:
    """Choose how many steps to write out: a divisor, so that there is no remainder to write as well."""
    return next(u for u in (2, 3, 1) if product.sums[-1].size % u == 0)


def _cost(product: Product, tiling: Tiling) -> float:
    """Estimate the cycles of one step of the outer indices, and a little for long code."""
    tiles = units(product, tiling, "row")
    low, more = divmod(product.row.size * tiling.span, tiles)
    panels, last = divmod(ceil(product.column.size, tiling.lanes), tiling.vectors)
    cycles, code, turns = 0.0, 0, product.turns
    for rows, high in ((low, tiles - more), (low + 1, more)):
        for vectors, wide in ((tiling.vectors, panels), (last, last > 0)):
            if high and wide:
                height = rows * turns
                step = _step(height, vectors, _is_far(product))
                cycles += high * wide * (product.terms * step + 2 * height * vectors + 20)
                code += height * vectors
    return cycles / tiling.span * (1 + code / 4000)


def _step(rows: int, vectors: int, far: bool) -> float:
    """Estimate one step of the depth: two sums a cycle, each four after the one before it, and what loads delay."""
    return max(rows * vectors / 2, 4) + (0.25 if far else 0.15) * rows + 0.4 * vectors


def _is_far(product: Product) -> bool:
    """Whether the left side is too large for a core's own cache."""
    return _left_size(product) > 2 * _OWN


def _left_size(product: Product) -> int:
    """Return the bytes of the left side for one step of the outer indices."""
    return product.row.size * product.terms * product.dtype.itemsize


def _imbalance(product: Product, tiling: Tiling, split: str, parts: int) -> float:
    """Return how much longer the busiest thread takes than if all had the same."""
    count = units(product, tiling, split)
    if split != "row" or tiling.span > 1:
        return ceil(count, parts) * parts / count
    starts = [first_row(product, count, count * part // parts) for part in range(parts + 1)]
    return max(end - start for start, end in itertools.pairwise(starts)) * parts / product.row.size


# --- memory -------------------------------------------------------------------------------------------------


def _with_memory(product: Product, tiling: Tiling, parts: int) -> Tiling:
    """Decide on passes over the depth and on copying, which need scratch memory."""
    tiles = units(product, tiling, "row") * (units(product, tiling, "outer") if product.shared else 1) / parts
    scattered = _is_scattered(product)
    alone = not product.shared or prod(axis.size for axis in product.outer) == 1
    left = scattered and alone and not product.window and _is_read_often(product, tiling)
    waits = tiles > 1 and not product.window
    return replace(
        tiling,
        block=_block(product, tiling, scattered and not left) if waits else product.sums[0].size,
        packed=tiles >= _PACK_TILES and _is_awkward(product, tiling),
        packed_left=left,
        ahead=_AHEAD if scattered and not left else 0,
    )


def _is_read_often(product: Product, tiling: Tiling) -> bool:
    """Whether so many panels read the left side that a copy of it is worth making."""
    few = min(_PACK_PANELS, _PACK_VECTORS * tiling.vectors) if _left_size(product) > _OWN else _PACK_PANELS
    return units(product, tiling, "column") >= few and product.terms >= 4 * tiling.width


def _is_scattered(product: Product) -> bool:
    """Whether each step of the depth finds the left side in another line of the cache."""
    return abs(product.sums[-1].left) * product.dtype.itemsize >= _LINE


def _is_awkward(product: Product, tiling: Tiling) -> bool:
    """Whether the rows of a panel lie badly: in the same places of a cache, or across lines."""
    bytes_ = product.dtype.itemsize
    apart, long = abs(product.sums[-1].right) * bytes_, tiling.width * bytes_
    aliases = apart > long and (
        apart % _ALIAS == 0 or (long <= _SHORT * _LINE and _is_crowded(product, apart))
    )
    return aliases or apart % (tiling.lanes * bytes_) != 0


def _is_crowded(product: Product, apart: int) -> bool:
    """Whether rows that are so many bytes apart take more than half of the places of the nearest cache they fall on."""
    places = _SPAN // max(gcd(apart, _SPAN), _LINE)
    return product.terms > places * _WAYS // 2


def _block(product: Product, tiling: Tiling, scattered: bool) -> int:
    """Choose how much of the depth one pass sums, so that its part of a panel stays in a cache."""
    first, step = product.sums[0].size, depth_step(product, tiling)
    size = product.terms * tiling.width * product.dtype.itemsize
    passes = ceil(size, _NEAR if scattered and size > 3 * _NEAR else _OWN)
    return ceil(ceil(first, passes), step) * step
