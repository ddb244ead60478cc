"""Contractions that are convolutions of 3x3 neighbouring taps, recognised by where they read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from koubai import dtypes
from koubai.compiler.index import Axis, Index
from koubai.compiler.kernel import Contraction
from koubai.compiler.places import flat_index


@dataclass(frozen=True)
class Convolution:
    """out[images…, y, x, o] = Σ over u, v < 3 and channels c of image[images…, y + u, x + v, c] · taps[u, v, c, o].

    Attributes:
        images: the loops over images; together they have any number of steps.
        y, x: the loops over the rows and columns of the result.
        c, o: the channels of the image and of the result.
        strides: elements from one step to the next of each loop over images, of y and of x in the image.
        taps: elements from one step to the next of u, v and c in the taps.
    """

    images: tuple[Axis, ...]
    y: Axis
    x: Axis
    c: Axis
    o: Axis
    strides: tuple[int, ...]
    taps: tuple[int, int, int]

    @property
    def down(self) -> int:
        """Tiles of two rows below each other."""
        return -(-self.y.size // 2)

    @property
    def across(self) -> int:
        """Tiles of two columns beside each other."""
        return -(-self.x.size // 2)

    @property
    def tiles(self) -> int:
        """Tiles of 2x2 elements of the result."""
        return prod(a.size for a in self.images) * self.down * self.across

    @property
    def elements(self) -> int:
        """Elements of the result in one channel."""
        return prod(a.size for a in (*self.images, self.y, self.x))


def convolution_of(kernel: Contraction) -> Convolution | None:
    """Return a contraction as a convolution of 3x3 taps in float32; None if it is not one."""
    left, right = flat_index(kernel.left), flat_index(kernel.right)
    if kernel.result.dtype != dtypes.float32 or not (left.is_affine and right.is_affine):
        return None
    depth = [a for a in kernel.depth if a.size > 1]
    taps = sorted((a for a in depth if a.size == 3), key=lambda a: -left.factor(a))
    channels = [a for a in depth if a.size != 3]
    free = [a for a in kernel.outer if a is not kernel.column]
    if len(taps) != 2 or len(channels) != 1 or any(right.factor(a) for a in free):
        return None
    y, x = (_moving_with(tap, free, left) for tap in taps)
    if y is None or x is None or y is x:
        return None
    c, o = channels[0], kernel.column
    if left.factor(c) != 1 or left.factor(o) != 0 or right.factor(o) != 1:
        return None
    images = tuple(a for a in free if a is not y and a is not x)
    strides = tuple(left.factor(a) for a in (*images, y, x))
    steps = (right.factor(taps[0]), right.factor(taps[1]), right.factor(c))
    return Convolution(images, y, x, c, o, strides, steps)


def _moving_with(tap: Axis, loops: Iterable[Axis], left: Index) -> Axis | None:
    """Return the one loop whose steps go as far in the image as those of a tap."""
    found = [a for a in loops if a.size > 1 and left.factor(a) == left.factor(tap)]
    return found[0] if len(found) == 1 else None
