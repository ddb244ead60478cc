"""The plan of the arena: where each buffer lies, and which share memory because they are never needed together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.kernel import Kernel, Strips, by_buffer
from koubai.compiler.schedule.phases import Phase

LINE = 64


@dataclass
class Plan:
    """Where everything is.

    Attributes:
        offsets: of each buffer in the arena, in bytes.
        size: of the arena, in bytes.
        lasting: the bytes of it that stay from step to step.
        scratch: the bytes behind it that each thread has of its own.
    """

    offsets: dict[Buffer, int]
    size: int
    lasting: int
    scratch: int = 0


def plan(phases: list[Phase], lasting: list[Buffer], shared: dict[Buffer, Buffer]) -> Plan:
    """Give every buffer of the phases a place.

    Args:
        phases: the step.
        lasting: buffers with a place of their own, always.
        shared: buffers that lie where another one lies.
    """
    offsets: dict[Buffer, int] = {}
    top = LINE
    for buffer in lasting:
        if buffer.home is not Home.ARGUMENT and buffer not in offsets:
            if _room(buffer) > 8:
                top = -(-top // LINE) * LINE
            offsets[buffer] = top
            top += _room(buffer)
    top = base = -(-top // LINE) * LINE
    spans = _spans(phases, set(offsets), shared)
    for buffer in [b for b in spans if b.border is not None]:
        offsets[buffer] = base
        base += _room(buffer)
    own = _within_strips(phases)
    for group in (own, spans.keys() - own):
        passing = {b: span for b, span in spans.items() if b in group and b.border is None}
        base = _place(passing, offsets, base)
    offsets.update({buffer: offsets[other] for buffer, other in shared.items()})
    return Plan(offsets, base, top)


def _place(spans: dict[Buffer, tuple[int, int]], offsets: dict[Buffer, int], base: int) -> int:
    """Find places from `base` on for buffers that are needed from one phase to another; return the end of all."""
    taken = _Taken(base, len(spans))
    for buffer, (first, last) in sorted(spans.items(), key=lambda item: -item[0].bytes):
        offsets[buffer] = taken.take(_room(buffer), first, last)
    return taken.end


def _within_strips(phases: list[Phase]) -> set[Buffer]:
    """Return what threads need for a strip and not after it.

    It lies apart from all else: threads then need not wait for each other before they write what comes after.
    """
    touched: dict[Buffer, list[Kernel]] = by_buffer(
        (k, k.reads | k.writes) for p in phases for k in p.kernels
    )
    alone = ((buffer, kernels[0]) for buffer, kernels in touched.items() if len(kernels) == 1)
    return {b for b, k in alone if isinstance(k, Strips) and b.shape[:1] == (k.thread.size,)}


def span(offsets: dict[Buffer, int], buffers: list[Buffer]) -> tuple[int, int]:
    """Return (offset, bytes) of the memory from the first of some buffers to the end of the last, in whole words."""
    if not buffers:
        return 0, 0
    first = min(offsets[buffer] for buffer in buffers)
    end = max(offsets[buffer] + buffer.bytes for buffer in buffers)
    return first, -(-(end - first) // 8) * 8


def _room(buffer: Buffer) -> int:
    """The bytes of a buffer, and one more cache line, so that buffers of a power of two do not lie alike."""
    if buffer.home in (Home.NUMBER, Home.RESULT) and buffer.bytes <= 8:
        return 8
    return -(-buffer.bytes // LINE) * LINE + LINE


def _spans(
    phases: list[Phase], fixed: set[Buffer], shared: dict[Buffer, Buffer]
) -> dict[Buffer, tuple[int, int]]:
    """Return the first and the last phase that touch each buffer."""
    spans: dict[Buffer, tuple[int, int]] = {}
    for number, phase in enumerate(phases):
        for kernel in phase.kernels:
            for touched in kernel.reads | kernel.writes:
                buffer = shared.get(touched, touched)
                if buffer not in fixed and buffer.home is not Home.ARGUMENT:
                    first, _ = spans.get(buffer, (number, number))
                    spans[buffer] = first, number
    return dict(sorted(spans.items(), key=lambda item: (item[1], item[0].name)))


class _Taken:
    """Places that are taken, in the order of where they begin.

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

    def take(self, room: int, first: int, last: int) -> int:
        """Take the lowest place with enough room beside what is there in the same phases, and return its start."""
        starts, ends, firsts, lasts = self._places[:, : self._count]
        busy = (firsts <= last) & (lasts >= first)
        free = np.maximum.accumulate(np.concatenate([[self.base], ends[busy]]))
        fits = starts[busy] - free[:-1] >= room
        place = int(free[fits.argmax()] if fits.any() else free[-1])
        at = int(np.searchsorted(starts, place, "right"))
        self._places[:, at + 1 : self._count + 1] = self._places[:, at : self._count].copy()
        self._places[:, at] = place, place + room, first, last
        self._count += 1
        self.end = max(self.end, place + room)
        return place
