"""Weight gradients of convolutions of 3x3 taps by Winograd's method.

The gradient of the transformed taps is, position by position, the product of transformed tiles of the image and of the
result's gradient, summed over all tiles. It is turned into the gradient of the taps once, at the end.
"""

from __future__ import annotations

from koubai.compiler.language.kernel import Contraction
from koubai.compiler.llvm import contraction as tiles
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.winograd_factors import factor_of
from koubai.compiler.llvm.winograd_pieces import F32, Pieces
from koubai.compiler.llvm.winograd_plan import SIDE
from koubai.compiler.llvm.winograd_shape import weight_gradient_of
from koubai.compiler.llvm.winograd_transforms import INPUT_ROWS, of_input_row, of_result_row, square, to_taps
from koubai.compiler.llvm.winograd_weights_plan import cycles, weight_cut_of, weights_pay
from koubai.compiler.runtime.target import Target


def is_winograd_weights(kernel: Contraction, target: Target, threads: int) -> bool:
    """Whether a contraction is a weight gradient that Winograd's method makes faster."""
    gradient = weight_gradient_of(kernel)
    return gradient is not None and target.winograd and weights_pay(gradient.sizes, target, threads)


class WinogradWeightsFunction:
    """Writes one weight gradient.

    Args:
        kernel: what to write, the weight gradient of a convolution of 3x3 taps.
        target: the processor.
        threads: how many threads will share it.
    """

    def __init__(self, kernel: Contraction, target: Target, threads: int) -> None:
        gradient = weight_gradient_of(kernel)
        assert gradient is not None
        self.kernel, self.target, self.threads, self.gradient = kernel, target, threads, gradient
        self.cut = weight_cut_of(gradient.sizes, target, threads)

    leading = None  # the loop along which pieces lie in a row: there is none, or each call would begin anew

    @property
    def units(self) -> int:
        """How many pieces there are to share among threads."""
        return self.cut.units

    @property
    def cycles(self) -> float:
        """About how many the busiest of the threads takes."""
        return cycles(self.cut, self.target, self.threads)

    @property
    def flops(self) -> int:
        """How many multiplications and additions it takes."""
        return self.cut.flops

    @property
    def scratch(self) -> int:
        """How many bytes of memory of its own a thread needs."""
        return self.cut.scratch

    def write(self, elements: Elements, first: Int, end: Int) -> None:
        """Write the units from `first` to `end`, each a block of input channels and a block of output channels."""
        self.p = p = Pieces(elements, self.kernel, self.gradient.grid, self.cut.lanes)
        gradient, grid = self.gradient, self.gradient.grid
        self._image = factor_of(p, self.kernel.left, gradient, grid.strides, gradient.c, SIDE)
        self._result = factor_of(p, self.kernel.right, gradient, gradient.result, gradient.o, 2)
        p.each(first, end, self._unit)

    def _unit(self, number: Int) -> None:
        """Write one block of a part: all tiles are added up, strip by strip."""
        p, w, cut = self.p, self.p.w, self.cut
        down, across = cut.blocks
        column, number = w.mod(number, across), w.div(number, across)
        row, number = w.mod(number, down), w.div(number, down)
        self._enter(number)
        p.each(0, cut.sums.end, self._clear, cut.lanes)
        p.each(0, cut.strips, lambda strip: self._strip(row, column, strip))
        p.each_vector(column, cut.width, self.gradient.o.size, lambda *at: self._finish(row, *at))

    def _enter(self, part: Int) -> None:
        """Find out where the factors of a part begin."""
        w, self._part = self.p.w, list[Int]()
        for axis in reversed(self.gradient.parts):
            self._part.insert(0, w.mod(part, axis.size))
            part = w.div(part, axis.size)
        for factor in (self._image, self._result):
            factor.enter(self.gradient.parts, self._part)

    def _clear(self, place: Int) -> None:
        zero = self.p.w.constant(0.0, F32, self.cut.lanes)
        self.p.w.store(zero, self.p.at(self.cut.sums, 0, place))

    def _strip(self, row: Int, column: Int, strip: Int) -> None:
        """Transform the tiles of a strip, and add their products to the sums."""
        p, size, total = self.p, self.cut.strip, self.gradient.grid.tiles
        start = p.w.mul(strip, size)
        count = p.w.minimum(size, p.w.sub(total, start)) if total % size else size

        def each_row(y: Int) -> None:
            p.each_tile(y, count, lambda y, t: self._transform_row(y, (row, column), t, p.w.add(start, t)))
            p.each(count, size, self._clear_result)
            self._multiply(y)

        p.each(0, SIDE, each_row)

    # --- transforms -----------------------------------------------------------------------------------------------

    def _transform_row(self, y: int, block: tuple[Int, Int], number: Int, tile: Int) -> None:
        """Make a row of the transforms of a tile, of all channels of a block of the image and of the result."""
        p, cut, gradient = self.p, self.cut, self.gradient
        at = p.indices(tile)
        image, result = self._image.rows(at, INPUT_ROWS[y][:2]), self._result.rows(at, range(2))
        conditions = [p.is_inside(at[-2], 1, gradient.grid.y), p.is_inside(at[-1], 1, gradient.grid.x)]

        def of_image(place: Int, channel: Int, mask: Value | None) -> None:
            p.keep(of_input_row(p.w, y, *image(channel, mask)), cut.inputs, number, place)

        def of_gradient(place: Int, channel: Int, mask: Value | None) -> None:
            inside = self._inside(result(channel, mask), conditions)
            p.keep(of_result_row(p.w, y, *inside), cut.results, number, place)

        p.each_vector(block[0], cut.rows, gradient.c.size, of_image)
        p.each_vector(block[1], cut.width, gradient.o.size, of_gradient)

    def _inside(self, square: list[list[Value]], conditions: list[str | None]) -> list[list[Value]]:
        """Put zeros where a tile ends outside of the result."""
        w, (below, beside) = self.p.w, conditions
        zero = w.constant(0.0, F32, self.cut.lanes)

        def kept(value: Value, condition: str | None) -> Value:
            if condition is None:
                return value
            return Value(w.let(f"select i1 {condition}, {value}, {zero}"), F32, value.lanes)

        above, under = ([row[0], kept(row[1], beside)] for row in square)
        return [above, [kept(value, below) for value in under]]

    def _clear_result(self, number: Int) -> None:
        """Put zeros in place of a tile that a strip does not have."""
        p, lanes = self.p, self.cut.lanes
        zero = p.w.constant(0.0, F32, lanes)
        p.each(0, self.cut.width, lambda i: p.keep([zero] * SIDE, self.cut.results, number, i), lanes)

    # --- sums -----------------------------------------------------------------------------------------------------

    def _multiply(self, y: Int) -> None:
        """Add the products of a row of the tiles of a strip to the sums; each strip has sums of its own first."""
        cut, p = self.cut, self.p
        product = tiles.Product(
            (tiles.Axis(SIDE, cut.inputs.apart, cut.results.apart),),
            tiles.Axis(cut.rows, 1, 0),
            tiles.Axis(cut.width, 0, 1),
            (tiles.Axis(cut.strip, cut.inputs.width, cut.results.width),),
            F32,
        )
        tiling = tiles.tiling(product, cut.lanes, self.target.registers)
        first = p.w.mul(y, SIDE)

        def add(outer: list[Int], row: Int, column: Int, values: list[Value], mask: Value | None) -> None:
            place = p.at(cut.sums, row, column, p.w.add(first, outer[0]))
            total = p.w.load(place, F32, tiling.lanes, 0, mask)
            p.w.store(p.w.binary("fadd", total, values[0]), place, 0, mask)

        tiles.write_contraction(p.w, product, tiling, p.at(cut.inputs), p.at(cut.results), "", 0, 0, add)

    def _finish(self, block: Int, place: Int, column: Int, mask: Value | None) -> None:
        """Turn the sums of neighbouring output channels into gradients of taps, for all input channels of a block."""
        p, w, cut, gradient = self.p, self.p.w, self.cut, self.gradient
        first, size = w.mul(block, cut.rows), gradient.c.size
        count = w.minimum(cut.rows, w.sub(size, first)) if size % cut.rows else cut.rows

        def row(i: Int) -> None:
            taps = to_taps(w, square(p.kept(cut.sums, i, place)))
            for u, line in enumerate(taps):
                for v, value in enumerate(line):
                    at = [*self._part, u, v, w.add(first, i)]
                    p.epilogue(
                        (*gradient.parts, gradient.u, gradient.v, gradient.c), at, column, [value], mask
                    )

        p.each(0, count, row)
