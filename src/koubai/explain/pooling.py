"""Max pooling on formulas: which element is the largest stays a condition, so that it may change with the numbers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from koubai.explain.expression import Apply, Term, add, binary, choose
from koubai.ops.op import Shape
from koubai.ops.window import Window, meetings

__all__ = ["largest", "put", "take"]

_equal = binary("eq")


def _members(window: Window, lengths: Shape) -> dict[Shape, list[tuple[int, Shape]]]:
    """Return for each window the elements in it: the position in the window, and the place in the input."""
    found: dict[Shape, list[tuple[int, Shape]]] = {}
    for element, met, where in meetings(window, lengths):
        position = int(np.ravel_multi_index(element, window.kernel))
        windows = itertools.product(
            *(range(count)[span] for span, count in zip(where, window.counts(lengths)))
        )
        places = itertools.product(*(range(length)[span] for span, length in zip(met, lengths)))
        for at, place in zip(windows, places):
            found.setdefault(at, []).append((position, place))
    return found


def largest(xp: Any, x: Any, *, window: Window) -> tuple[Any, Any]:
    """The largest element of each window, and its position there: among equals the first."""
    shape = (*x.shape[:2], *window.counts(x.shape[2:]))
    out, which = np.empty(shape, object), np.empty(shape, object)
    for at, members in _members(window, x.shape[2:]).items():
        for channel in np.ndindex(x.shape[:2]):
            values = [(position, x[(*channel, *place)]) for position, place in members]
            top = Apply("max", *(value for _, value in values)) if len(values) > 1 else values[0][1]
            out[(*channel, *at)] = top
            which[(*channel, *at)] = _position(values, top)
    return out, which


def _position(values: list[tuple[int, Term]], top: Term) -> Term:
    position: Term = values[-1][0]
    for at, value in values[-2::-1]:
        position = choose(_equal(value, top), at, position)
    return position


def take(xp: Any, x: Any, which: Any, *, window: Window) -> Any:
    """The element of each window that stands at a position."""
    out = np.zeros(which.shape, object)
    for at, members in _members(window, x.shape[2:]).items():
        for position, place in members:
            for channel in np.ndindex(x.shape[:2]):
                chosen = _equal(which[(*channel, *at)], position)
                part = choose(chosen, x[(*channel, *place)], 0)
                out[(*channel, *at)] = add(out[(*channel, *at)], part)
    return out


def put(xp: Any, values: Any, which: Any, *, lengths: Shape, window: Window) -> Any:
    """The way back: each value at the place of its position, and 0 elsewhere."""
    out = np.zeros((*values.shape[:2], *lengths), object)
    for at, members in _members(window, lengths).items():
        for position, place in members:
            for channel in np.ndindex(values.shape[:2]):
                chosen = _equal(which[(*channel, *at)], position)
                part = choose(chosen, values[(*channel, *at)], 0)
                out[(*channel, *place)] = add(out[(*channel, *place)], part)
    return out
