"""A product summed over an index, and the ways to cut its output into tiles that fit the registers.

A tile is some rows by some vectors of columns. A panel is all rows of neighbouring columns, as wide as a tile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product as every
from math import prod

from koubai.dtypes import DType


@dataclass(frozen=True)
class Axis:
    """One index of a product.

    Attributes:
        size: how many values the index takes.
        left, right: how far one step of it moves in each factor, in elements; 0 where it does not occur.
    """

    size: int
    left: int
    right: int


@dataclass(frozen=True)
class Product:
    """`out[outer…, row, column] = sum over depth… of left[…] · right[…]`, with addresses affine in the indices.

    Attributes:
        outer: indices that the output has besides row and column, outermost first.
        row: the index whose steps share what is loaded of the right side: its `right` is 0.
        column: the index that is laid across the lanes of a vector: its `left` is 0 and its `right` is 1.
        depth: the indices that are summed over, outermost first.
        dtype: float32 or float64, of both factors and of the sum.
        window: indices of sums that the epilogue needs together, outermost first: their `right` is 0.
    """

    outer: tuple[Axis, ...]
    row: Axis
    column: Axis
    depth: tuple[Axis, ...]
    dtype: DType
    window: tuple[Axis, ...] = ()

    def __post_init__(self) -> None:
        rows_move = self.row.size > 1 and self.row.right != 0
        columns_move = self.column.size > 1 and (self.column.left, self.column.right) != (0, 1)
        if rows_move or columns_move:
            raise ValueError(f"row and column must move in one factor only, columns by 1: {self}")

    @property
    def shared(self) -> bool:
        """Whether all outer indices use the same right side."""
        return all(axis.right == 0 for axis in self.outer)

    @property
    def sums(self) -> tuple[Axis, ...]:
        """The depth without axes of one step, but never empty."""
        return tuple(axis for axis in self.depth if axis.size > 1) or (Axis(1, 0, 0),)

    @property
    def turns(self) -> int:
        """How many sums the epilogue needs together."""
        return prod(axis.size for axis in self.window)

    @property
    def together(self) -> list[int]:
        """How far in the left side each of the sums is that the epilogue needs together."""
        return [sum(steps) for steps in every(*([i * a.left for i in range(a.size)] for a in self.window))]

    @property
    def terms(self) -> int:
        """How many products are added up for one element."""
        return prod(axis.size for axis in self.depth)


@dataclass(frozen=True)
class Tiling:
    """How a product is cut.

    Attributes:
        lanes: of a vector.
        rows: of a tile, at most; tiles are nearly equal.
        vectors: of a panel; only the last panel may have fewer.
        span: how many steps of the last outer index a tile covers; more than 1 only where it has whole rows.
        unroll: steps of the innermost depth index that are written out in one turn of its loop.
        block: steps of the outermost depth index that are summed before the next tile's turn.
        packed: whether a panel of the right side is first copied to where it lies densely.
        packed_left: whether all of the left side is first copied to where the tiles' parts of it lie densely.
        ahead: how many steps before its use the left side is asked for; 0 for not at all.
        rolled: whether the epilogue is written once for a whole vector, in loops over those of a tile: smaller code.
    """

    lanes: int
    rows: int
    vectors: int
    span: int = 1
    unroll: int = 1
    block: int = 1 << 62
    packed: bool = False
    packed_left: bool = False
    ahead: int = 0
    rolled: bool = False

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.vectors * self.lanes

    def plain(self) -> Tiling:
        """Return the same tiles without whatever needs scratch memory."""
        return replace(self, block=1 << 62, packed=False, packed_left=False, rolled=False)


def units(product: Product, tiling: Tiling, split: str) -> int:
    """Return how many indivisible pieces there are along an axis.

    Args:
        product, tiling: what is computed and how it is cut.
        split: "outer" (all outer indices, flattened), "row" (tiles of rows), "column" (panels of columns) or "depth"
            (steps of the outermost depth index longer than 1, whose sums are then only a part), or "" for none.
    """
    if split == "outer":
        return prod(axis.size for axis in product.outer) // tiling.span
    if split == "row":
        return 1 if tiling.span > 1 else ceil(product.row.size, tiling.rows)
    if split == "column":
        return ceil(product.column.size, tiling.width)
    if split == "depth":
        return product.sums[0].size // depth_step(product, tiling)
    return 1


def first_row(product: Product, tiles: int, tile: int) -> int:
    """Return the row with which a tile begins.

    Some have one row more than others, and are spread among them: who has equally many tiles has equally many rows.
    """
    return tile * product.row.size // tiles


def scratch_size(product: Product, tiling: Tiling) -> int:
    """Return how many elements of memory of its own a thread needs for a product; 0 for none."""
    return sum(scratch_parts(product, tiling))


def scratch_parts(product: Product, tiling: Tiling) -> tuple[int, int, int]:
    """Return how many elements there are of a copied panel, of a copied left side, and of sums that wait."""
    first = product.sums[0].size
    panel = product.terms // first * min(tiling.block, first) * tiling.width
    left = product.terms * product.row.size
    return panel * tiling.packed, left * tiling.packed_left, _sums_size(product, tiling)


def _sums_size(product: Product, tiling: Tiling) -> int:
    if is_blocked(product, tiling):
        turns = units(product, tiling, "outer") if product.shared else 1
        return turns * tiling.span * product.row.size * tiling.width
    return tiling.rows * tiling.span * tiling.width if tiling.rolled else 0


def is_blocked(product: Product, tiling: Tiling) -> bool:
    """Whether the sums are made in several passes and wait in memory in between."""
    return tiling.block < product.sums[0].size


def depth_step(product: Product, tiling: Tiling) -> int:
    """Return how many steps of the outermost depth index belong together."""
    return tiling.unroll if len(product.sums) == 1 else 1


def ceil(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -(-a // b)
