"""What Winograd's convolutions and their weight gradients share: tiles, matrices in scratch memory, and loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from koubai import dtypes
from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, axes_of
from koubai.compiler.language.places import flat_index
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.winograd_plan import SIDE, Matrices
from koubai.compiler.llvm.winograd_shape import Grid

F32 = dtypes.float32
_FEW = 4  # vectors that are written one after the other, without a loop


class Pieces:
    """Writes pieces of a convolution.

    Args:
        elements: writes expressions.
        kernel: what is written.
        grid: its tiles.
        lanes: of a vector.
    """

    def __init__(self, elements: Elements, kernel: Contraction, grid: Grid, lanes: int) -> None:
        self.e, self.w = elements, elements.w
        self.kernel, self.grid, self.lanes = kernel, grid, lanes

    # --- tiles ----------------------------------------------------------------------------------------------------

    def base(self, operand: Expression) -> str:
        """Return the address of a factor where all its own loops are at 0."""
        own = set(axes_of(self.kernel))
        flat = flat_index(operand)
        rest = Index(tuple((a, f) for a, f in flat.terms if a not in own), flat.constant)
        return self.w.at(self.e.pointers[operand.detail], self.e.number(rest), operand.dtype)

    def moved(self, base: str, operand: Expression, axes: Sequence[Axis], at: Sequence[Int]) -> str:
        """Return the address of a factor where some loops have gone on, given that where they are at 0."""
        flat, w, there = flat_index(operand), self.w, 0
        for axis, index in zip(axes, at):
            there = w.add(there, w.mul(index, flat.factor(axis)))  # type: ignore[assignment]
        return w.at(base, there, F32)

    def indices(self, tile: Int) -> list[Int]:
        """Return which image a tile is of, and how many tiles are above and left of it."""
        w, grid = self.w, self.grid
        x, tile = w.mod(tile, grid.across), w.div(tile, grid.across)
        y, tile = w.mod(tile, grid.down), w.div(tile, grid.down)
        found = [y, x]
        for axis in reversed(grid.images):
            found.insert(0, w.mod(tile, axis.size))
            tile = w.div(tile, axis.size)
        return found

    def places(self, base: str, tile: list[Int], strides: Sequence[int], count: int) -> list[list[str]]:
        """Return where the elements of a square are, those outside of the array where the last inside is.

        Args:
            base: where the array begins.
            tile: its indices.
            strides: of the array, for each of them.
            count: of rows and columns: 4 in the image, 2 in the result.
        """
        w, start = self.w, 0
        *images, y, x = tile
        at = [*images, w.mul(y, 2), w.mul(x, 2)]
        for index, stride in zip(at, strides):
            start = w.add(start, w.mul(index, stride))  # type: ignore[assignment]
        first = w.at(base, start, F32)
        rows = [w.at(first, s, F32) for s in self._steps(at[-2], self.grid.y, strides[-2], count)]
        steps = self._steps(at[-1], self.grid.x, strides[-1], count)
        return [[w.at(row, step, F32) for step in steps] for row in rows]

    def _steps(self, first: Int, axis: Axis, stride: int, count: int) -> list[Int]:
        """Return how far the rows or columns of a square are from the first."""
        last: Int = count - 1
        if axis.size % 2:
            last = self.w.minimum(last, self.w.sub(axis.size - 3 + count, first))
        return [*(step * stride for step in range(count - 1)), self.w.mul(last, stride)]

    def is_inside(self, tiles: Int, step: int, axis: Axis) -> str | None:
        """Return the i1 of whether the result has a row or column some steps behind some tiles; None if it has."""
        if step == 0 or axis.size % 2 == 0:
            return None
        return self.w.let(f"icmp slt i64 {self.w.add(self.w.mul(tiles, 2), step)}, {axis.size}")

    def square(self, places: list[list[str]], offset: Int, mask: Value | None) -> list[list[Value]]:
        """Load a vector of channels of each element of a square."""
        w = self.w
        return [[w.load(w.at(p, offset, F32), F32, self.lanes, 0, mask) for p in row] for row in places]

    # --- results --------------------------------------------------------------------------------------------------

    def epilogue(
        self,
        axes: Sequence[Axis],
        at: Sequence[Int],
        column: Int,
        values: Sequence[Value],
        mask: Value | None,
    ) -> None:
        """Write what becomes of neighbouring channels of a window, given the values of all other loops."""
        e = self.e
        before = e.remembered()
        e.axes.update(zip(axes, at))
        e.axes[self.kernel.column] = column
        lanes = values[0].lanes
        e.along, e.lanes, e.mask = (self.kernel.column if lanes > 1 else None), lanes, mask
        e.registers.update(zip((result.detail for result in self.kernel.results), values))
        e.store_all(self.kernel.epilogue)
        e.along, e.lanes, e.mask = None, 1, None
        e.forget(before)

    # --- matrices -------------------------------------------------------------------------------------------------

    def at(self, matrices: Matrices, row: Int = 0, column: Int = 0, position: Int = 0) -> str:
        """Return the address of an element of a matrix."""
        w = self.w
        place = w.add(w.add(w.mul(position, matrices.apart), w.mul(row, matrices.width)), column)
        return w.at("%scratch", w.add(place, matrices.start), F32)

    def keep(self, values: Sequence[Value], matrices: Matrices, row: Int, column: Int) -> None:
        """Store some values, each into its matrix."""
        there = self.at(matrices, row, column)
        for position, value in enumerate(values):
            self.w.store(value, there, position * matrices.apart)

    def kept(self, matrices: Matrices, row: Int, column: Int) -> list[Value]:
        """Load a value of each matrix."""
        there = self.at(matrices, row, column)
        return [self.w.load(there, F32, self.lanes, p * matrices.apart) for p in range(matrices.count)]

    # --- loops ----------------------------------------------------------------------------------------------------

    def each(self, first: Int, end: Int, body: Callable[[Int], None], step: int = 1) -> None:
        """Write a loop that carries nothing from turn to turn."""

        def turn(i: Int, _: list[Value]) -> list[Value]:
            body(i)
            return []

        self.w.loop(first, end, step, turn, opaque=True)

    def each_tile(self, number: Int, count: Int, body: Callable[[int, Int], None]) -> None:
        """Run over the tiles of a strip, with a body of its own for each row of them."""
        for row in range(SIDE):
            with self.w.when(self.w.let(f"icmp eq i64 {number}, {row}")):
                self.each(0, count, partial(body, row))

    def each_vector(
        self, block: Int, width: int, size: int, body: Callable[[Int, Int, Value | None], None]
    ) -> None:
        """Run over the vectors of a block of channels.

        Args:
            block: its number.
            width: channels of every block, but for the last, which may have fewer.
            size: all channels.
            body: is given the first channel counted from the block's first, the first channel, and the mask.
        """
        w = self.w
        first = w.mul(block, width)
        end: Int = (
            min(width, size) if size % width == 0 or size < width else w.minimum(width, w.sub(size, first))
        )

        def vector(at: Int) -> None:
            channel = w.add(first, at)
            body(at, channel, self._mask(channel, size))

        if isinstance(end, int) and end <= _FEW * self.lanes:
            for at in range(0, end, self.lanes):
                vector(at)
        else:
            self.each(0, end, vector, self.lanes)

    def _mask(self, first: Int, size: int) -> Value | None:
        """Return which of the lanes from `first` on are below `size`; None where vectors fit evenly."""
        w, lanes = self.w, self.lanes
        if size % lanes == 0:
            return None
        left = w.splat(w.index(w.sub(size, first)), lanes)
        return w.compare("icmp slt", w.lanes_of(range(lanes), dtypes.int64), left)
