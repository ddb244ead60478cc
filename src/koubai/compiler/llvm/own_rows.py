"""Kernels between which no thread has to wait for another, because every thread keeps to rows of its own.

The batch of a network is divided among the threads. Where kernels divide it alike, and each thread reads of what they
write only what it writes itself, threads need not meet between them: not in a loop over time, and not from layer to
layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Kernel, Strips
from koubai.compiler.language.places import flat_place

Turns = Mapping[Axis, Index]  # what stands for the loops that are divided
Part = tuple[Turns | None, ...]  # the turns of each thread; None if it has none
Span = tuple[float, float]  # the first and the last; none if the first is behind the last
Spans = tuple[Span, ...]  # of each thread
NOWHERE: Span = (inf, -inf)


def part_of(turns: Sequence[tuple[Axis, int]], units: int, threads: int) -> Part:
    """Return how threads divide loops whose turns are counted through.

    Args:
        turns: the loops, outermost first, with how many steps of each are one turn.
        units: how many turns there are.
        threads: how many share them.
    """
    return tuple(_turns(turns, units * t // threads, units * (t + 1) // threads) for t in range(threads))


def _turns(turns: Sequence[tuple[Axis, int]], first: int, end: int) -> Turns | None:
    """Return what the loops are from one turn up to another."""
    if first >= end:
        return None
    found: dict[Axis, Index] = {}
    unit = Index.of(Axis(end - first)) + first
    for axis, steps in reversed(turns):
        count = -(-axis.size // steps)
        found[axis] = (unit if axis is turns[0][0] else unit % count) * steps + Axis(steps)
        unit = unit // count
    return found


def strips_of(strips: Strips, threads: int) -> Part:
    """Return how threads divide strips."""
    parts = part_of([(axis, 1) for axis in strips.loops], strips.turns, threads)
    return tuple(
        None if turns is None else {**turns, strips.thread: Index.of(thread)}
        for thread, turns in enumerate(parts)
    )


def range_of(axis: Axis, starts: Sequence[int]) -> Part:
    """Return how threads divide one loop, of which each begins somewhere."""
    ends = [*starts[1:], axis.size]
    ranges = zip(starts, ends)
    return tuple(
        {axis: Index.of(Axis(end - first)) + first} if first < end else None for first, end in ranges
    )


@dataclass(frozen=True)
class Reach:
    """Where in its buffers each thread reaches.

    Attributes:
        dims: of each buffer, for each of its dimensions the indices.
        flat: of each buffer the places, in elements from its beginning.
    """

    dims: tuple[tuple[Spans, ...], ...]
    flat: tuple[Spans, ...]


def reach_of(kernels: Iterable[Kernel], part: Part, buffers: Sequence[Buffer]) -> Reach:
    """Return where threads reach.

    Args:
        kernels: as they are written.
        part: how they are divided.
        buffers: what they touch.
    """
    touched: dict[Buffer, set[tuple[Index, ...]]] = {buffer: set() for buffer in buffers}
    for kernel in kernels:
        for e in kernel.loads:
            touched[e.detail].add(tuple(e.indices))
        for store in kernel.stores:
            touched[store.buffer].add(tuple(store.indices))

    @cache
    def spans(index: Index) -> Spans:
        """What an index is for each thread."""
        return tuple(NOWHERE if turns is None else index.replace(turns).bounds for turns in part)

    def hull(indices: Iterable[Index]) -> Spans:
        """What all of some indices are for each thread."""
        return tuple(map(_hull, zip((NOWHERE,) * len(part), *map(spans, indices))))

    dims = (tuple(hull(at[d] for at in touched[b]) for d in range(len(b.shape))) for b in buffers)
    flat = (hull(flat_place(b, at) for at in touched[b]) for b in buffers)
    return Reach(tuple(dims), tuple(flat))


def _hull(spans: Sequence[Span]) -> Span:
    return min(low for low, _ in spans), max(high for _, high in spans)


class Apart:
    """Kernels that threads run without waiting for each other.

    Args:
        offsets: where buffers lie.
    """

    def __init__(self, offsets: Mapping[Buffer, int]) -> None:
        self._offsets = offsets
        self._known: dict[tuple[object, ...], _Place] = {}

    def takes(self, kernels: Iterable[tuple[Kernel, Reach | None]]) -> bool:
        """Whether some more kernels can be among them; if so, they are.

        Args:
            kernels: with where threads reach in them; None if that is not known.
        """
        new: dict[tuple[object, ...], _Place] = {}
        for kernel, reach in kernels:
            if reach is None:
                return False
            writes = kernel.writes
            for buffer, dims, flat in zip(kernel.buffers, reach.dims, reach.flat):
                start = self._offsets.get(buffer)
                if start is not None:
                    key = start, buffer.shape, buffer.order, buffer.gap, buffer.dtype
                    known = new.get(key) or self._known.get(key)
                    if known is None:
                        new[key] = _Place(start, buffer, dims, flat, buffer in writes)
                    elif not known.covers(dims, flat, buffer in writes):
                        place = new[key] = known.with_(buffer, dims, flat, buffer in writes)
                        if not place.keeps_apart(
                            [place]
                        ):  # mostly the reason: found before all are looked at
                            return False
        all_ = {**self._known, **new}
        fine = all(place.keeps_apart(all_.values()) for place in new.values())
        if fine:
            self._known = all_
        return fine


class _Place:
    """Where threads reach in one place of the arena.

    Attributes:
        start, end: the bytes of it.
        buffer: one that lies there.
        dims: in each dimension of a buffer there.
        flat: in elements from its beginning.
        writes: whether some kernel writes there.
    """

    __slots__ = ("buffer", "dims", "end", "flat", "start", "writes")

    def __init__(
        self, start: int, buffer: Buffer, dims: tuple[Spans, ...], flat: Spans, writes: bool
    ) -> None:
        self.start, self.end, self.buffer = start, start + buffer.bytes, buffer
        self.dims, self.flat, self.writes = dims, flat, writes

    def covers(self, dims: tuple[Spans, ...], flat: Spans, writes: bool) -> bool:
        """Whether threads reach nowhere else and do nothing else there."""
        return writes <= self.writes and dims == self.dims and flat == self.flat

    def with_(self, buffer: Buffer, dims: tuple[Spans, ...], flat: Spans, writes: bool) -> _Place:
        """Return the same place with where else threads reach in it."""
        if dims != self.dims or flat != self.flat:
            dims = tuple([tuple(map(_hull, zip(*pair))) for pair in zip(dims, self.dims)])
            flat = tuple(map(_hull, zip(flat, self.flat)))
        buffer = buffer if self.buffer.border is None else self.buffer
        return _Place(self.start, buffer, dims, flat, self.writes or writes)

    def keeps_apart(self, others: Iterable[_Place]) -> bool:
        """Whether no thread touches here or in places that overlap what another one writes in the other."""
        start, end = self.start, self.end
        near = [other for other in others if other.start < end and start < other.end]
        return all(self._is_apart(other) for other in near if self.writes or other.writes)

    def _is_apart(self, other: _Place) -> bool:
        mine = self._bytes()
        if self is other:
            return any(_differ(spans, spans) for spans in (*self.dims, mine))
        return _differ(mine, other._bytes())

    def _bytes(self) -> Spans:
        """Return where in the arena each thread reaches; everywhere if there is a border."""
        if self.buffer.border is not None:
            return ((-inf, inf),) * len(self.flat)
        start, size = self.start, self.buffer.dtype.itemsize
        return tuple([(start + low * size, start + high * size + size - 1) for low, high in self.flat])


def _differ(a: Spans, b: Spans) -> bool:
    """Whether the spans of different threads have nothing in common."""
    pairs = itertools.product(enumerate(a), enumerate(b))
    return all(s == t or x[1] < y[0] or y[1] < x[0] for (s, x), (t, y) in pairs)
