"""Loops over time in which every thread keeps to rows of its own, so that no thread has to wait for another.

The batch of a recurrent network is divided among the threads. If all kernels of the loop divide it alike, and each
thread reads of what the loop writes only the rows that it writes itself, then the threads need not meet before the loop
is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Kernel


@dataclass(frozen=True)
class Part:
    """How the threads divide a kernel.

    Attributes:
        axis: the loop that they divide.
        starts: where in it each of them begins.
    """

    axis: Axis
    starts: tuple[int, ...]


@dataclass(frozen=True)
class Rows:
    """The rows of its buffers that each thread keeps to.

    Attributes:
        starts: the first row of each thread.
        dims: of each buffer the dimensions that are rows, wherever it is touched.
    """

    starts: tuple[int, ...]
    dims: tuple[frozenset[int], ...]


def rows_of(kernel: Kernel, part: Part, buffers: Sequence[Buffer]) -> Rows:
    """Return the rows that threads keep to in a kernel.

    Args:
        kernel: as it is written.
        part: how it is divided.
        buffers: what it touches.
    """
    places: dict[Buffer, list[tuple[Index, ...]]] = {buffer: [] for buffer in buffers}
    for e in kernel.loads:
        places[e.detail].append(e.indices)
    for store in kernel.stores:
        places[store.buffer].append(store.indices)
    row = Index.of(part.axis)
    dims = (
        frozenset(d for d in range(len(b.shape)) if all(at[d] == row for at in places[b])) for b in buffers
    )
    return Rows(part.starts, tuple(dims))


def keep_apart(kernels: Iterable[tuple[Kernel, Rows | None]], offsets: Mapping[Buffer, int]) -> bool:
    """Whether threads touch only rows of their own of all that kernels write, however often these run.

    Args:
        kernels: with the rows that threads keep to.
        offsets: where buffers lie.
    """
    touched: dict[Buffer, frozenset[int]] = {}
    written: set[Buffer] = set()
    starts = set()
    for kernel, rows in kernels:
        if rows is None:
            return False
        starts.add(rows.starts)
        written |= kernel.writes
        for buffer, dims in zip(kernel.buffers, rows.dims):
            touched[buffer] = touched.get(buffer, dims) & dims
    placed = [buffer for buffer in touched if buffer in offsets]
    return len(starts) == 1 and all(
        _alike(a, b, offsets) and touched[a] & touched[b]
        for a in written
        for b in placed
        if _meet(a, b, offsets)
    )


def _meet(a: Buffer, b: Buffer, offsets: Mapping[Buffer, int]) -> bool:
    """Whether two buffers have memory in common."""
    first, second = offsets[a], offsets[b]
    return first < second + b.bytes and second < first + a.bytes


def _alike(a: Buffer, b: Buffer, offsets: Mapping[Buffer, int]) -> bool:
    """Whether the same indices are the same place in two buffers."""
    return offsets[a] == offsets[b] and (a.shape, a.strides) == (b.shape, b.strides)
