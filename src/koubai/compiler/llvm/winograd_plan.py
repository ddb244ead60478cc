"""How a Winograd convolution is cut: into blocks of output channels, and strips of tiles that stay in a cache.

The transformed taps of a block, the transformed tiles of a strip and their products are sixteen matrices each, one for
each element of a 4x4 tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from koubai import dtypes
from koubai.compiler.llvm.winograd_shape import Convolution, Grid
from koubai.compiler.runtime.target import Target

POSITIONS = 16  # elements of a tile
INPUT_SUMS, OUTPUT_SUMS = (
    32,
    24,
)  # additions that transform a tile of the image, and one to or from the result
_LINE = 16  # float32 numbers in a line of the cache
_STRIPS = (12, 24, 36, 48, 72, 96)  # about how many tiles a strip may have
_WIDEST = 8  # vectors of a block, at most

# Cycles for a vector. Memory that is further away takes up to the larger of two numbers.
INPUT = 35, 75  # to transform a tile
OUTPUT = 30, 60  # to turn the products of a tile into elements of the result
_TAPS = 60, 280  # to transform taps
_AGAIN = 4, 64  # to read transformed taps for another strip
# How much longer products take than multiplications and additions at the peak.
SUMS, THIN, _DIRECT = 1.05, 1.25, 1.1  # here, here if only one vector wide, directly
PAYS = 0.9  # of the direct time; above that it is not worth the trouble


@dataclass(frozen=True)
class Matrices:
    """Sixteen matrices in scratch memory.

    Attributes:
        start: where the first begins, in elements.
        rows: of each.
        width: elements from one row to the next.
    """

    start: int
    rows: int
    width: int

    @property
    def apart(self) -> int:
        """Elements from one matrix to the next: an odd number of lines, so that a cache holds all of them."""
        return (-(-self.rows * self.width // _LINE) | 1) * _LINE

    @property
    def end(self) -> int:
        """Where the last ends."""
        return self.start + POSITIONS * self.apart

    @property
    def bytes(self) -> int:
        """The memory of all."""
        return POSITIONS * self.apart * dtypes.float32.itemsize


@dataclass(frozen=True)
class Cut:
    """A convolution in pieces.

    Attributes:
        convolution: what is cut.
        lanes: of a vector.
        strip: tiles whose products are made together; the last strip may have fewer.
        vectors: of output channels in a block; the last block may have fewer.
    """

    convolution: Convolution
    lanes: int
    strip: int
    vectors: int

    @property
    def width(self) -> int:
        """Output channels of a block."""
        return self.vectors * self.lanes

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return ceil(self.convolution.o.size, self.width)

    @property
    def strips(self) -> int:
        """How many strips there are."""
        return ceil(self.convolution.grid.tiles, self.strip)

    @property
    def units(self) -> int:
        """How many pieces threads can share: strips of each block."""
        return self.blocks * self.strips

    @property
    def flops(self) -> int:
        """Multiplications and additions of all products, and additions of the transformed tiles."""
        tiles, c, o = self.convolution.grid.tiles, self.convolution.c.size, self.convolution.o.size
        return tiles * (2 * POSITIONS * c * o + INPUT_SUMS * c * self.blocks + OUTPUT_SUMS * o)

    @cached_property
    def taps(self) -> Matrices:
        """Transformed taps of a block: rows are input channels, columns output channels."""
        return Matrices(0, self.convolution.c.size, self.width)

    @cached_property
    def inputs(self) -> Matrices:
        """Transformed tiles of a strip: rows are tiles, columns input channels."""
        return Matrices(self.taps.end, self.strip, dense(self.convolution.c.size, self.lanes))

    @cached_property
    def products(self) -> Matrices:
        """Products of a strip: rows are tiles, columns output channels."""
        return Matrices(self.inputs.end, self.strip, self.width)

    @property
    def scratch(self) -> int:
        """Bytes that a thread needs of its own."""
        return self.products.end * dtypes.float32.itemsize


def cut_of(convolution: Convolution, target: Target, threads: int) -> Cut:
    """Choose the blocks and strips that take the least time."""
    lanes = target.lanes(dtypes.float32)
    most = min(_WIDEST, ceil(convolution.o.size, lanes))
    cuts = [Cut(convolution, lanes, s, v) for s in strips_of(convolution.grid) for v in range(1, most + 1)]
    return min(cuts, key=lambda cut: _cycles(cut, target, threads))


def pays(convolution: Convolution, target: Target, threads: int) -> bool:
    """Whether it takes less time than the same convolution done directly."""
    best = _cycles(cut_of(convolution, target, threads), target, threads)
    c, vectors = convolution.c.size, ceil(convolution.o.size, target.lanes(dtypes.float32))
    direct = _DIRECT * 9 / 2 * c * vectors * convolution.grid.size / threads
    return best < PAYS * direct


def strips_of(grid: Grid) -> set[int]:
    """Return how many tiles a strip may have, such that all strips have nearly as many."""
    total = grid.tiles
    return {ceil(total, ceil(total, strip)) for strip in _STRIPS}


def _cycles(cut: Cut, target: Target, threads: int) -> float:
    """Estimate the time of the busiest thread."""
    c, turns = cut.convolution.c.size, ceil(cut.units, threads)
    far = min(1.0, (cut.inputs.bytes + cut.products.bytes) / (3 * target.level1))
    inside = cut.scratch <= target.level2 * 3 // 4
    small = cut.taps.bytes * cut.blocks <= target.level2 // 2
    sums = (THIN if cut.vectors == 1 else SUMS) * POSITIONS / 2 * c * cut.vectors
    tile = sums + between(INPUT, far) * ceil(c, cut.lanes) + between(OUTPUT, far) * cut.vectors
    strip = cut.strip * tile + _AGAIN[not inside] * c * cut.vectors
    return turns * strip + ceil(turns, cut.strips) * _TAPS[not small] * c * cut.vectors


def between(ends: tuple[int, int], share: float) -> float:
    """Return what lies between two numbers, where they are at 0 and at 1."""
    return ends[0] + share * (ends[1] - ends[0])


def dense(channels: int, lanes: int) -> int:
    """Return how far rows lie apart, that begin with a line each and do not all fall on the same places of a cache."""
    whole = ceil(channels, max(lanes, _LINE)) * max(lanes, _LINE)
    return whole + _LINE * (whole % 256 == 0)


def ceil(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -(-a // b)
