"""Arrays that a loop nest would read or write across their rows, one element a line, are transposed for it.

Gathering the lanes of a vector one by one takes longer than the nest's own work. A transposed copy is made in square
blocks, in registers, and then vectors are read and written whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import load
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Kernel, Loops, Stage, Store, by_buffer
from koubai.compiler.llvm.loops import lanes_for
from koubai.compiler.llvm.transposes import is_transpose
from koubai.compiler.schedule.shape_loops import shape
from koubai.compiler.schedule.strip_bodies import rebuilt

LARGE = 1 << 12  # elements of an array that is worth another kernel


def straightened(kernels: list[Kernel], kept: set[Buffer], lanes_bytes: int) -> list[Kernel]:
    """Put transposed copies before and behind the loop nests that need them.

    Args:
        kernels: in an order in which they can run.
        kept: buffers that must be written where they are.
        lanes_bytes: the width of a vector.
    """
    writers = by_buffer((kernel, kernel.writes) for kernel in kernels)
    kept = kept | {buffer for buffer, makers in writers.items() if len(makers) > 1}
    return [new for kernel in kernels for new in _straight(kernel, kept, lanes_bytes)]


def _straight(kernel: Kernel, kept: set[Buffer], lanes_bytes: int) -> Iterator[Kernel]:
    if not isinstance(kernel, Loops) or _all_lie_alike(kernel) or is_transpose(kernel, lanes_bytes):
        yield kernel
        return
    turned = dict(_turned(kernel, kept, lanes_bytes))
    yield from (_copy(buffer, turned[buffer]) for buffer in turned if buffer in kernel.reads)
    yield _on(kernel, turned) if turned else kernel
    yield from (_copy(turned[buffer], buffer) for buffer in turned if buffer in kernel.writes)


def _turned(kernel: Loops, kept: set[Buffer], lanes_bytes: int) -> Iterator[tuple[Buffer, Buffer]]:
    """Yield the arrays that lie across the vectors of a loop nest, each with one that lies along them."""
    along = shape(kernel, lanes_for(kernel, lanes_bytes)).along
    if along is None or along not in kernel.outer:
        return
    turns = math.prod(axis.size for axis in kernel.outer)
    for buffer in kernel.buffers:
        dim = _dimension(kernel, buffer, along)
        large = buffer.size >= LARGE and turns >= buffer.size // 2
        if dim is not None and dim != buffer.order[-1] and large and _is_free(kernel, buffer, kept):
            others = (d for d in buffer.order if d != dim)
            new = Buffer(f"{buffer.name}.t", buffer.shape, buffer.dtype, order=(*others, dim))
            if is_transpose(_copy(buffer, new), lanes_bytes):
                yield buffer, new


def _all_lie_alike(kernel: Loops) -> bool:
    """Whether one loop runs along the rows of all large arrays."""
    touched = [(e.detail, e.indices) for e in kernel.loads]
    touched += [(store.buffer, store.indices) for store in kernel.stores]
    along = [at[buffer.order[-1]].axes for buffer, at in touched if buffer.size >= LARGE]
    return not along or bool(frozenset.intersection(*along))


def _is_free(kernel: Loops, buffer: Buffer, kept: set[Buffer]) -> bool:
    """Whether a loop nest may as well read or write an array elsewhere."""
    if buffer.border is not None:
        return False
    if buffer not in kernel.writes:
        return True
    alone = buffer not in kernel.reads and buffer not in kept
    return alone and buffer.home is Home.SCRATCH and buffer.becomes is None


def _dimension(kernel: Loops, buffer: Buffer, along: Axis) -> int | None:
    """Return the dimension of a buffer whose index is a loop, and nothing else, wherever it is touched."""
    places = [e.indices for e in kernel.loads if e.detail is buffer]
    places += [store.indices for store in kernel.stores if store.buffer is buffer]
    dims = {tuple(d for d, index in enumerate(place) if along in index.axes) for place in places}
    if len(dims) != 1 or len(found := dims.pop()) != 1:
        return None
    (dim,) = found
    return dim if all(place[dim] == Index.of(along) for place in places) else None


def _copy(source: Buffer, target: Buffer) -> Loops:
    axes = tuple(map(Axis, target.shape))
    at = tuple(map(Index.of, axes))
    return Loops(target.name, axes, [Stage(stores=[Store(target, at, load(source, at))])])


def _on(kernel: Loops, turned: dict[Buffer, Buffer]) -> Kernel:
    """Return a loop nest on transposed arrays."""
    change = {e: load(turned[e.detail], e.indices, *e.parts) for e in kernel.loads if e.detail in turned}

    def moved(store: Store) -> Store:
        return Store(turned.get(store.buffer, store.buffer), store.indices, store.value.substitute(change))

    return rebuilt(kernel, set(), lambda e: e.substitute(change), moved)
