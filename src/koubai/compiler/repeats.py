"""Where a sequence repeats itself: equal layers are equal stretches of a program, one behind the other.

What is known of one stretch holds for all, so that it is found, or written down, only once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Run:
    """A stretch of a sequence that is there several times.

    Attributes:
        first: where it begins.
        period: how long it is.
        count: how often it is there.
    """

    first: int
    period: int
    count: int

    @property
    def end(self) -> int:
        """Where it has ended for the last time."""
        return self.first + self.period * self.count

    def at(self, turn: int) -> range:
        """Return where it is for the `turn`-th time."""
        start = self.first + turn * self.period
        return range(start, start + self.period)


def repeats(keys: Sequence[Hashable], fewest: int) -> list[Run]:
    """Return where a sequence repeats itself, in order; of runs that overlap only the longest.

    Args:
        keys: what must be equal.
        fewest: the count from which on it matters.
    """
    known: dict[Hashable, int] = {}
    numbers = np.array([known.setdefault(key, len(known)) for key in keys], np.int64)
    found = [run for period in _periods(numbers, fewest) for run in _runs_of(numbers, period, fewest)]
    chosen: list[Run] = []
    taken = np.zeros(len(keys), bool)
    for run in sorted(found, key=lambda r: (-r.period * r.count, r.period)):
        if not taken[run.first : run.end].any():
            taken[run.first : run.end] = True
            chosen.append(run)
    return sorted(chosen, key=lambda r: r.first)


def _periods(numbers: Numbers, fewest: int) -> list[int]:
    """Return the distances at which equal elements follow each other often enough."""
    order = np.argsort(numbers, kind="stable")
    follows = numbers[order[1:]] == numbers[order[:-1]]
    distances = Counter((order[1:] - order[:-1])[follows].tolist())
    return [distance for distance, often in distances.items() if often >= fewest - 1]


def _runs_of(numbers: Numbers, period: int, fewest: int) -> Iterator[Run]:
    """Yield where every element is equal to the one a period later, for long enough."""
    equal = np.concatenate([[False], numbers[period:] == numbers[:-period], [False]])
    edges = np.flatnonzero(equal[1:] != equal[:-1]).tolist()
    for start, end in zip(edges[::2], edges[1::2]):
        count = 1 + (end - start) // period
        if count >= fewest:
            yield Run(start, period, count)
