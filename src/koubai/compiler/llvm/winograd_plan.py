"""How a Winograd convolution is cut: into blocks of output channels, and strips of tiles that stay in a cache.

The transformed taps of a block are sixteen matrices, one for each element of a 4x4 tile, and so are the products of a
strip. The transformed tiles are four, because one row of them is worked on at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property

from koubai import dtypes
from koubai.compiler.llvm.winograd_shape import Sizes
from koubai.compiler.runtime.target import Target

SIDE = 4  # elements of a row of a tile
POSITIONS = SIDE**2  # elements of a tile
INPUT_SUMS, OUTPUT_SUMS = (
    32,
    24,
)  # additions that transform a tile of the image, and one to or from the result
_LINE = 16  # float32 numbers in a line of the cache
_STRIPS = (6, 7, 8, 9, 10, 12, 16, 24, 48)  # about how many tiles a strip may have
_WIDEST = 8  # vectors of a block, at most

# Cycles for a vector. If a strip does not stay in the first cache, it takes up to the larger of two numbers.
_INPUT = 34, 85  # to transform a tile
_OUTPUT = 18, 40  # to turn the products of a tile into elements of the result
_TAPS = 60, 280  # to transform taps, if all stay in the second cache, or not
_AGAIN = 1, 10  # to read transformed taps for another strip
_FETCH = 64  # to do so if they do not stay in the second cache
_LATENCY = 4.5  # for a step of the sums of a tile of registers, at least
_BEGIN = 20  # to begin and to end such a tile
_NEAR = 0.8  # of the first cache that a strip may need
# How much longer products take than multiplications and additions at the peak.
SUMS, THIN, _DIRECT = 1.05, 1.25, 1.1  # here, here if only one vector wide, directly
PAYS = 0.9  # of the direct time; above that it is not worth the trouble


@dataclass(frozen=True)
class Matrices:
    """Matrices in scratch memory, one for each element of a tile or of one of its rows.

    Attributes:
        start: where the first begins, in elements.
        rows: of each.
        width: elements from one row to the next.
        count: how many there are.
    """

    start: int
    rows: int
    width: int
    count: int = POSITIONS

    @property
    def apart(self) -> int:
        """Elements from one matrix to the next: an odd number of lines, so that a cache holds all of them."""
        return (-(-self.rows * self.width // _LINE) | 1) * _LINE

    @property
    def end(self) -> int:
        """Where the last ends."""
        return self.start + self.count * self.apart

    @property
    def bytes(self) -> int:
        """The memory of all."""
        return self.count * self.apart * dtypes.float32.itemsize


@dataclass(frozen=True)
class Cut:
    """A convolution in pieces.

    Attributes:
        sizes: of what is cut.
        lanes: of a vector.
        strip: tiles whose products are made together; the last strip may have fewer.
        vectors: of output channels in a block; the last block may have fewer.
    """

    sizes: Sizes
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
        return ceil(self.sizes.o, self.width)

    @property
    def strips(self) -> int:
        """How many strips there are."""
        return ceil(self.sizes.tiles, self.strip)

    @property
    def units(self) -> int:
        """How many pieces threads can share: strips of each block."""
        return self.blocks * self.strips

    @property
    def flops(self) -> int:
        """Multiplications and additions of all products, and additions of the transformed tiles."""
        tiles, c, o = self.sizes.tiles, self.sizes.c, self.sizes.o
        return tiles * (2 * POSITIONS * c * o + INPUT_SUMS * c * self.blocks + OUTPUT_SUMS * o)

    @cached_property
    def taps(self) -> Matrices:
        """Transformed taps of a block: rows are input channels, columns output channels."""
        return Matrices(0, self.sizes.c, self.width)

    @cached_property
    def inputs(self) -> Matrices:
        """A row of the transformed tiles of a strip: rows are tiles, columns input channels."""
        return Matrices(self.taps.end, self.strip, dense(self.sizes.c, self.lanes), SIDE)

    @cached_property
    def products(self) -> Matrices:
        """Products of a row of the tiles of a strip: rows are tiles, columns output channels."""
        return Matrices(self.inputs.end, self.strip, self.width)

    @property
    def scratch(self) -> int:
        """Bytes that a thread needs of its own."""
        return self.products.end * dtypes.float32.itemsize


@cache
def cut_of(sizes: Sizes, target: Target, threads: int) -> Cut:
    """Choose the blocks and strips that take the least time."""
    lanes = target.lanes(dtypes.float32)
    most = min(_WIDEST, ceil(sizes.o, lanes))
    cuts = [Cut(sizes, lanes, s, v) for s in strips_of(sizes.tiles, _STRIPS) for v in range(1, most + 1)]
    return min(cuts, key=lambda cut: _cycles(cut, target, threads))


def pays(sizes: Sizes, target: Target, threads: int) -> bool:
    """Whether it takes less time than the same convolution done directly."""
    best = _cycles(cut_of(sizes, target, threads), target, threads)
    vectors = ceil(sizes.o, target.lanes(dtypes.float32))
    direct = _DIRECT * 9 / 2 * sizes.c * vectors * sizes.elements / threads
    return best < PAYS * direct


def strips_of(total: int, about: Iterable[int]) -> set[int]:
    """Return how many of all tiles a strip may have, such that all strips have nearly as many."""
    return {ceil(total, ceil(total, strip)) for strip in about}


def _cycles(cut: Cut, target: Target, threads: int) -> float:
    """Estimate the time of the busiest thread."""
    c, turns = cut.sizes.c, ceil(cut.units, threads)
    image = 2 * SIDE * cut.strip * c * dtypes.float32.itemsize
    strip = image + cut.inputs.bytes + cut.products.bytes + cut.taps.bytes // POSITIONS
    far = min(1.0, max(0.0, strip / target.level1 - _NEAR))
    inside = cut.scratch <= target.level2 * 3 // 4
    small = cut.taps.bytes * cut.blocks <= target.level2 // 2
    transforms = between(_INPUT, far) * ceil(c, cut.lanes) + between(_OUTPUT, far) * cut.vectors
    sums = POSITIONS * _sums(cut, target)
    again = between(_AGAIN, far) if inside else _FETCH
    each = cut.strip * transforms + sums + again * c * cut.vectors
    return turns * each + ceil(turns, cut.strips) * _TAPS[not small] * c * cut.vectors


def _sums(cut: Cut, target: Target) -> float:
    """Estimate the products of a strip at one position: two sums a cycle, in tiles that fit the registers."""
    return min(_sums_in_tiles(cut, target, width) for width in range(1, cut.vectors + 1))


def _sums_in_tiles(cut: Cut, target: Target, width: int) -> float:
    """Estimate them in tiles that are so many vectors wide."""
    usable = target.registers - target.registers // 10 - width - 1
    below = ceil(cut.strip, max(1, usable // width))
    step = max(ceil(cut.strip, below) * width / 2, _LATENCY) * (THIN if width == 1 else SUMS)
    return ceil(cut.vectors, width) * below * (cut.sizes.c * step + _BEGIN)


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
