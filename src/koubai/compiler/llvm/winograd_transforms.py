"""The transforms of Winograd's convolution of 3x3 taps, two by two output elements at a time.

A convolution of four numbers d with three taps g gives two numbers, Aᵀ((G g) · (Bᵀ d)): four multiplications in place
of six. In two dimensions each transform is applied to the columns of a square, then to its rows, and 16 multiplications
stand in place of 36.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from koubai.compiler.llvm.writer import Value, Writer

Square = Sequence[Sequence[Value]]


def of_input(w: Writer, tile: Square) -> list[list[Value]]:
    """Return Bᵀ d B of 4x4 elements of an image."""

    def step(a: Value, b: Value, c: Value, d: Value) -> list[Value]:
        return [_sub(w, a, c), _add(w, b, c), _sub(w, c, b), _sub(w, b, d)]

    return _both_ways(step, tile)


def of_taps(w: Writer, taps: Square) -> list[list[Value]]:
    """Return G g Gᵀ, 4x4, of 3x3 taps."""

    def step(a: Value, b: Value, c: Value) -> list[Value]:
        ends, middle = _half(w, _add(w, a, c)), _half(w, b)
        return [a, _add(w, ends, middle), _sub(w, ends, middle), c]

    return _both_ways(step, taps)


def to_output(w: Writer, products: Square) -> list[list[Value]]:
    """Return Aᵀ m A, 2x2 elements of the result, of 4x4 products."""

    def step(a: Value, b: Value, c: Value, d: Value) -> list[Value]:
        return [_add(w, a, _add(w, b, c)), _sub(w, _sub(w, b, c), d)]

    return _both_ways(step, products)


def of_result(w: Writer, elements: Square) -> list[list[Value]]:
    """Return A y Aᵀ, 4x4, of 2x2 elements: what the products are multiplied with in a gradient."""

    def step(a: Value, b: Value) -> list[Value]:
        return [a, _add(w, a, b), _sub(w, a, b), _negative(w, b)]

    return _both_ways(step, elements)


def to_taps(w: Writer, sums: Square) -> list[list[Value]]:
    """Return Gᵀ u G, the gradient of 3x3 taps, of the gradient of the transformed taps."""

    def step(a: Value, b: Value, c: Value, d: Value) -> list[Value]:
        middle = _half(w, _add(w, b, c))
        return [_add(w, a, middle), _half(w, _sub(w, b, c)), _add(w, middle, d)]

    return _both_ways(step, sums)


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
