"""How results lie in memory: like the largest array that they are made of, so that loops run along both.

A product writes its columns side by side. What follows it elementwise is laid out like it, and so on down the
graph: images that a convolution has made with the channels innermost stay that way until something else needs them
differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from koubai.compiler.language.affine import affine
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Axis, Index, affine_in
from koubai.compiler.language.kernel import (
    Contraction,
    Host,
    Kernel,
    Loops,
    Repeat,
    Scatter,
    Store,
    by_buffer,
    loads,
)
from koubai.compiler.language.places import flat_index, step_of, stored_at


def arrange(kernels: list[Kernel], fixed: set[Buffer]) -> list[Kernel]:
    """Choose the order of the dimensions of every buffer that is free, and adapt the products that read them.

    Args:
        kernels: in an order in which they run.
        fixed: buffers that stay as they are.
    """
    kept = fixed | set(rigid(kernels))
    done = set(kept)
    products = by_buffer((k, k.reads | k.writes) for k in every(kernels) if isinstance(k, Contraction))
    for kernel in every(kernels):
        for store in kernel.stores:
            buffer = store.buffer
            if buffer not in done and buffer.home is Home.SCRATCH and buffer.border is None:
                done.add(buffer)
                order = _order(kernel, store)
                if order is not None:
                    _try(buffer, order, products.get(buffer, []))
    return without_idle_copies([_adapted(kernel) for kernel in kernels], kept)


def every(kernels: Iterable[Kernel]) -> Iterator[Kernel]:
    """Yield all kernels, those of time loops instead of the loops."""
    for kernel in kernels:
        if isinstance(kernel, Repeat):
            yield from every(kernel.body)
        else:
            yield kernel


def rigid(kernels: Iterable[Kernel]) -> Iterator[Buffer]:
    """Yield the buffers that NumPy reads or writes, that a scatter changes, or that have a name of their own."""
    for kernel in every(kernels):
        if isinstance(kernel, Host):
            yield from (*kernel.inputs, *kernel.outputs)
        elif isinstance(kernel, Scatter):
            yield kernel.target


def _order(kernel: Kernel, store: Store) -> tuple[int, ...] | None:
    """Return the order of the dimensions of a store that suits the kernel best; None for no wish."""
    if len(store.indices) < 2:
        return None
    if isinstance(kernel, Contraction):
        steps = {axis: float(len(kernel.outer) - n) for n, axis in enumerate(kernel.outer)}
        steps[kernel.column] = 0.0
    elif isinstance(kernel, Loops):
        steps = _steps_of_largest(kernel)
    else:
        return None
    keys = [_key(index, steps) for index in store.indices]
    if any(key is None for key in keys):
        return None
    return tuple(sorted(range(len(keys)), key=lambda dim: (-keys[dim], dim)))  # type: ignore[operator]


def _key(index: Index, steps: dict[Axis, float]) -> float | None:
    """Return how far outside a dimension should be: as far as the innermost of its loops."""
    if not index.axes:
        return float("inf")
    known = [steps[axis] for axis in index.axes if axis in steps]
    return min(known) if known else None


def _steps_of_largest(kernel: Loops) -> dict[Axis, float]:
    """Return how far each loop steps through the largest array that the kernel reads."""
    best: dict[Axis, float] = {}
    size = -1
    for e in loads(kernel.values):
        if e.detail.size > size and len((place := flat_index(e)).axes) > 1:
            best, size = {axis: float(step_of(place, axis)) for axis in place.axes}, e.detail.size
    return best


def _try(buffer: Buffer, order: tuple[int, ...], products: Iterable[Contraction]) -> None:
    """Give a buffer an order, unless one of the products that touch it could not use it any more."""
    before = buffer.order
    if order == before:
        return
    loops = [_loops(affine(k)) for k in products]
    buffer.order = order
    if not all(_fits(k, count) for k, count in zip(products, loops)):
        buffer.order = before


def _loops(kernel: Contraction) -> int:
    return len(kernel.outer) + len(kernel.depth)


def _fits(kernel: Contraction, loops: int) -> bool:
    """Whether a product still has its right factor's columns side by side, and no more loops than it had."""
    adapted = affine(kernel)
    if adapted.column is not kernel.column or _loops(adapted) > loops:
        return False
    right, left = flat_index(adapted.right), flat_index(adapted.left)
    own = (*adapted.outer, *adapted.depth)
    plain = affine_in(left, own) and affine_in(right, own)
    return plain and (kernel.column.size == 1 or right.factor(kernel.column) == 1)


def _adapted(kernel: Kernel) -> Kernel:
    if isinstance(kernel, Contraction):
        return affine(kernel)
    if isinstance(kernel, Repeat):
        kernel.body[:] = [_adapted(inner) for inner in kernel.body]
    return kernel


# --- copies that have become idle


def without_idle_copies(kernels: list[Kernel], kept: set[Buffer]) -> list[Kernel]:
    """Let products read an array itself where its copy lies in the same order, and nobody else reads the copy."""
    readers = by_buffer((kernel, kernel.reads) for kernel in every(kernels))
    idle: dict[Buffer, Store] = {}
    for copy in [k for k in kernels if isinstance(k, Loops) and _is_idle(k)]:
        buffer = copy.stores[0].buffer
        free = buffer.home is Home.SCRATCH and buffer not in kept and buffer in readers
        if free and all(isinstance(k, Contraction) for k in readers[buffer]):
            idle[buffer] = copy.stores[0]
    return [_reading_sources(kernel, idle) for kernel in kernels if kernel.writes.isdisjoint(idle)]


def _is_idle(kernel: Loops) -> bool:
    """Whether a kernel only copies, element by element to the same place."""
    if len(kernel.stores) != 1 or len(kernel.stages) != 1 or kernel.stages[0].inner:
        return False
    store = kernel.stores[0]
    value = store.value
    if value.kind != "load" or value.parts or value.detail.size != store.buffer.size:
        return False
    plain = all(index == Index.of(axis) for index, axis in zip(store.indices, kernel.outer))
    return plain and flat_index(value) == stored_at(store)


def _reading_sources(kernel: Kernel, copies: Mapping[Buffer, Store]) -> Kernel:
    """Return a kernel that reads the sources of copies instead."""
    if isinstance(kernel, Repeat):
        kernel.body[:] = [_reading_sources(inner, copies) for inner in kernel.body]
        return kernel
    if not isinstance(kernel, Contraction) or kernel.reads.isdisjoint(copies):
        return kernel
    factors = [_from_source(factor, copies) for factor in (kernel.left, kernel.right)]
    return affine(replace(kernel, left=factors[0], right=factors[1]))


def _from_source(factor: Expression, copies: Mapping[Buffer, Store]) -> Expression:
    copy = copies.get(factor.detail)
    if copy is None:
        return factor
    loops = {index.terms[0][0]: at for index, at in zip(copy.indices, factor.indices) if index.terms}
    return copy.value.replace({axis: at for axis, at in loops.items() if isinstance(axis, Axis)})
