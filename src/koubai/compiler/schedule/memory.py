"""The plan of the arena: where each buffer lies, and which share memory because they are never needed together."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.kernel import Kernel, Strips
from koubai.compiler.schedule.phases import Phase
from koubai.compiler.schedule.places import Span, Taken, together

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


def plan(
    phases: list[Phase],
    lasting: list[Buffer],
    shared: dict[Buffer, Buffer],
    alike: Iterable[Sequence[Buffer]] = (),
) -> Plan:
    """Give every buffer of the phases a place.

    Args:
        phases: the step.
        lasting: buffers with a place of their own, always.
        shared: buffers that lie where another one lies.
        alike: equal buffers of equal layers, which get their places together.
    """
    offsets: dict[Buffer, int] = {}
    top = LINE
    for buffer in lasting:
        if buffer.home is not Home.ARGUMENT and buffer not in offsets:
            room = _room(buffer)
            if room > 8:
                top = -(-top // LINE) * LINE
            offsets[buffer] = top
            top += room
    top = base = -(-top // LINE) * LINE
    spans = _spans(phases, offsets, shared)
    for buffer in [b for b in spans if b.border is not None]:
        offsets[buffer] = base
        base += _room(buffer)
    own = _within_strips(phases)
    for group in (own, spans.keys() - own):
        passing = {b: span for b, span in spans.items() if b in group and b.border is None}
        base = _place(passing, alike, offsets, base)
    offsets.update({buffer: offsets[other] for buffer, other in shared.items()})
    return Plan(offsets, base, top)


def _place(
    spans: dict[Buffer, Span], alike: Iterable[Sequence[Buffer]], offsets: dict[Buffer, int], base: int
) -> int:
    """Find places from `base` on for buffers that are needed from one phase to another; return the end of all."""
    taken = Taken(base, len(spans))
    for buffers in sorted(together(spans, alike), key=lambda some: -some[0].bytes):
        times = np.array([spans[buffer] for buffer in buffers]).T
        offsets.update(zip(buffers, taken.take(_room(buffers[0]), *times)))
    return taken.end


def _within_strips(phases: list[Phase]) -> set[Buffer]:
    """Return what threads need for a strip and not after it.

    It lies apart from all else: threads then need not wait for each other before they write what comes after.
    """
    kernels = [kernel for phase in phases for kernel in phase.kernels]
    strips = [kernel for kernel in kernels if isinstance(kernel, Strips)]
    user: dict[Buffer, Kernel] = {b: k for k in strips for b in k.buffers if b.shape[:1] == (k.thread.size,)}
    several = {b for k in kernels if user for b in k.buffers if user.get(b, k) is not k}
    return user.keys() - several


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


def _spans(phases: list[Phase], fixed: Container[Buffer], shared: dict[Buffer, Buffer]) -> dict[Buffer, Span]:
    """Return the first and the last phase that touch each buffer."""
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for number, phase in enumerate(phases):
        for kernel in phase.kernels:
            for buffer in kernel.buffers:
                first.setdefault(buffer, number)
                last[buffer] = number
    spans: dict[Buffer, Span] = {}
    for touched, start in first.items():
        buffer, end = shared.get(touched, touched), last[touched]
        if buffer not in fixed and buffer.home is not Home.ARGUMENT:
            known = spans.get(buffer, (start, end))
            spans[buffer] = min(start, known[0]), max(end, known[1])
    return dict(sorted(spans.items(), key=lambda item: (item[1], item[0].name)))
