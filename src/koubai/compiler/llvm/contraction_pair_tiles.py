"""How a product of factors in bfloat16 is cut: tiles as in float32, and blocks of them that are packed at once.

Factors are packed as words of 32 bits that hold a pair: two successive steps of the innermost depth index.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from koubai.compiler.llvm.contraction_choice import best_tiles
from koubai.compiler.llvm.contraction_tiles import Product, Tiling, ceil, units

# in words, of what is packed at once, at most
_LEFT = 1 << 20  # the left side of a block: with more blocks the right side is read more often
_PANEL = 1 << 17  # a panel: it stays in a core's own cache while the tiles use it
_SUMS = 1 << 20  # the sums of a block that wait between passes over the depth

_ROWS = 128  # of a block, at least, if there are so many: they pay for packing a panel
_SLACK = (
    16  # words behind each packed row: a store may end there, and rows fall on different places of a cache
)
_FEW = 128  # columns that do not pay for packing the rows of a tile together, unless the tile is a high one
_WIDEST = 2  # vectors of such a tile


@dataclass(frozen=True)
class Blocks:
    """How much is packed at once.

    Attributes:
        units: outer units of a block, which have the same right side.
        tiles: of rows in each; all of them if there are several units.
        rows: that this makes at most.
        steps: of the outermost depth index that one pass sums.
        pitch: words from one row of the packed left side to the next.
    """

    units: int
    tiles: int
    rows: int
    steps: int
    pitch: int


def tiling(product: Product, lanes: int, registers: int, split: str = "", parts: int = 1) -> Tiling:
    """Choose the tiles; the arguments are those of `contraction_choice.tiling`."""
    few = is_turned(product) and product.column.size <= _FEW
    widest = _WIDEST if few else registers
    return best_tiles(_halved(product), lanes, registers, split, parts, widest)


def is_turned(product: Product) -> bool:
    """Whether the rows of the left side are neighbours, and not the steps of the depth."""
    return product.row.left == 1 and product.row.size > 1 and product.sums[-1].left != 1


def _halved(product: Product) -> Product:
    """Return the product with a step for each pair."""
    *others, last = product.sums
    return replace(product, depth=(*others, replace(last, size=ceil(last.size, 2))))


def words(product: Product, steps: int) -> int:
    """Return how many pairs there are in some steps of the outermost depth index."""
    sizes = [steps, *(axis.size for axis in product.sums[1:])]
    return prod(sizes[:-1]) * ceil(sizes[-1], 2)


def shared_units(product: Product, tiling: Tiling) -> int:
    """Return how many outer units in a row have the same right side; axes that change it come first."""
    return prod(axis.size for axis in product.outer if not axis.right) // tiling.span


def blocks(product: Product, tiling: Tiling) -> Blocks:
    """Choose the blocks."""
    first, rows = product.sums[0].size, product.row.size * tiling.span
    alike, tall = shared_units(product, tiling), units(product, tiling, "row")
    all_words = words(product, first)
    passes = max(ceil(all_words * min(rows * alike, _ROWS), _LEFT), ceil(all_words * tiling.width, _PANEL))
    steps = ceil(first, passes)
    if passes > 1 and len(product.sums) == 1:
        steps += steps % 2
    pitch = ceil(words(product, steps), _SLACK) * _SLACK + _SLACK
    room = _LEFT // pitch
    if steps < first:
        room = min(room, _SUMS // columns(product, tiling))
    if rows <= room:
        count = _even(alike, room // rows)
        return Blocks(count, tall, count * rows, steps, pitch)
    count = _even(tall, max(1, room // tiling.rows))
    return Blocks(1, count, min(rows, count * tiling.rows), steps, pitch)


def _even(count: int, most: int) -> int:
    """Return the size of the parts if `count` is cut evenly in as few parts of at most `most` as there can be."""
    return ceil(count, ceil(count, max(1, min(most, count))))


def columns(product: Product, tiling: Tiling) -> int:
    """Return the columns with those that fill up the last panel."""
    return units(product, tiling, "column") * tiling.width


def scratch_parts(product: Product, tiling: Tiling) -> tuple[int, int, int]:
    """Return how many words there are of a packed panel, of a packed left side, and of sums that wait."""
    cut = blocks(product, tiling)
    sums = cut.rows * columns(product, tiling) if cut.steps < product.sums[0].size else 0
    return words(product, cut.steps) * tiling.width, cut.rows * cut.pitch, sums


def scratch_size(product: Product, tiling: Tiling) -> int:
    """Return how many words of memory of its own a thread needs."""
    return sum(scratch_parts(product, tiling))
