"""Where the elements of Winograd's tiles come from: out of memory, or computed where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Axis
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.winograd_pieces import Pieces
from koubai.compiler.llvm.winograd_shape import Convolution, WeightGradient

# Given the first channel and the mask, the elements row by row.
Rows = Callable[[Int, Value | None], list[list[Value]]]


def factor_of(
    p: Pieces,
    operand: Expression,
    shape: Convolution | WeightGradient,
    strides: Sequence[int],
    channels: Axis,
    side: int,
) -> Stored | Made:
    """Return what gives the elements of a factor.

    Args:
        p: writes pieces of what has the factor.
        operand: the factor.
        shape: its loops.
        strides: elements from one step to the next of the loops over images, of y and of x, if it is stored.
        channels: the loop along the lanes.
        side: rows and columns that a tile has: 4 of the image, 2 of the result.
    """
    if operand.kind == "load":
        return Stored(p, operand, strides, side)
    return Made(p, operand, shape, channels, side)


class Stored:
    """Loads the elements of a factor; the arguments are those of `factor_of`."""

    def __init__(self, p: Pieces, operand: Expression, strides: Sequence[int], side: int) -> None:
        self.p, self.operand, self.strides, self.side = p, operand, strides, side
        self.base = self.origin = p.base(operand)

    def enter(self, axes: Sequence[Axis], at: Sequence[Int]) -> None:
        """Go to where some loops have certain values."""
        self.base = self.p.moved(self.origin, self.operand, axes, at)

    def rows(self, tile: list[Int], numbers: Sequence[int]) -> Rows:
        """Return what gives some rows of a tile."""
        places = self.p.places(self.base, tile, self.strides, self.side)
        needed = [places[number] for number in numbers]
        return lambda channel, mask: self.p.square(needed, channel, mask)


class Made:
    """Computes the elements of a factor; the arguments are those of `factor_of`."""

    def __init__(
        self,
        p: Pieces,
        operand: Expression,
        shape: Convolution | WeightGradient,
        channels: Axis,
        side: int,
    ) -> None:
        self.p, self.operand, self.shape, self.channels, self.side = p, operand, shape, channels, side
        self.tile = Axis(shape.grid.down), Axis(shape.grid.across)

    def enter(self, axes: Sequence[Axis], at: Sequence[Int]) -> None:
        """Go to where some loops have certain values."""
        self.p.e.axes.update(zip(axes, at))

    def rows(self, tile: list[Int], numbers: Sequence[int]) -> Rows:
        """Return what gives some rows of a tile."""
        values = [[self._element(row, column) for column in range(self.side)] for row in numbers]
        return lambda channel, mask: self._computed(values, tile, channel, mask)

    def _element(self, row: int, column: int) -> Expression:
        """Return an element in terms of the loops over tiles."""
        return self.operand.replace(self.shape.element(self.tile, row, column))

    def _computed(
        self, values: list[list[Expression]], tile: list[Int], channel: Int, mask: Value | None
    ) -> list[list[Value]]:
        """Compute a vector of channels of each element."""
        e = self.p.e
        before = e.remembered()
        e.axes.update(zip((*self.shape.grid.images, *self.tile), tile))
        e.axes[self.channels] = channel
        e.along, e.lanes, e.mask = self.channels, self.p.lanes, mask
        found = [[e.vector(value) for value in row] for row in values]
        e.along, e.lanes, e.mask = None, 1, None
        e.forget(before)
        return found
