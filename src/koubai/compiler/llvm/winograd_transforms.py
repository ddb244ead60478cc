"""The transforms of Winograd's convolution of 3x3 taps, two by two output elements at a time.

A convolution of four numbers d with three taps g gives two numbers, Aᵀ((G g) · (Bᵀ d)): four multiplications in place
of six. In two dimensions each transform is applied to the columns of a square, then to its rows, and 16 multiplications
stand in place of 36.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.writer import Writer

Square = Sequence[Sequence[Value]]
Row = Sequence[Value]

# Which rows of a tile of the image each row of its transform is made of, and whether the second is added.
INPUT_ROWS = ((0, 2, False), (1, 2, True), (2, 1, False), (1, 3, False))


def of_input_row(w: Writer, number: int, first: Row, second: Row) -> list[Value]:
    """Return a row of Bᵀ d B, given the two rows of the image that it is made of."""
    join = _add if INPUT_ROWS[number][2] else _sub
    a, b, c, d = (join(w, x, y) for x, y in zip(first, second))
    return [_sub(w, a, c), _add(w, b, c), _sub(w, c, b), _sub(w, b, d)]


def of_taps(w: Writer, taps: Square) -> list[list[Value]]:
    """Return G g Gᵀ, 4x4, of 3x3 taps."""

    def step(a: Value, b: Value, c: Value) -> list[Value]:
        ends, middle = _half(w, _add(w, a, c)), _half(w, b)
        return [a, _add(w, ends, middle), _sub(w, ends, middle), c]

    return _both_ways(step, taps)


def to_output(w: Writer, products: Square) -> list[list[Value]]:
    """Return Aᵀ m A, 2x2, of 4x4 products."""

    def step(a: Value, b: Value, c: Value, d: Value) -> list[Value]:
        return [_add(w, a, _add(w, b, c)), _sub(w, _sub(w, b, c), d)]

    return _both_ways(step, products)


def of_result_row(w: Writer, number: int, above: Row, below: Row) -> list[Value]:
    """Return a row of A y Aᵀ, 4x4, of 2x2 elements: what the products are multiplied with in a gradient."""
    if number == 0:
        a, b = above
    elif number == 3:
        a, b = (_negative(w, y) for y in below)
    else:
        a, b = ((_add if number == 1 else _sub)(w, x, y) for x, y in zip(above, below))
    return [a, _add(w, a, b), _sub(w, a, b), _negative(w, b)]


def to_taps(w: Writer, sums: Square) -> list[list[Value]]:
    """Return Gᵀ u G, the gradient of 3x3 taps, of the gradient of the transformed taps."""

    def step(a: Value, b: Value, c: Value, d: Value) -> list[Value]:
        middle = _half(w, _add(w, b, c))
        return [_add(w, a, middle), _half(w, _sub(w, b, c)), _add(w, middle, d)]

    return _both_ways(step, sums)


def flat(square: Square) -> list[Value]:
    """Return the values of a square, row by row."""
    return [value for row in square for value in row]


def square(values: Row) -> list[Row]:
    """Return values as a square of four by four, row by row."""
    return [values[at : at + 4] for at in range(0, 16, 4)]


def _both_ways(step: Callable[..., list[Value]], square: Square) -> list[list[Value]]:
    """Apply a transform to all columns, then to all rows of what that gives."""
    columns = [step(*column) for column in zip(*square)]
    return [step(*row) for row in zip(*columns)]


def _add(w: Writer, a: Value, b: Value) -> Value:
    return w.binary("fadd", a, b)


def _sub(w: Writer, a: Value, b: Value) -> Value:
    return w.binary("fsub", a, b)


def _negative(w: Writer, a: Value) -> Value:
    return Value(w.let(f"fneg {a}"), a.dtype, a.lanes)


def _half(w: Writer, a: Value) -> Value:
    return w.binary("fmul", a, w.constant(0.5, a.dtype, a.lanes))
