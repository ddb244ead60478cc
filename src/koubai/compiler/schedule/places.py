"""Where there is room in the arena beside what is needed at the same time, for equal buffers of equal layers at once.

Such buffers either need not be there together, and then all lie in one place, or they lie side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from koubai.compiler.language.buffer import Buffer

Span = tuple[int, int]  # the first and the last phase in which something is needed
Numbers = np.ndarray[Any, np.dtype[np.int64]]
APART = 2  # layers after which a buffer of one must have become idle at the latest for another's to lie in its place
PIECES = 4  # that buffers side by side are placed in, as smaller ones find room where a large one does not


def together(spans: Mapping[Buffer, Span], alike: Iterable[Sequence[Buffer]]) -> list[list[Buffer]]:
    """Return the buffers of `spans` in groups that can be placed at once: see `Taken.take`."""
    groups: list[list[Buffer]] = []
    for chain in alike:
        buffers = sorted([b for b in chain if b in spans], key=spans.__getitem__)
        if len({buffer.bytes for buffer in buffers}) == 1:
            groups += _divided(buffers, np.array([spans[b] for b in buffers]).T)
    grouped = {buffer for group in groups for buffer in group}
    groups += [[buffer] for buffer in spans if buffer not in grouped]
    return sorted(groups, key=lambda group: (spans[group[0]], group[0].name))


def _divided(buffers: list[Buffer], times: Numbers) -> list[list[Buffer]]:
    """Divide buffers, which are in the order of time, into groups."""
    for step in range(1, APART + 1):
        if _are_apart(times, step):
            return [buffers[n::step] for n in range(step)]
    size = -(-len(buffers) // PIECES)
    return [buffers[n : n + size] for n in range(0, len(buffers), size)] if _are_even(times[1]) else []


def _are_apart(times: Numbers, step: int) -> bool:
    """Whether what comes some steps later is needed only when all is idle that was there before."""
    first, last = times
    return bool((np.maximum.accumulate(last)[:-step] < first[step:]).all())


def _are_even(numbers: Numbers) -> bool:
    """Whether numbers only rise, or only fall."""
    steps = np.diff(numbers)
    return bool((steps >= 0).all() or (steps <= 0).all())


class Taken:
    """Places that are taken.

    Args:
        base: where the first may begin.
        count: how many will be taken.

    Attributes:
        end: of all of them.
    """

    def __init__(self, base: int, count: int) -> None:
        self.base = self.end = base
        self._places = np.zeros(
            (4, count), np.int64
        )  # of each the start, the end, the first and the last phase
        self._count = 0

    def take(self, room: int, first: Numbers, last: Numbers) -> list[int]:
        """Take the lowest places beside what is there in the same phases.

        Args:
            room: the bytes of each place.
            first, last: the phases in which they are needed; `first` rises, `last` only rises or only falls.

        Returns:
            where they start: all in one place if they are never needed together, else one beside the other, upwards
            or downwards.
        """
        count = len(first)
        starts, ends, firsts, lasts = self._places[:, : self._count]
        low, high = _met(first, last, firsts, lasts)
        busy = low < high
        starts, ends, low, high = starts[busy], ends[busy], low[busy], high[busy]
        if _are_apart(np.array([first, last]), 1):
            behind = np.zeros(count, np.int64)
            place = self._lowest(starts - room, ends)
        else:
            behind = np.arange(count) * room
            place = self._lowest(starts - high * room, ends - low * room)
            down = self._lowest(starts - (count - low) * room, ends - (count - high) * room)
            if down < place:
                place, behind = down, behind[::-1]
        new = slice(self._count, self._count + count)
        self._places[:, new] = place + behind, place + behind + room, first, last
        self._count += count
        self.end = max(self.end, place + int(behind.max()) + room)
        return [place + offset for offset in behind.tolist()]

    def _lowest(self, before: Numbers, after: Numbers) -> int:
        """Return the lowest place that is not between any two of these."""
        order = np.argsort(before, kind="stable")
        free = np.maximum.accumulate(np.concatenate([[self.base], after[order]]))
        fits = before[order] >= free[:-1]
        return int(free[fits.argmax()] if fits.any() else free[-1])


def _met(first: Numbers, last: Numbers, firsts: Numbers, lasts: Numbers) -> tuple[Numbers, Numbers]:
    """Return, for each place that is taken from one phase to another, which of some times meet it: from where to where.

    Where it is met by none, the end is not behind the start.
    """
    high = np.searchsorted(first, lasts, "right")
    if last[-1] >= last[0]:
        return np.searchsorted(last, firsts, "left"), high
    return np.zeros_like(high), np.minimum(high, len(last) - np.searchsorted(last[::-1], firsts, "left"))
