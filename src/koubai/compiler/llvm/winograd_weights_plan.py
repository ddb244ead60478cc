"""How the weight gradient of a Winograd convolution is cut: into blocks of both channels, and strips of tiles.

The sums of a block over all tiles are sixteen matrices that stay in the second cache. The transformed tiles of a strip
are four of each factor, because one row of them is worked on at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

from koubai import dtypes
from koubai.compiler.llvm.winograd_plan import (
    INPUT_SUMS,
    OUTPUT_SUMS,
    PAYS,
    POSITIONS,
    SIDE,
    SUMS,
    THIN,
    Matrices,
    between,
    ceil,
    dense,
    strips_of,
)
from koubai.compiler.llvm.winograd_shape import Sizes
from koubai.compiler.runtime.target import Target

_STRIPS = (8, 12, 16, 24, 36, 48, 72, 96)  # about how many tiles a strip may have
_WIDEST = 8  # vectors of a block, at most
# Cycles to transform a vector of a tile of the image and of the result: the larger if a strip is in no first cache.
_INPUT, _OUTPUT = (30, 60), (24, 54)
# To load a vector of sums and to store it again, in the first cache, the second, or beyond: mostly beside the products.
_KEPT = 0.5, 1, 15
_NEAR, _FAR = 0.5, 0.9  # of the first cache: up to here a strip stays in it, and from there on it does not
_FINAL = 100  # cycles to turn a vector of sums into the gradient of taps
_DIRECT = 1.15  # how far direct products are from the peak


@dataclass(frozen=True)
class WeightCut:
    """A weight gradient in pieces.

    Attributes:
        sizes: of what is cut.
        lanes: of a vector.
        strip: tiles whose products are added up together.
        down, across: vectors of input and of output channels in a block; the last blocks may have fewer.
    """

    sizes: Sizes
    lanes: int
    strip: int
    down: int
    across: int

    @property
    def rows(self) -> int:
        """Input channels of a block."""
        return min(self.down * self.lanes, self.sizes.c)

    @property
    def width(self) -> int:
        """Output channels of a block."""
        return self.across * self.lanes

    @property
    def blocks(self) -> tuple[int, int]:
        """How many blocks of input channels there are, and of output channels."""
        return ceil(self.sizes.c, self.rows), ceil(self.sizes.o, self.width)

    @property
    def units(self) -> int:
        """How many pieces threads can share: pairs of blocks of each part."""
        return self.sizes.parts * self.blocks[0] * self.blocks[1]

    @property
    def strips(self) -> int:
        """How many strips there are."""
        return ceil(self.sizes.tiles, self.strip)

    @property
    def flops(self) -> int:
        """Multiplications and additions of all products, and additions of the transformed tiles."""
        (down, across), tiles = self.blocks, self.sizes.parts * self.sizes.tiles
        c, o = self.sizes.c, self.sizes.o
        return tiles * (2 * POSITIONS * c * o + INPUT_SUMS * c * across + OUTPUT_SUMS * o * down)

    @cached_property
    def sums(self) -> Matrices:
        """Sums of a block: rows are input channels, columns output channels."""
        return Matrices(0, self.rows, self.width)

    @cached_property
    def inputs(self) -> Matrices:
        """Transformed tiles of the image: rows are tiles, columns input channels."""
        return Matrices(self.sums.end, self.strip, dense(self.rows, self.lanes), SIDE)

    @cached_property
    def results(self) -> Matrices:
        """Transformed tiles of the result: rows are tiles, columns output channels."""
        return Matrices(self.inputs.end, self.strip, dense(self.width, self.lanes), SIDE)

    @property
    def scratch(self) -> int:
        """Bytes that a thread needs of its own."""
        return self.results.end * dtypes.float32.itemsize


@cache
def weight_cut_of(sizes: Sizes, target: Target, threads: int) -> WeightCut:
    """Choose the blocks and strips that take the least time."""
    lanes = target.lanes(dtypes.float32)
    downs, acrosses = (range(1, min(_WIDEST, ceil(size, lanes)) + 1) for size in (sizes.c, sizes.o))
    strips = strips_of(sizes.tiles, _STRIPS)
    cuts = [WeightCut(sizes, lanes, s, d, a) for s in strips for d in downs for a in acrosses]
    return min(cuts, key=lambda cut: cycles(cut, target, threads))


def weights_pay(sizes: Sizes, target: Target, threads: int) -> bool:
    """Whether it takes less time than the same gradient computed directly."""
    best = cycles(weight_cut_of(sizes, target, threads), target, threads)
    vectors = ceil(sizes.o, target.lanes(dtypes.float32))
    direct = _DIRECT * 9 / 2 * sizes.c * vectors * sizes.parts * sizes.elements / threads
    return best < PAYS * direct


def cycles(cut: WeightCut, target: Target, threads: int) -> float:
    """Estimate the time of the busiest thread."""
    needed = (cut.inputs.bytes + cut.results.bytes) / target.level1
    far = min(1.0, max(0.0, (needed - _NEAR) / (_FAR - _NEAR)))
    level = (cut.sums.bytes > target.level1) + (cut.scratch > target.level2 * 3 // 4)
    vectors = cut.rows * cut.across
    sums = (THIN if cut.across == 1 else SUMS) * POSITIONS / 2 * vectors
    tile = sums + between(_INPUT, far) * ceil(cut.rows, cut.lanes) + between(_OUTPUT, far) * cut.across
    strip = cut.strip * tile + POSITIONS * _KEPT[level] * vectors
    return ceil(cut.units, threads) * (cut.strips * strip + _FINAL * vectors)
