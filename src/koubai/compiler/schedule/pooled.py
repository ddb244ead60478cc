"""Results of a product that are pooled as soon as they are there, and never stored.

A tile of the product has all results that are pooled together: those of a window of two by two, which is what most
poolings choose from, and what Winograd's method makes at once. So the product's epilogue is given all of them, and
writes what the pooling would have written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, Store, by_buffer, loads
from koubai.compiler.language.places import flat_index, stored_at
from koubai.compiler.llvm.bodies import body_of
from koubai.compiler.llvm.contraction_choice import cycles
from koubai.compiler.llvm.contraction_tiles import is_blocked
from koubai.compiler.llvm.products import ContractionFunction
from koubai.compiler.runtime.target import Target

POOLING = 2.5  # cycles for each vector of results, if they are stored and then pooled
MOST = 3  # dimensions of a window: more results than in two by two by two do not fit the registers


def pooled_at_once(kernels: list[Kernel], kept: set[Buffer], target: Target, threads: int) -> list[Kernel]:
    """Let products pool their results where nobody else needs these.

    Args:
        kernels: in an order in which they can run.
        kept: buffers that are needed after the last kernel.
        target: the processor.
        threads: how many run the step.
    """
    readers = by_buffer((kernel, kernel.reads) for kernel in kernels)
    writers = by_buffer((kernel, kernel.writes) for kernel in kernels)
    gone: set[Kernel] = set()
    instead: dict[Kernel, Kernel] = {}
    for kernel in kernels:
        if not isinstance(kernel, Contraction):
            continue
        result = kernel.epilogue[0].buffer
        free = result.home is Home.SCRATCH and result not in kept and result.border is None
        if free and len(kernel.epilogue) == 1 and result.becomes is None and writers[result] == [kernel]:
            pooling, *others = readers.get(result, [kernel])
            both = None if others else _together(kernel, pooling)
            if both is not None and _pays(kernel, both, target, threads):
                gone.add(kernel)
                instead[pooling] = both
    return [instead.get(kernel, kernel) for kernel in kernels if kernel not in gone]


def _pays(alone: Contraction, both: Contraction, target: Target, threads: int) -> bool:
    """Whether a product that pools its results is computed as it would be alone, and no slower than both are apart."""
    if alone.precision is not None:
        return False
    for count in {1, threads}:
        body, other = body_of(alone, target, count), body_of(both, target, count)
        if type(body) is not type(other):
            return False
        if isinstance(body, ContractionFunction) and isinstance(other, ContractionFunction):
            results = math.prod(axis.size for axis in alone.outer) / body.tiling.lanes
            before, after = (cycles(function.product, function.tiling) for function in (body, other))
            if is_blocked(body.product, body.tiling) or after > before + POOLING * results:
                return False
    return True


def _together(product: Contraction, pooling: Kernel) -> Contraction | None:
    """Return a product that pools its results; None if these are not pooled two by two, or lie across its columns."""
    if not isinstance(pooling, Loops) or len(pooling.stages) != 1 or pooling.stages[0].inner:
        return None
    store = product.epilogue[0]
    reads = [e for e in pooling.loads if e.detail is store.buffer]
    halved = _halved(store, reads[0])
    loops = _loops(store, reads[0], halved)
    if loops is None or any(e.parts or _loops(store, e, halved) != loops for e in reads):
        return None
    if not 1 <= len(halved) <= MOST or product.column in halved or not _covers(loops, pooling, halved):
        return None
    window = tuple(Axis(2) for _ in halved)
    places = {axis: Index.of(loop) for axis, loop in loops.items()}
    inside = {axis: places[axis] * 2 + turn for axis, turn in zip(halved, window)}
    single = [axis for axis in pooling.outer if axis not in loops.values()]
    pooled = replace(
        product,
        outer=(*single, *(loops.get(axis, axis) for axis in product.outer)),
        column=loops[product.column],
        left=product.left.replace({**places, **inside}),
        right=product.right.replace({**places, **inside}),
        window=window,
    )
    change = {}
    for e in reads:
        turns = [e.indices[_dimension(store, axis)].constant for axis in halved]
        here = {axis: places[axis] * 2 + turn for axis, turn in zip(halved, turns)}
        number = reduce(lambda before, turn: 2 * before + turn, turns)
        element = store.value.substitute({product.result: pooled.results[number]})
        change[e] = element.replace({**places, **here})
    stores = [Store(s.buffer, s.indices, s.value.substitute(change)) for s in pooling.stores]
    touched = [*map(stored_at, stores), *map(flat_index, loads(store.value for store in stores))]
    alike = all(
        place.factor(pooled.column) in (0, 1) and pooled.column not in place.divided for place in touched
    )
    return replace(pooled, epilogue=stores) if alike else None


def _halved(store: Store, e: Expression) -> tuple[Axis, ...]:
    """Return the loops of a store of which a load's loops run over every second turn, in the order of dimensions."""
    pairs = zip(store.indices, e.indices)
    return tuple(axis for i, read in pairs for axis in i.axes if read.terms and read.terms[0][1] == 2)


def _loops(store: Store, e: Expression, halved: Sequence[Axis]) -> dict[Axis, Axis] | None:
    """Return for each loop of a store the one of a load in which that runs; None if they run differently.

    Args:
        store: of a product's result.
        e: a load of what it stores.
        halved: the loops of which the load's one runs over every second turn.
    """
    found: dict[Axis, Axis] = {}
    for written, read in zip(store.indices, e.indices):
        axes = written.axes
        if not axes and written == read:
            continue
        if len(axes) != 1 or written != Index.of(axis := next(iter(axes))) or len(read.axes) != 1:
            return None
        loop, step = next(iter(read.axes)), 2 if axis in halved else 1
        if read != Index.of(loop) * step + read.constant or not 0 <= read.constant < step:
            return None
        if loop.size * step != axis.size:
            return None
        found[axis] = loop
    return found


def _covers(loops: dict[Axis, Axis], pooling: Loops, halved: Sequence[Axis]) -> bool:
    """Whether a pooling runs over all that a product stores, once."""
    longer = {axis for axis in pooling.outer if axis.size > 1}
    return (
        longer <= set(loops.values()) and len(set(loops.values())) == len(loops) and set(halved) <= set(loops)
    )


def _dimension(store: Store, axis: Axis) -> int:
    """Return the dimension of a store along which a loop runs."""
    return store.indices.index(Index.of(axis))
