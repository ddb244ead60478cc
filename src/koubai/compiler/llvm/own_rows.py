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
            for buffer, dims, flat in zip(kernel.buffers, reach.dims, reach.flat):
                if buffer in self._offsets:
                    place = _Place.of(buffer, self._offsets[buffer], dims, flat, buffer in kernel.writes)
                    key = place.start, buffer.shape, buffer.strides, buffer.dtype
                    known = new.get(key) or self._known.get(key)
                    new[key] = place if known is None else place.with_(known)
        all_ = {**self._known, **new}
        changed = [place for key, place in new.items() if place is not self._known.get(key)]
        fine = all(_keep_apart(a, b) for a in changed for b in all_.values() if a.overlaps(b))
        if fine:
            self._known = all_
        return fine


@dataclass(frozen=True)
class _Place:
    """Where threads reach in one place of the arena.

    Attributes:
        start, end: the bytes of it.
        spans: in each dimension, and at last in bytes of the arena.
        writes: whether some kernel writes there.
    """

    start: int
    end: int
    spans: tuple[Spans, ...]
    writes: bool

    @classmethod
    def of(cls, buffer: Buffer, offset: int, dims: tuple[Spans, ...], flat: Spans, writes: bool) -> _Place:
        size = buffer.dtype.itemsize
        if buffer.border is not None:
            flat = ((-inf, inf),) * len(flat)
        bytes_ = tuple((offset + low * size, offset + high * size + size - 1) for low, high in flat)
        return cls(offset, offset + buffer.bytes, (*dims, bytes_), writes)

    def with_(self, other: _Place) -> _Place:
        """Return the same place with where else threads reach in it."""
        if self.spans == other.spans and self.writes == other.writes:
            return other
        spans = (tuple(map(_hull, zip(*pair))) for pair in zip(self.spans, other.spans))
        return _Place(self.start, self.end, tuple(spans), self.writes or other.writes)

    def overlaps(self, other: _Place) -> bool:
        """Whether something is written where both are."""
        return self.start < other.end and other.start < self.end and (self.writes or other.writes)


def _keep_apart(a: _Place, b: _Place) -> bool:
    """Whether no thread touches in one of two places that overlap what another one writes in the other."""
    if a is b:
        return any(_differ(spans, spans) for spans in a.spans)
    return _differ(a.spans[-1], b.spans[-1])


def _differ(a: Spans, b: Spans) -> bool:
    """Whether the spans of different threads have nothing in common."""
    pairs = itertools.product(enumerate(a), enumerate(b))
    return all(s == t or x[1] < y[0] or y[1] < x[0] for (s, x), (t, y) in pairs)
