"""Results of a convolution that are pooled as soon as they are there, and never stored.

Winograd's method makes two by two neighbours at once, which are what most poolings choose from. So the convolution's
epilogue is given all of them, and writes what the pooling would have written.
"""

from __future__ import annotations

from dataclasses import replace

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, Store, by_buffer
from koubai.compiler.llvm.winograd import is_winograd
from koubai.compiler.llvm.winograd_shape import convolution_of
from koubai.compiler.runtime.target import Target


def pooled_at_once(kernels: list[Kernel], kept: set[Buffer], target: Target, threads: int) -> list[Kernel]:
    """Let convolutions pool their results where nobody else needs these.

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
        if not isinstance(kernel, Contraction) or not is_winograd(kernel, target, threads):
            continue
        result = kernel.epilogue[0].buffer
        free = result.home is Home.SCRATCH and result not in kept and result.border is None
        if free and len(kernel.epilogue) == 1 and result.becomes is None and writers[result] == [kernel]:
            pooling, *others = readers.get(result, [kernel])
            both = None if others else _together(kernel, pooling)
            if both is not None and is_winograd(both, target, threads):
                gone.add(kernel)
                instead[pooling] = both
    return [instead.get(kernel, kernel) for kernel in kernels if kernel not in gone]


def _together(convolution: Contraction, pooling: Kernel) -> Contraction | None:
    """Return a convolution that pools its results; None if these are not pooled two by two."""
    shape = convolution_of(convolution)
    if not isinstance(pooling, Loops) or len(pooling.stages) != 1 or pooling.stages[0].inner or shape is None:
        return None
    store, tile = convolution.epilogue[0], (shape.grid.y, shape.grid.x)
    reads = [e for e in pooling.loads if e.detail is store.buffer]
    loops = _loops(store, reads[0], tile)
    if loops is None or any(e.parts or _loops(store, e, tile) != loops for e in reads):
        return None
    if not _covers(loops, pooling, tile):
        return None
    window = Axis(2), Axis(2)
    places = {axis: Index.of(loop) for axis, loop in loops.items()}
    inside = {axis: places[axis] * 2 + w for axis, w in zip(tile, window)}
    single = [axis for axis in pooling.outer if axis not in loops.values()]
    pooled = replace(
        convolution,
        outer=(*single, *(loops.get(axis, axis) for axis in convolution.outer)),
        column=loops[convolution.column],
        left=convolution.left.replace({**places, **inside}),
        right=convolution.right.replace({**places, **inside}),
        window=window,
    )
    change = {}
    for e in reads:
        first, second = (e.indices[_dimension(store, axis)].constant for axis in tile)
        here = {axis: places[axis] * 2 + at for axis, at in zip(tile, (first, second))}
        element = store.value.substitute({convolution.result: pooled.results[2 * first + second]})
        change[e] = element.replace({**places, **here})
    stores = [Store(s.buffer, s.indices, s.value.substitute(change)) for s in pooling.stores]
    return replace(pooled, epilogue=stores)


def _loops(store: Store, e: Expression, tile: tuple[Axis, Axis]) -> dict[Axis, Axis] | None:
    """Return for each loop of a store the one of a load in which that runs; None if they run differently.

    Args:
        store: of a convolution's result.
        e: a load of what it stores.
        tile: the loops of which the load's one runs over every second turn.
    """
    found: dict[Axis, Axis] = {}
    for written, read in zip(store.indices, e.indices):
        axes = written.axes
        if not axes and written == read:
            continue
        if len(axes) != 1 or written != Index.of(axis := next(iter(axes))) or len(read.axes) != 1:
            return None
        loop, step = next(iter(read.axes)), 2 if axis in tile else 1
        if read != Index.of(loop) * step + read.constant or not 0 <= read.constant < step:
            return None
        if loop.size * step != axis.size:
            return None
        found[axis] = loop
    return found


def _covers(loops: dict[Axis, Axis], pooling: Loops, tile: tuple[Axis, Axis]) -> bool:
    """Whether a pooling runs over all that a convolution stores, once."""
    longer = {axis for axis in pooling.outer if axis.size > 1}
    return (
        longer <= set(loops.values()) and len(set(loops.values())) == len(loops) and set(tile) <= set(loops)
    )


def _dimension(store: Store, axis: Axis) -> int:
    """Return the dimension of a store along which a loop runs."""
    return store.indices.index(Index.of(axis))
