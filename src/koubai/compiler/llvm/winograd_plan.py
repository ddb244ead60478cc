"""How a Winograd convolution is cut: into blocks of output channels, and strips of tiles that stay in a cache.

The transformed taps of a block, the transformed tiles of a strip and their products are sixteen matrices each, one for
each element of a 4x4 tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from koubai import dtypes
from koubai.compiler.llvm.winograd_shape import Convolution
from koubai.compiler.runtime.target import Target

POSITIONS = 16  # elements of a tile
_LINE = 16  # float32 numbers in a line of the cache
_STRIPS = (12, 24, 36, 48, 72, 96)  # tiles of a strip: register tiles of most heights fit these evenly
_WIDEST = 8  # vectors of a block, at most

# Cycles that one vector takes, beside two multiplications and additions per cycle.
_INPUT, _OUTPUT, _TAPS = 36, 44, 60
_DIRECT, _PRODUCTS = 1.15, 1.2  # how much longer than that the products take, directly and here
_PAYS = 0.9


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
        return ceil(self.convolution.tiles, self.strip)

    @property
    def units(self) -> int:
        """How many pieces threads can share: strips of each block."""
        return self.blocks * self.strips

    @cached_property
    def taps(self) -> Matrices:
        """Transformed taps of a block: rows are input channels, columns output channels."""
        return Matrices(0, self.convolution.c.size, self.width)

    @cached_property
    def inputs(self) -> Matrices:
        """Transformed tiles of a strip: rows are tiles, columns input channels."""
        lines = ceil(self.convolution.c.size, max(self.lanes, _LINE)) * max(self.lanes, _LINE)
        return Matrices(self.taps.end, self.strip, lines + _LINE * (lines % 256 == 0))

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
    cuts = [Cut(convolution, lanes, s, v) for s in _strips(convolution) for v in range(1, most + 1)]
    return min(cuts, key=lambda cut: _cycles(cut, target, threads))


def pays(convolution: Convolution, target: Target, threads: int) -> bool:
    """Whether it takes less time than the same convolution done directly."""
    best = _cycles(cut_of(convolution, target, threads), target, threads)
    c, vectors = convolution.c.size, ceil(convolution.o.size, target.lanes(dtypes.float32))
    direct = _DIRECT * 9 / 2 * c * vectors * convolution.elements / threads
    return best < _PAYS * direct


def _strips(convolution: Convolution) -> list[int]:
    """Return how many tiles a strip may have."""
    return [s for s in _STRIPS if s < convolution.tiles] + [convolution.tiles] * (
        convolution.tiles <= _STRIPS[-1]
    )


def _cycles(cut: Cut, target: Target, threads: int) -> float:
    """Estimate the time of the busiest thread."""
    convolution = cut.convolution
    c, inputs = convolution.c.size, ceil(convolution.c.size, cut.lanes)
    turns = ceil(cut.units, threads)
    products = _PRODUCTS * POSITIONS / 2 * c * cut.vectors
    tile = products + _INPUT * inputs + _OUTPUT * cut.vectors
    taps = _TAPS * c * cut.vectors * ceil(turns, cut.strips)
    return turns * cut.strip * tile * _crowding(cut, target) + taps


def _crowding(cut: Cut, target: Target) -> float:
    """Estimate how much longer a strip takes whose transforms leave the caches."""
    size = (cut.products.end - cut.taps.end) * dtypes.float32.itemsize
    return 1 + 0.05 * (size > target.level2 // 4) + 0.2 * (size > target.level2 // 2) + 1.0 / cut.strip


def ceil(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -(-a // b)
