"""Sliding windows as indices: pooling and its way back, written out kernel element by kernel element.

Where windows do not overlap, each input element lies in one window at most, and no sum is needed on the way back.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from koubai import dtypes
from koubai.compiler.language.expression import Expression, apply, constant, inside, whole
from koubai.compiler.language.index import Index, Position, flatten, unflatten
from koubai.compiler.lower.movement import Guard, Indices, both, where
from koubai.ops.graph import Node
from koubai.ops.window import Window

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering

LARGEST = 32  # kernel elements that are written out one by one

Element = tuple[Index, ...]


def elements(window: Window) -> list[Element]:
    """Return all kernel elements, row by row."""
    return [tuple(Index((), i) for i in element) for element in itertools.product(*map(range, window.kernel))]


def met(counts: Indices, element: Element, window: Window) -> Indices:
    """Return which input element a kernel element of the window at `counts` meets."""
    return tuple(
        t * stride + e * dilation - before
        for t, e, stride, dilation, (before, _) in zip(
            counts, element, window.stride, window.dilation, window.padding
        )
    )


def in_range(indices: Indices, lengths: tuple[int, ...]) -> Guard:
    """Return whether indices lie in an array; None if they always do."""
    found: Guard = None
    for index, length in zip(indices, lengths):
        low, high = index.bounds
        if low < 0 or high >= length:
            found = both(found, inside(index, 0, length))
    return found


def windows(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """Every window, with 0 where it hangs over the edge."""
    x, window = node.inputs[0], node.attributes["window"]
    counts, element = indices[2 : 2 + window.rank], indices[2 + window.rank :]
    spot = met(counts, element, window)
    here = in_range(spot, x.shape[2:])
    return where(here, low.at(x, (*indices[:2], *spot), both(guard, here)), constant(0, x.dtype))


def window_sum(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The sum of each window."""
    x, window = node.inputs[0], node.attributes["window"]
    total: Expression | None = None
    for element in elements(window):
        spot = met(indices[2:], element, window)
        here = in_range(spot, x.shape[2:])
        piece = where(here, low.at(x, (*indices[:2], *spot), both(guard, here)), constant(0, x.dtype))
        total = piece if total is None else apply("add", (total, piece), x.dtype)
    assert total is not None
    return total


def window_max(low: Lowering, node: Node, indices: Indices, guard: Guard) -> tuple[Expression, Expression]:
    """The maximum of each window and its position: among equals the first, of NaNs the last."""
    x, window = node.inputs[0], node.attributes["window"]
    kind = node.outputs[1].dtype
    lowest = constant(-float("inf") if dtypes.is_floating(x.dtype) else dtypes.iinfo(x.dtype).min, x.dtype)
    best: Expression | None = None
    which = constant(0, kind)
    for number, element in enumerate(elements(window)):
        spot = met(indices[2:], element, window)
        here = in_range(spot, x.shape[2:])
        value = where(here, low.at(x, (*indices[:2], *spot), both(guard, here)), lowest)
        if best is None:
            best, taken = value, here
            continue
        better = _beats(value, best)
        if here is not None or taken is not None:
            better = _first_real(better, here, taken)
            taken = (
                None if here is None or taken is None else apply("bitwise_or", (here, taken), dtypes.bool_)
            )
        which = apply("where", (better, constant(number, kind), which), kind)
        best = apply("maximum", (value, best), x.dtype)
    assert best is not None
    return best, which


def _beats(value: Expression, best: Expression) -> Expression:
    """Whether a later element takes the place of the best so far."""
    larger = apply("gt", (value, best), dtypes.bool_)
    if not dtypes.is_floating(value.dtype):
        return larger
    return apply("bitwise_or", (larger, apply("isnan", (value,), dtypes.bool_)), dtypes.bool_)


def _first_real(better: Expression, here: Guard, taken: Guard) -> Expression:
    """Padding never wins, and the first element that is none wins over all padding."""
    if taken is not None:
        nothing_yet = apply("bitwise_not", (taken,), dtypes.bool_)
        better = apply("bitwise_or", (better, nothing_yet), dtypes.bool_)
    return better if here is None else apply("bitwise_and", (better, here), dtypes.bool_)


def window_take(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The element of each window that stands at the position `which`."""
    (x, which), window = node.inputs, node.attributes["window"]
    chosen, total = low.at(which, indices, guard), constant(0, x.dtype)
    if window.elements > LARGEST:  # read at the position itself, which is data
        position = Index.of(Position(chosen, window.elements))
        spot = met(indices[2:], unflatten(position, window.kernel), window)
        here = both(guard, in_range(spot, x.shape[2:]))
        return where(here, low.at(x, (*indices[:2], *spot), here), total)
    for number, element in enumerate(elements(window)):
        spot = met(indices[2:], element, window)
        here = both(
            in_range(spot, x.shape[2:]), apply("eq", (chosen, constant(number, chosen.dtype)), dtypes.bool_)
        )
        total = where(here, low.at(x, (*indices[:2], *spot), both(guard, here)), total)
    return total


# --- the way back: which windows an input element lies in


def covering(
    indices: Indices, element: Element, window: Window, counts: tuple[int, ...]
) -> tuple[Guard, Indices]:
    """Return whether a kernel element of some window meets the input at `indices`, and of which window."""
    here: Guard = None
    found = []
    for index, e, stride, dilation, (before, _), count in zip(
        indices, element, window.stride, window.dilation, window.padding, counts
    ):
        start = index + before - e * dilation
        spot = start // stride
        here = both(here, inside(start, 0, (count - 1) * stride + 1, stride))
        found.append(spot)
    return here, tuple(found)


def apart(window: Window) -> bool:
    """Whether windows do not overlap."""
    return all(
        stride >= kernel and dilation == 1
        for stride, kernel, dilation in zip(window.stride, window.kernel, window.dilation)
    )


def alone(indices: Indices, window: Window, counts: tuple[int, ...]) -> tuple[Guard, Indices, Element]:
    """Return for windows that lie apart: whether there is one here, which, and the kernel element that is met."""
    here: Guard = None
    spots, met_by = [], []
    for index, stride, kernel, (before, _), count in zip(
        indices, window.stride, window.kernel, window.padding, counts
    ):
        spot, element = (index + before) // stride, (index + before) % stride
        if element.bounds[1] >= kernel:
            here = both(here, inside(element, 0, kernel))
        if spot.bounds[1] >= count:
            here = both(here, inside(spot, 0, count))
        spots.append(spot)
        met_by.append(element)
    return here, tuple(spots), tuple(met_by)


def window_put(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """Each window's value, put to the element at its position `which`."""
    (values, which), window = node.inputs, node.attributes["window"]
    counts, zero = values.shape[2:], constant(0, values.dtype)

    def piece(here: Guard, spot: Indices, number: Expression) -> Expression:
        place, wanted = (*indices[:2], *spot), both(guard, here)
        hit = apply("eq", (low.at(which, place, wanted), number), dtypes.bool_)
        return where(both(here, hit), low.at(values, place, wanted), zero)

    if apart(window):
        here, spot, element = alone(indices[2:], window, counts)
        number = apply("cast", (whole(flatten(element, window.kernel)),), which.dtype, {"dtype": which.dtype})
        return piece(here, spot, number)
    total = zero
    for number_, element in enumerate(elements(window)):
        here, spot = covering(indices[2:], element, window, counts)
        total = apply("add", (total, piece(here, spot, constant(number_, which.dtype))), values.dtype)
    return total


def add_windows(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """Windows laid back where they came from, overlaps added up."""
    parts, window = node.inputs[0], node.attributes["window"]
    counts, zero = parts.shape[2 : 2 + window.rank], constant(0, parts.dtype)
    if apart(window):
        here, spot, element = alone(indices[2:], window, counts)
        return where(here, low.at(parts, (*indices[:2], *spot, *element), both(guard, here)), zero)
    total = zero
    for element in elements(window):
        here, spot = covering(indices[2:], element, window, counts)
        piece = low.at(parts, (*indices[:2], *spot, *element), both(guard, here))
        total = apply("add", (total, where(here, piece, zero)), parts.dtype)
    return total


RULES = {
    "windows": windows,
    "window_sum": window_sum,
    "window_take": window_take,
    "window_put": window_put,
    "add_windows": add_windows,
}
