"""Contractions that are convolutions of 3x3 taps, or their weight gradients, recognised by where they read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from koubai import dtypes
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction
from koubai.compiler.language.places import flat_index


@dataclass(frozen=True)
class Grid:
    """The elements of a convolution's result in one channel, in tiles of 2x2, and the image that they are made of.

    Attributes:
        images: the loops over images.
        y, x: the loops over rows and columns.
        strides: elements from one step to the next of each loop over images, of y and of x, in the image.
    """

    images: tuple[Axis, ...]
    y: Axis
    x: Axis
    strides: tuple[int, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All loops, outermost first."""
        return (*self.images, self.y, self.x)

    @property
    def down(self) -> int:
        """Tiles below each other."""
        return -(-self.y.size // 2)

    @property
    def across(self) -> int:
        """Tiles beside each other."""
        return -(-self.x.size // 2)

    @property
    def tiles(self) -> int:
        """All tiles."""
        return prod(a.size for a in self.images) * self.down * self.across

    @property
    def size(self) -> int:
        """All elements."""
        return prod(a.size for a in self.axes)

    def element(self, tile: tuple[Axis, Axis], row: int, column: int) -> dict[Axis, Index]:
        """Return the values of y and x at an element of a tile, in terms of the loops over tiles."""
        return {self.y: Index.of(tile[0]) * 2 + row, self.x: Index.of(tile[1]) * 2 + column}


@dataclass(frozen=True)
class Sizes:
    """What decides how a convolution or its weight gradient is cut.

    Attributes:
        tiles, elements: of the result in one channel.
        c, o: the channels of the image and of the result.
        parts: how many gradients of stretches of images there are.
    """

    tiles: int
    elements: int
    c: int
    o: int
    parts: int = 1


@dataclass(frozen=True)
class Convolution:
    """out[images…, y, x, o] = Σ over u, v < 3 and channels c of image[images…, y + u, x + v, c] · taps[u, v, c, o].

    Attributes:
        grid: the loops over images, y and x.
        u, v: the loops over taps.
        c, o: the channels of the image and of the result.
        taps: elements from one step to the next of u, v and c in the taps.
        tiles: the loops over the tiles below and beside each other, if the epilogue needs all results of a tile.
        window: the loops over these results.
    """

    grid: Grid
    u: Axis
    v: Axis
    c: Axis
    o: Axis
    taps: tuple[int, int, int]
    tiles: tuple[Axis, ...]
    window: tuple[Axis, ...]

    @property
    def sizes(self) -> Sizes:
        """How much there is to compute."""
        return Sizes(self.grid.tiles, self.grid.size, self.c.size, self.o.size)

    def element(self, tile: tuple[Axis, Axis], row: int, column: int) -> dict[Axis, Index]:
        """Return the values of the loops at an element of a tile of the image, in terms of the loops over tiles."""
        found = {self.u: Index(), self.v: Index()}
        if not self.tiles:
            return found | self.grid.element(tile, row, column)
        steps = zip(self.window, map(Index.of, (row, column)))
        return {**found, **dict(zip(self.tiles, map(Index.of, tile))), **dict(steps)}


@dataclass(frozen=True)
class WeightGradient:
    """out[u, v, c, o] = Σ over images, y and x of image[images…, y + u, x + v, c] · result[images…, y, x, o].

    Attributes:
        parts: the loops over stretches of images, each of which has a gradient of its own.
        grid: the loops over images, y and x.
        u, v: the loops over taps.
        c, o: the channels of the image and of the result.
        result: elements from one step to the next of each loop over images, of y and of x, in the result.
    """

    parts: tuple[Axis, ...]
    grid: Grid
    u: Axis
    v: Axis
    c: Axis
    o: Axis
    result: tuple[int, ...]

    @property
    def sizes(self) -> Sizes:
        """How much there is to compute."""
        parts = prod(axis.size for axis in self.parts)
        return Sizes(self.grid.tiles, self.grid.size, self.c.size, self.o.size, parts)

    def element(self, tile: tuple[Axis, Axis], row: int, column: int) -> dict[Axis, Index]:
        """Return the values of the loops at an element of a tile, in terms of the loops over tiles."""
        return {self.u: Index(), self.v: Index()} | self.grid.element(tile, row, column)


def convolution_of(kernel: Contraction) -> Convolution | None:
    """Return a contraction as a convolution of 3x3 taps in float32; None if it is not one."""
    left, right = flat_index(kernel.left), flat_index(kernel.right)
    free = [a for a in kernel.outer if a is not kernel.column]
    found = _taps_and_channels(kernel.depth, left)
    if found is None or not _is_plain(kernel, found[2]) or any(right.factor(a) for a in free):
        return None
    u, v, c = found
    tiles = _tiles(free, kernel.window, left)
    if len(tiles) != len(kernel.window) or len(tiles) not in (0, 2):
        return None
    across = (Axis(2 * tile.size) for tile in tiles)
    steps = {
        **{a: left.factor(a) for a in free if a not in tiles},
        **dict(zip(across, map(left.factor, kernel.window))),
    }
    grid = _grid(steps, left.factor(u), left.factor(v))
    if grid is None:
        return None
    taps = right.factor(u), right.factor(v), right.factor(c)
    return Convolution(grid, u, v, c, kernel.column, taps, tiles, kernel.window)


def weight_gradient_of(kernel: Contraction) -> WeightGradient | None:
    """Return a contraction as the weight gradient of a convolution of 3x3 taps in float32; None if it is not one."""
    left, right = flat_index(kernel.left), flat_index(kernel.right)
    free = [a for a in kernel.outer if a is not kernel.column]
    parts = tuple(a for a in free if left.factor(a) and right.factor(a))
    found = _taps_and_channels([a for a in free if a not in parts], left)
    if found is None or not _is_plain(kernel, found[2]) or any(right.factor(a) for a in found):
        return None
    u, v, c = found
    grid = _grid({a: left.factor(a) for a in kernel.depth}, left.factor(u), left.factor(v))
    if grid is None:
        return None
    return WeightGradient(parts, grid, u, v, c, kernel.column, tuple(map(right.factor, grid.axes)))


def _is_plain(kernel: Contraction, c: Axis) -> bool:
    """Whether both factors are read at sums of loops, in float32, with the channels side by side."""
    left, right, o = flat_index(kernel.left), flat_index(kernel.right), kernel.column
    sums = left.is_affine and right.is_affine and kernel.result.dtype == dtypes.float32
    sums = sums and kernel.precision is None  # the transforms' results would be rounded, not the factors
    return sums and (left.factor(c), left.factor(o), right.factor(o)) == (1, 0, 1)


def _taps_and_channels(loops: Iterable[Axis], left: Index) -> tuple[Axis, Axis, Axis] | None:
    """Tell two loops over three taps, the one over rows first, from one loop over channels."""
    loops = [a for a in loops if a.size > 1]
    taps = sorted((a for a in loops if a.size == 3), key=lambda a: -left.factor(a))
    channels = [a for a in loops if a.size != 3]
    return (taps[0], taps[1], channels[0]) if (len(taps), len(channels)) == (2, 1) else None


def _tiles(loops: Sequence[Axis], window: Sequence[Axis], left: Index) -> tuple[Axis, ...]:
    """Return the loops over tiles of which a window of two by two has the rows and columns."""
    steps = [2 * left.factor(a) for a in window if a.size == 2]
    found = ([a for a in loops if left.factor(a) == step] for step in steps)
    return tuple(a[0] for a in found if len(a) == 1)


def _grid(steps: Mapping[Axis, int], down: int, right: int) -> Grid | None:
    """Find the loops over rows and columns: their steps go as far in the image as those of the taps.

    Args:
        steps: how far each loop goes in the image.
        down, right: how far those over rows and columns of taps go.
    """
    y, x = ([a for a, step in steps.items() if a.size > 1 and step == tap] for tap in (down, right))
    if len(y) != 1 or len(x) != 1 or y == x:
        return None
    images = tuple(a for a in steps if a is not y[0] and a is not x[0])
    return Grid(images, y[0], x[0], tuple(steps[a] for a in (*images, y[0], x[0])))
