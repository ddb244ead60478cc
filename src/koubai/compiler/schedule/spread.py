"""Rows that lie in the same places of a cache are moved apart.

A cache has few places for addresses that differ by a power of two. If the rows of a matrix begin so far from each
other, a product that runs down its columns finds in the cache only the last few rows that it has read. A gap of one
line behind each row sends the rows to different places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.index import Atom
from koubai.compiler.language.kernel import Contraction, Kernel, by_buffer
from koubai.compiler.language.places import flat_place
from koubai.compiler.schedule.arrange import every, rigid

LINE = 64  # bytes that come into a cache together
ALIAS = 1 << 10  # bytes: rows that are a multiple of it apart fall on few places of a cache
LARGE = 1 << 15  # bytes that do not stay near anyhow


def spread(kernels: list[Kernel], kept: set[Buffer]) -> None:
    """Leave gaps between the rows of what products read on the right side, where that helps.

    Args:
        kernels: in an order in which they run.
        kept: buffers that stay as they are.
    """
    native = list(every(kernels))
    kept = kept | set(rigid(kernels))
    touching = by_buffer((kernel, kernel.reads | kernel.writes) for kernel in native)
    for kernel in native:
        if isinstance(kernel, Contraction):
            buffer = kernel.right.detail
            if buffer not in kept and _is_crowded(buffer):
                _try(buffer, touching[buffer])


def _is_crowded(buffer: Buffer) -> bool:
    """Whether a buffer is free to lie otherwise, and its rows lie in the same places of a cache."""
    if buffer.home is not Home.SCRATCH or buffer.border is not None or buffer.becomes is not None:
        return False
    row = buffer.shape[buffer.order[-1]] * buffer.dtype.itemsize if buffer.order else 0
    return row > 0 and row % ALIAS == 0 and buffer.bytes >= LARGE and not buffer.gap


def _try(buffer: Buffer, kernels: Sequence[Kernel]) -> None:
    """Leave gaps, unless one of the kernels that touch a buffer could not step through it as it does any more."""
    before = list(_steps(buffer, kernels))
    buffer.gap = LINE // buffer.dtype.itemsize
    if list(_steps(buffer, kernels)) != before:
        buffer.gap = 0


def _steps(buffer: Buffer, kernels: Sequence[Kernel]) -> Iterator[tuple[bool, list[Atom]]]:
    """Yield of all places that are touched whether they follow the loops evenly, and which loops move by one."""
    for kernel in kernels:
        places = [e.indices for e in kernel.loads if e.detail is buffer]
        places += [store.indices for store in kernel.stores if store.buffer is buffer]
        for place in (flat_place(buffer, indices) for indices in places):
            yield place.is_affine, [atom for atom, factor in place.terms if factor == 1]
