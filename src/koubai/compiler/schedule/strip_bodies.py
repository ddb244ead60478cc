"""What kernels do for one strip, and arrays of which every thread has no more than one strip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, load
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, Stage, Store


def stripped(kernel: Kernel, axes: Sequence[Axis], strips: Sequence[Axis]) -> Kernel:
    """Return what a kernel does for one strip.

    Args:
        kernel: loops or a product.
        axes: those of its loops that run over the strips.
        strips: the loops around it that take their place.
    """
    values = {axis: Index.of(strip) for axis, strip in zip(axes, strips)}

    def moved(store: Store) -> Store:
        indices = tuple(index.replace(values) for index in store.indices)
        return Store(store.buffer, indices, store.value.replace(values))

    return rebuilt(kernel, set(axes), lambda e: e.replace(values), moved)


class Slice:
    """A buffer of which every thread has one strip.

    Args:
        buffer: what it is a strip of.
        dims: the dimensions that are strips.
        thread: the number of the thread.
    """

    def __init__(self, buffer: Buffer, dims: set[int], thread: Axis) -> None:
        self.thread = thread
        self.rest = [dim for dim in range(len(buffer.shape)) if dim not in dims]
        shape = (thread.size, *(buffer.shape[dim] for dim in self.rest))
        order = (0, *(1 + self.rest.index(dim) for dim in buffer.order if dim not in dims))
        self.buffer = Buffer(buffer.name, shape, buffer.dtype, order=order)

    def at(self, indices: Sequence[Index]) -> tuple[Index, ...]:
        """Return where an element of the buffer is."""
        return (Index.of(self.thread), *(indices[dim] for dim in self.rest))


def on_slices(kernel: Kernel, slices: Mapping[Buffer, Slice]) -> Kernel:
    """Return a kernel of one strip that works on slices of buffers."""

    def sliced(e: Expression) -> Expression:
        part = slices[e.detail]
        return load(part.buffer, part.at(e.indices), *e.parts)

    change = {e: sliced(e) for e in kernel.loads if e.detail in slices}

    def moved(store: Store) -> Store:
        part = slices.get(store.buffer)
        buffer, at = (part.buffer, part.at(store.indices)) if part else (store.buffer, store.indices)
        return Store(buffer, at, store.value.substitute(change))

    return rebuilt(kernel, set(), lambda e: e.substitute(change), moved)


def rebuilt(
    kernel: Kernel,
    gone: set[Axis],
    value: Callable[[Expression], Expression],
    store: Callable[[Store], Store],
) -> Kernel:
    """Return a kernel without some of its outer loops, with all that it computes and stores changed."""
    assert isinstance(kernel, Loops | Contraction)
    outer = tuple(axis for axis in kernel.outer if axis not in gone)
    if isinstance(kernel, Contraction):
        epilogue = list(map(store, kernel.epilogue))
        return replace(
            kernel, outer=outer, left=value(kernel.left), right=value(kernel.right), epilogue=epilogue
        )
    stages = [
        Stage(s.inner, [replace(r, value=value(r.value)) for r in s.reductions], list(map(store, s.stores)))
        for s in kernel.stages
    ]
    return Loops(kernel.name, outer, stages)
