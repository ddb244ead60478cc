"""Convolutions of 3x3 taps by Winograd's method, which needs 16 multiplications where the plain sum needs 36.

The taps of a block of output channels are transformed once. Then, strip by strip, 4x4 tiles of the image (which overlap
by two) are transformed, multiplied with the taps as sixteen products of matrices, and turned into 2x2 elements of the
result.
"""

from __future__ import annotations

from collections.abc import Callable

from koubai import dtypes
from koubai.compiler.expression import Expression
from koubai.compiler.index import Axis, Index
from koubai.compiler.kernel import Contraction
from koubai.compiler.llvm import contraction as tiles
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.winograd_plan import POSITIONS, Cut, Matrices, ceil, cut_of, pays
from koubai.compiler.llvm.winograd_shape import convolution_of
from koubai.compiler.llvm.winograd_transforms import of_input, of_taps, to_output
from koubai.compiler.llvm.writer import Int, Value
from koubai.compiler.places import flat_index
from koubai.compiler.runtime.target import Target


def is_winograd(kernel: Contraction, target: Target, threads: int = 1) -> bool:
    """Whether a contraction is a convolution that Winograd's method makes faster."""
    convolution = convolution_of(kernel)
    return convolution is not None and pays(convolution, target, threads)


class WinogradFunction:
    """Writes one convolution.

    Args:
        kernel: what to write, a convolution of 3x3 taps.
        target: the processor.
        threads: how many threads will share it.
    """

    def __init__(self, kernel: Contraction, target: Target, threads: int) -> None:
        convolution = convolution_of(kernel)
        assert convolution is not None
        self.kernel, self.target, self.convolution = kernel, target, convolution
        self.cut: Cut = cut_of(convolution, target, threads)

    @property
    def units(self) -> int:
        """How many pieces there are to share among threads."""
        return self.cut.units

    @property
    def scratch(self) -> int:
        """How many bytes of memory of its own a thread needs."""
        return self.cut.scratch

    def write(self, elements: Elements, first: Int, end: Int) -> None:
        """Write the units from `first` to `end`: block by block, and in each its strips."""
        self.e, self.w = elements, elements.w
        self._image, self._taps = self._base(self.kernel.left), self._base(self.kernel.right)
        w, strips = self.w, self.cut.strips

        def block(b: Int) -> None:
            before = w.mul(b, strips)
            self._transform_taps(b)
            self._each(
                w.sub(w.maximum(first, before), before),
                w.minimum(w.sub(end, before), strips),
                lambda strip: self._strip(b, strip),
            )

        with w.when(w.let(f"icmp slt i64 {first}, {end}")):
            self._each(w.div(first, strips), w.add(w.div(w.sub(end, 1), strips), 1), block)

    def _base(self, operand: Expression) -> str:
        """Return the address of a factor where all its own loops are at 0."""
        own = {*self.kernel.outer, *self.kernel.depth}
        flat = flat_index(operand)
        rest = Index(tuple((a, f) for a, f in flat.terms if a not in own), flat.constant)
        return self.w.at(self.e.pointers[operand.detail], self.e.number(rest), operand.dtype)

    def _strip(self, block: Int, strip: Int) -> None:
        """Write one strip of a block."""
        w, size = self.w, self.cut.strip
        start = w.mul(strip, size)
        count = w.minimum(size, w.sub(self.convolution.tiles, start))
        self._each(0, count, lambda t: self._transform_tile(t, w.add(start, t)))
        self._multiply()
        self._each(0, count, lambda t: self._finish_tile(block, t, w.add(start, t)))

    # --- transforms -----------------------------------------------------------------------------------------------

    def _transform_taps(self, block: Int) -> None:
        """Transform the taps of a block of output channels."""
        w, lanes = self.w, self.cut.lanes
        down, right, across = self.convolution.taps

        def vector(c: Int, v: Int, column: Int, mask: Value | None) -> None:
            there = w.at(self._taps, w.add(w.mul(c, across), column), dtypes.float32)
            taps = [
                [w.load(there, dtypes.float32, lanes, u * down + s * right, mask) for s in range(3)]
                for u in range(3)
            ]
            self._keep(of_taps(w, taps), self.cut.taps, c, v)

        def row(c: Int) -> None:
            self._each_vector(block, lambda v, column, mask: vector(c, v, column, mask))

        self._each(0, self.convolution.c.size, row)

    def _transform_tile(self, number: Int, tile: Int) -> None:
        """Transform all channels of a tile of the image."""
        w, lanes, size = self.w, self.cut.lanes, self.convolution.c.size
        places = self._places(tile)

        def vector(v: Int) -> None:
            c = w.mul(v, lanes)
            mask = self._mask(c, size)
            tile = [
                [w.load(w.at(p, c, dtypes.float32), dtypes.float32, lanes, 0, mask) for p in row]
                for row in places
            ]
            self._keep(of_input(w, tile), self.cut.inputs, number, v)

        self._each(0, ceil(size, lanes), vector)

    def _places(self, tile: Int) -> list[list[str]]:
        """Return where the 4x4 elements of a tile are; the last ones again where there are no more."""
        w, (*images, down, right) = self.w, self.convolution.strides
        indices, y, x = self._indices(tile)
        start: Int = 0
        for index, stride in zip([*indices, y, x], [*images, down, right]):
            start = w.add(start, w.mul(index, stride))
        base = w.at(self._image, start, dtypes.float32)
        rows = [w.at(base, step, dtypes.float32) for step in self._steps(y, self.convolution.y, down)]
        steps = self._steps(x, self.convolution.x, right)
        return [[w.at(row, step, dtypes.float32) for step in steps] for row in rows]

    def _steps(self, first: Int, axis: Axis, stride: int) -> list[Int]:
        """Return how far the four rows or columns of a tile are from the first."""
        last: Int = 3
        if axis.size % 2:
            last = self.w.minimum(3, self.w.sub(axis.size + 1, first))
        return [0, stride, 2 * stride, self.w.mul(last, stride)]

    def _indices(self, tile: Int) -> tuple[list[Int], Int, Int]:
        """Return the indices of images, and of the first row and column of a tile."""
        w, convolution = self.w, self.convolution
        x, tile = w.mod(tile, convolution.across), w.div(tile, convolution.across)
        y, tile = w.mod(tile, convolution.down), w.div(tile, convolution.down)
        images = list[Int]()
        for axis in reversed(convolution.images):
            images.insert(0, w.mod(tile, axis.size))
            tile = w.div(tile, axis.size)
        return images, w.mul(y, 2), w.mul(x, 2)

    # --- products -------------------------------------------------------------------------------------------------

    def _multiply(self) -> None:
        """Multiply the tiles of a strip with the taps, position by position."""
        cut, w = self.cut, self.w
        position = tiles.Axis(POSITIONS, cut.inputs.apart, cut.taps.apart)
        product = tiles.Product(
            (position,),
            tiles.Axis(cut.strip, cut.inputs.width, 0),
            tiles.Axis(cut.width, 0, 1),
            (tiles.Axis(self.convolution.c.size, 1, cut.taps.width),),
            dtypes.float32,
        )
        tiling = tiles.tiling(product, cut.lanes, self.target.registers)

        def store(outer: list[Int], row: Int, column: Int, value: Value, _: Value | None) -> None:
            place = w.add(w.mul(outer[0], cut.products.apart), w.mul(row, cut.width))
            w.store(value, self._at(cut.products, w.add(place, column)))

        tiles.write_contraction(
            w, product, tiling, self._at(cut.inputs, 0), self._at(cut.taps, 0), "", 0, 0, store
        )

    # --- results --------------------------------------------------------------------------------------------------

    def _finish_tile(self, block: Int, number: Int, tile: Int) -> None:
        """Turn the products of a tile into elements of the result."""
        w, matrices, lanes = self.w, self.cut.products, self.cut.lanes
        images, y, x = self._indices(tile)

        def vector(v: Int, column: Int, mask: Value | None) -> None:
            there = self._at(matrices, w.add(w.mul(number, matrices.width), w.mul(v, lanes)))
            found = [w.load(there, dtypes.float32, lanes, p * matrices.apart) for p in range(POSITIONS)]
            result = to_output(w, [found[p : p + 4] for p in range(0, POSITIONS, 4)])
            for i, row in enumerate(result):
                self._if_inside(
                    y, i, self.convolution.y, lambda i=i, row=row: finish_row(i, row, column, mask)
                )

        def finish_row(i: int, row: list[Value], column: Int, mask: Value | None) -> None:
            for j, value in enumerate(row):
                at = [*images, w.add(y, i), w.add(x, j)]
                self._if_inside(
                    x, j, self.convolution.x, lambda at=at, v=value: self._epilogue(at, column, v, mask)
                )

        self._each_vector(block, vector)

    def _if_inside(self, first: Int, step: int, axis: Axis, body: Callable[[], None]) -> None:
        """Write what is done only if the result has a row or column some steps from the first."""
        if step == 0 or axis.size % 2 == 0:
            body()
            return
        with self.w.when(self.w.let(f"icmp slt i64 {self.w.add(first, step)}, {axis.size}")):
            body()

    def _epilogue(self, at: list[Int], column: Int, value: Value, mask: Value | None) -> None:
        """Write what becomes of neighbouring channels of an element."""
        e, convolution = self.e, self.convolution
        before = e.remembered()
        e.axes.update(zip((*convolution.images, convolution.y, convolution.x), at))
        e.axes[convolution.o] = column
        e.along, e.lanes, e.mask = convolution.o, value.lanes, mask
        e.registers[self.kernel.result.detail] = value
        e.store_all(self.kernel.epilogue)
        e.along, e.lanes, e.mask = None, 1, None
        e.forget(before)

    # --- loops and memory -----------------------------------------------------------------------------------------

    def _each(self, first: Int, end: Int, body: Callable[[Int], None]) -> None:
        """Write a loop that carries nothing from turn to turn."""

        def turn(i: Int, _: list[Value]) -> list[Value]:
            body(i)
            return []

        self.w.loop(first, end, 1, turn)

    def _each_vector(self, block: Int, body: Callable[[Int, Int, Value | None], None]) -> None:
        """Run over the vectors of a block, with the first output channel of each and its mask."""
        w, cut, size = self.w, self.cut, self.convolution.o.size
        first = w.mul(block, cut.vectors)
        end: Int = cut.vectors
        if cut.blocks * cut.width - size >= cut.lanes:
            end = w.minimum(end, w.sub(ceil(size, cut.lanes), first))

        def vector(v: Int) -> None:
            column = w.mul(w.add(first, v), cut.lanes)
            body(v, column, self._mask(column, size))

        self._each(0, end, vector)

    def _mask(self, first: Int, size: int) -> Value | None:
        """Return which of the lanes from `first` on are below `size`; None where vectors fit evenly."""
        w, lanes = self.w, self.cut.lanes
        if size % lanes == 0:
            return None
        left = w.splat(w.index(w.sub(size, first)), lanes)
        return w.compare("icmp slt", w.lanes_of(range(lanes), dtypes.int64), left)

    def _at(self, matrices: Matrices, offset: Int) -> str:
        """Return an address in scratch memory."""
        return self.w.at("%scratch", self.w.add(offset, matrices.start), dtypes.float32)

    def _keep(self, square: list[list[Value]], matrices: Matrices, row: Int, vector: Int) -> None:
        """Store a transformed vector, each position into its matrix."""
        w = self.w
        there = self._at(matrices, w.add(w.mul(row, matrices.width), w.mul(vector, self.cut.lanes)))
        for position, value in enumerate(v for row_ in square for v in row_):
            w.store(value, there, position * matrices.apart)
