"""Convolutions of 3x3 taps by Winograd's method, which needs 16 multiplications where the plain sum needs 36.

The taps of a block of output channels are transformed once. Then, strip by strip, 4x4 tiles of the image (which overlap
by two) are transformed, multiplied with the taps as sixteen products of matrices, and turned into 2x2 elements of the
result. One row of all tiles of a strip is transformed and multiplied, then the next: so little has to stay in the first
cache.
"""

from __future__ import annotations

from koubai.compiler.language.kernel import Contraction
from koubai.compiler.llvm import contraction as tiles
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.winograd_factors import factor_of
from koubai.compiler.llvm.winograd_pieces import F32, Pieces
from koubai.compiler.llvm.winograd_plan import SIDE, cut_of, pays
from koubai.compiler.llvm.winograd_shape import convolution_of
from koubai.compiler.llvm.winograd_transforms import (
    INPUT_ROWS,
    flat,
    of_input_row,
    of_taps,
    square,
    to_output,
)
from koubai.compiler.runtime.target import Target


def is_winograd(kernel: Contraction, target: Target, threads: int) -> bool:
    """Whether a contraction is a convolution that Winograd's method makes faster."""
    convolution = convolution_of(kernel)
    return convolution is not None and target.winograd and pays(convolution.sizes, target, threads)


class WinogradFunction:
    """Writes one convolution.

    Where an element of the image is infinite, most elements of the result that read it become NaN: they are made of
    differences.

    Args:
        kernel: what to write, a convolution of 3x3 taps.
        target: the processor.
        threads: how many threads will share it.
    """

    def __init__(self, kernel: Contraction, target: Target, threads: int) -> None:
        convolution = convolution_of(kernel)
        assert convolution is not None
        self.kernel, self.target, self.convolution = kernel, target, convolution
        self.cut = cut_of(convolution.sizes, target, threads)

    leading = None  # the loop along which pieces lie in a row: there is none, or each call would begin anew

    @property
    def units(self) -> int:
        """How many pieces there are to share among threads."""
        return self.cut.units

    @property
    def flops(self) -> int:
        """How many multiplications and additions it takes."""
        return self.cut.flops

    @property
    def scratch(self) -> int:
        """How many bytes of memory of its own a thread needs."""
        return self.cut.scratch

    def write(self, elements: Elements, first: Int, end: Int) -> None:
        """Write the units from `first` to `end`: block by block, and in each its strips."""
        w, strips = elements.w, self.cut.strips
        self.p = p = Pieces(elements, self.kernel, self.convolution.grid, self.cut.lanes)
        convolution, image = self.convolution, self.kernel.left
        self._image = factor_of(p, image, convolution, convolution.grid.strides, convolution.c, SIDE)
        self._taps = p.base(self.kernel.right)

        def block(b: Int) -> None:
            before = w.mul(b, strips)
            own = w.sub(w.maximum(first, before), before), w.minimum(w.sub(end, before), strips)
            self._transform_taps(b)
            p.each(*own, lambda strip: self._strip(b, strip))

        with w.when(w.let(f"icmp slt i64 {first}, {end}")):
            p.each(w.div(first, strips), w.add(w.div(w.sub(end, 1), strips), 1), block)

    def _strip(self, block: Int, strip: Int) -> None:
        """Write one strip of a block: the products, row by row of all its tiles, and then the elements."""
        p, w, size = self.p, self.p.w, self.cut.strip
        start = w.mul(strip, size)
        count = w.minimum(size, w.sub(self.convolution.grid.tiles, start))

        def each_row(y: Int) -> None:
            p.each_tile(y, count, lambda y, t: self._transform_row(y, t, w.add(start, t)))
            self._multiply(y)

        p.each(0, SIDE, each_row)
        p.each(0, count, lambda t: self._finish_tile(block, t, w.add(start, t)))

    def _transform_taps(self, block: Int) -> None:
        """Transform the taps of a block of output channels."""
        p, w, (down, right, across) = self.p, self.p.w, self.convolution.taps

        def vector(c: Int, at: Int, column: Int, mask: Value | None) -> None:
            there = w.at(self._taps, w.add(w.mul(c, across), column), F32)
            places = [[w.at(there, u * down + v * right, F32) for v in range(3)] for u in range(3)]
            p.keep(flat(of_taps(w, p.square(places, 0, mask))), self.cut.taps, c, at)

        def row(c: Int) -> None:
            p.each_vector(block, self.cut.width, self.convolution.o.size, lambda *at: vector(c, *at))

        p.each(0, self.convolution.c.size, row)

    def _transform_row(self, y: int, number: Int, tile: Int) -> None:
        """Make a row of the transform of a tile of the image, for all channels."""
        p, size = self.p, self.convolution.c.size
        rows = self._image.rows(p.indices(tile), INPUT_ROWS[y][:2])

        def vector(at: Int, channel: Int, mask: Value | None) -> None:
            p.keep(of_input_row(p.w, y, *rows(channel, mask)), self.cut.inputs, number, at)

        p.each_vector(0, size, size, vector)

    def _multiply(self, y: Int) -> None:
        """Multiply a row of the tiles of a strip with the taps, position by position."""
        cut, p = self.cut, self.p
        product = tiles.Product(
            (tiles.Axis(SIDE, cut.inputs.apart, cut.taps.apart),),
            tiles.Axis(cut.strip, cut.inputs.width, 0),
            tiles.Axis(cut.width, 0, 1),
            (tiles.Axis(self.convolution.c.size, 1, cut.taps.width),),
            F32,
        )
        tiling = tiles.tiling(product, cut.lanes, self.target.registers)
        first = p.w.mul(y, SIDE)

        def store(outer: list[Int], row: Int, column: Int, values: list[Value], mask: Value | None) -> None:
            p.w.store(values[0], p.at(cut.products, row, column, p.w.add(first, outer[0])), 0, mask)

        taps = p.at(cut.taps, 0, 0, first)
        tiles.write_contraction(p.w, product, tiling, p.at(cut.inputs), taps, "", 0, 0, store)

    def _finish_tile(self, block: Int, number: Int, tile: Int) -> None:
        """Turn the products of a tile into elements of the result."""
        p, cut = self.p, self.cut
        at = p.indices(tile)

        def vector(offset: Int, column: Int, mask: Value | None) -> None:
            elements = flat(to_output(p.w, square(p.kept(cut.products, number, offset))))
            if self.convolution.tiles:
                self._finish_window(at, column, elements, mask)
            else:
                for place, value in enumerate(elements):
                    self._finish(at, place // 2, place % 2, column, value, mask)

        p.each_vector(block, cut.width, self.convolution.o.size, vector)

    def _finish_window(self, at: list[Int], column: Int, values: list[Value], mask: Value | None) -> None:
        """Hand all elements of a tile over."""
        self.p.epilogue((*self.convolution.grid.images, *self.convolution.tiles), at, column, values, mask)

    def _finish(self, at: list[Int], i: int, j: int, column: Int, value: Value, mask: Value | None) -> None:
        """Hand an element over, unless a tile has no such element because the result ends before."""
        p, grid = self.p, self.convolution.grid
        *images, y, x = at
        conditions = [c for c in (p.is_inside(y, i, grid.y), p.is_inside(x, j, grid.x)) if c]
        place = [*images, p.w.add(p.w.mul(y, 2), i), p.w.add(p.w.mul(x, 2), j)]
        if not conditions:
            p.epilogue(grid.axes, place, column, [value], mask)
            return
        with p.w.when(conditions[0] if len(conditions) == 1 else p.w.let(f"and i1 {', '.join(conditions)}")):
            p.epilogue(grid.axes, place, column, [value], mask)
