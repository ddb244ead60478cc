"""Kernels that follow each other become one, so that what one has computed is still in registers for the next.

Elementwise work behind a product becomes its epilogue. Loops merge with loops where every dependence between them stays
within one turn of the outer loops. Never merged are kernels between which a third one has to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from koubai import dtypes
from koubai.compiler.graph.layout import LANES
from koubai.compiler.language.affine import affine
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, register, walk
from koubai.compiler.language.index import Axis, Index, flatten, splits
from koubai.compiler.language.kernel import (
    Contraction,
    Kernel,
    Loops,
    Reduction,
    Stage,
    Store,
    loads,
    positions,
)
from koubai.compiler.language.places import flat_index, stored_at
from koubai.compiler.llvm.transposes import is_transpose
from koubai.compiler.schedule.dependence import Dependences
from koubai.compiler.schedule.shape_loops import by_cases, cut

SMALL = 1 << 12  # elements that one thread may as well do alone
FEWEST = 16  # outer turns of a kernel that threads can share
NARROW = 16  # bytes of the smallest vectors
MANY = 8  # kernels that read what another one makes
LARGEST = 400  # expressions in a kernel: beyond, registers run out and compiling takes long


def fuse(kernels: list[Kernel], kept: set[Buffer]) -> list[Kernel]:
    """Return fewer kernels that do the same.

    Args:
        kernels: in an order in which they can run.
        kept: the buffers that are needed after the last kernel.
    """
    graph = Dependences(kernels)
    for kernel in kernels:
        if isinstance(kernel, Loops) and kernel in graph.number and _size(kernel) <= LARGEST:
            _merge_into_an_earlier_one(graph, kernel)
    fused = graph.in_order()
    return without_dead_stores(fused, kept)


def _merge_into_an_earlier_one(graph: Dependences, later: Loops) -> None:
    """Merge a kernel into the latest of those it depends on that it fits, or else into one that reads the same."""
    for earlier in graph.sources(later):
        merged: Contraction | Loops | None = None
        if graph.can_merge(earlier, later):
            if isinstance(earlier, Contraction):
                merged = as_epilogue(earlier, later)
            elif isinstance(earlier, Loops) and not (later.outer and _is_for_all(graph, earlier)):
                merged = merge_loops(earlier, later)
        if merged is not None:
            graph.merge(earlier, later, merged)
            return
    for sibling in graph.siblings(later):
        if isinstance(sibling, Loops) and graph.are_apart(sibling, later) and graph.can_merge(sibling, later):
            merged = merge_siblings(sibling, later)
            if merged is not None:
                graph.merge(sibling, later, merged)
                return


def _is_for_all(graph: Dependences, kernel: Loops) -> bool:
    """Whether a kernel makes single numbers that many others read, such as a factor for all gradients.

    They wait for it in any case, and merged with it they would become the work of one thread.
    """
    return not kernel.outer and graph.waiting(kernel) >= MANY


# --- how the indices of two kernels relate


def inverted(index: Index, value: Index) -> dict[Axis, Index] | None:
    """Solve `index` = `value` for the axes of `index`, which must be digits of one number; None if they are not."""
    if index.constant or not index.is_affine:
        return None
    digits = sorted(index.terms, key=lambda term: term[1])
    found: dict[Axis, Index] = {}
    step = 1
    for number, (axis, factor) in enumerate(digits):
        assert isinstance(axis, Axis)
        if factor != step:
            return None
        quotient = value // step
        found[axis] = quotient if number == len(digits) - 1 else quotient % axis.size
        step *= axis.size
    if value.bounds[0] < 0 or value.bounds[1] >= step:
        return None
    return found


def aligned(store: Store, reference: Expression, fixed: set[Axis]) -> dict[Axis, Index] | None:
    """Return the reader's axes in terms of the writer's, so that it reads what was written in the same turn.

    Args:
        store: of the writer.
        reference: the reader's load of the same buffer.
        fixed: the writer's outer loops; what depends on others of its loops sets no condition.
    """
    found: dict[Axis, Index] = {}
    for written, read in zip(store.indices, reference.indices):
        if not written.axes <= fixed:
            continue
        if written.constant and not written.terms and not read.terms:
            if written != read:
                return None
            continue
        solved = inverted(read, written) if read.terms else ({} if read == written else None)
        if solved is None or any(found.get(axis, index) != index for axis, index in solved.items()):
            return _aligned_flat(store, reference, fixed)
        found.update(solved)
    return found


def _aligned_flat(store: Store, reference: Expression, fixed: set[Axis]) -> dict[Axis, Index] | None:
    """The same for a buffer that is read in another shape than it is written."""
    if not all(index.axes <= fixed for index in store.indices):
        return None
    shape = store.buffer.shape
    return inverted(flatten(reference.indices, shape), flatten(store.indices, shape))


def product(axes: Iterable[Axis]) -> int:
    """The number of turns of several loops."""
    total = 1
    for axis in axes:
        total *= axis.size
    return total


# --- epilogues


def as_epilogue(earlier: Contraction, later: Loops) -> Contraction | None:
    """Return the product with the elementwise kernel behind it; None if that is not possible."""
    if len(later.stages) != 1 or later.stages[0].inner or product(later.outer) != product(earlier.outer):
        return None
    written = {store.buffer: store for store in earlier.epilogue}
    used = [e for e in later.stages[0].loads if e.detail in written]
    fixed = set(earlier.outer)
    if not used or any(e.parts for e in used):
        return None
    mapping = aligned(written[used[0].detail], used[0], fixed)
    if mapping is None or {a for a in later.outer if a.size > 1} - set(mapping):
        return None
    stores = forwarded(later.stages[0].stores, mapping, written)
    if stores is None:
        return None
    references = [stored_at(s) for s in stores]
    if earlier.column in splits(references, earlier.outer) or _parts_lanes(earlier.column, stores):
        return None
    merged = affine(replace(earlier, epilogue=[*earlier.epilogue, *stores]))
    return merged if merged.column is earlier.column else None


def _parts_lanes(column: Axis, stores: Iterable[Store]) -> bool:
    """Whether neighbouring columns read something else than each other or neighbours: their lanes would part."""
    read = (flat_index(e) for e in loads(store.value for store in stores))
    return splits(read, (column,)).get(column, LANES) % LANES != 0


def forwarded(
    stores: list[Store], mapping: Mapping[Axis, Index], written: Mapping[Buffer, Store]
) -> list[Store] | None:
    """Return stores in another kernel's loops, with what that has stored read from its registers.

    None if some of it is read elsewhere than where it was stored.
    """
    moved = [
        Store(s.buffer, tuple(i.replace(mapping) for i in s.indices), s.value.replace(mapping))
        for s in stores
    ]
    change: dict[Expression, Expression] = {}
    for reference in loads([s.value for s in moved] + positions(moved)):
        if reference.detail in written:
            store = written[reference.detail]
            if reference.indices != store.indices or reference.parts:
                return None
            change[reference] = store.value
    return [Store(s.buffer, s.indices, s.value.substitute(change)) for s in moved]


# --- loops


def merge_loops(earlier: Loops, later: Loops) -> Loops | None:
    """Return both kernels as one, the later one's stages behind the earlier one's; None if that is not possible."""
    written = {store.buffer: store for store in earlier.stores}
    used = [e for stage in later.stages for e in stage.loads if e.detail in written]
    if not used:
        return None
    mapping = aligned(written[used[0].detail], used[0], set(earlier.outer))
    if mapping is not None and not set(mapping) <= set(later.outer):
        return summed_at_once(earlier, later, written[used[0].detail], used[0])
    if mapping is None:
        return None
    if product(mapping) != product(earlier.outer):
        return None
    rest = tuple(axis for axis in later.outer if axis not in mapping and axis.size > 1)
    if rest and not _only_maps(later):
        return None
    stages = [_moved(stage, mapping, rest) for stage in later.stages]
    if not _stays_within(earlier, stages) or (rest and _serialises(earlier, stages, rest)):
        return None
    merged = Loops(earlier.name, earlier.outer, compacted(stages, earlier.stages))
    return merged if _size(merged) <= LARGEST else None


def summed_at_once(earlier: Loops, later: Loops, store: Store, reference: Expression) -> Loops | None:
    """Return an elementwise kernel and the sums of its result as one, in the loops of the sums."""
    stage = later.stages[0]
    alone = len(earlier.stages) == 1 and not earlier.stages[0].inner
    if not alone or not stage.inner or product(later.outer) < FEWEST:
        return None
    if product(later.outer) * product(stage.inner) != product(earlier.outer):
        return None
    values: dict[Axis, Index] = {}
    for written, read in zip(store.indices, reference.indices):
        own = written - written.constant
        if own.terms:
            axis, factor = own.terms[0]
            if len(own.terms) > 1 or factor != 1 or not isinstance(axis, Axis):
                return None
            values[axis] = read - written.constant
            if inverted(values[axis], own) is None:
                return None
        elif written != read:
            return None
    if {axis for axis in earlier.outer if axis.size > 1} != set(values):
        return None
    first = _moved(earlier.stages[0], values, ())
    first.inner = stage.inner
    stages = compacted([first, *later.stages])
    merged = Loops(earlier.name, later.outer, stages)
    return merged if len(stages) < 1 + len(later.stages) and _size(merged) <= LARGEST else None


def merge_siblings(one: Loops, other: Loops) -> Loops | None:
    """Return two kernels with the same loops as one; None if these differ, or if one turns an array in registers.

    Loops are the same too if those of one kernel, taken case by case, are.
    """
    if is_transpose(one, NARROW) or is_transpose(other, NARROW):
        return None
    one, other = _in_cases_as(other, one), _in_cases_as(one, other)
    if [a.size for a in one.outer] != [a.size for a in other.outer]:
        return None
    if [[a.size for a in s.inner] for s in one.stages] != [[a.size for a in s.inner] for s in other.stages]:
        return None
    mapping = {b: Index.of(a) for a, b in zip(one.outer, other.outer)}
    stages = [_moved(stage, mapping, ()) for stage in other.stages]
    both = [
        Stage(a.inner, [*a.reductions, *b.reductions], [*a.stores, *b.stores])
        for a, b in zip(one.stages, (_renamed(b, a.inner) for a, b in zip(one.stages, stages)))
    ]
    merged = _without_twins(Loops(one.name, one.outer, both))
    return merged if _size(merged) <= LARGEST else None


def _in_cases_as(model: Loops, kernel: Loops) -> Loops:
    """Return an elementwise kernel case by case if it has several times as many turns as another one."""
    cases, rest = divmod(product(kernel.outer), max(1, product(model.outer)))
    alone = len(kernel.stages) == 1 and not kernel.stages[0].inner
    if cases < 2 or rest or not alone or not any(e.kind == "inside" for e in walk(kernel.values)):
        return kernel
    one = by_cases(cut(kernel))
    return Loops(kernel.name, one.outer, [Stage(stores=one.stores)])


def _without_twins(kernel: Loops) -> Loops:
    """Compute what two reductions of a stage both compute only once."""
    change: dict[Expression, Expression] = {}
    stages = []
    for stage in kernel.stages:
        kept: dict[tuple[str, Expression], Reduction] = {}
        for r in stage.reductions:
            value = r.value.substitute(change)
            first = kept.setdefault((r.kind, value), replace(r, value=value))
            if first.name != r.name:
                change[register(r.name, r.dtype)] = register(first.name, r.dtype)
        stores = [replace(s, value=s.value.substitute(change)) for s in stage.stores]
        stages.append(Stage(stage.inner, list(kept.values()), stores))
    return Loops(kernel.name, kernel.outer, stages)


def _size(kernel: Loops) -> int:
    return sum(1 for _ in walk(kernel.values))


def _only_maps(kernel: Loops) -> bool:
    return all(not stage.reductions for stage in kernel.stages)


def _serialises(earlier: Loops, stages: list[Stage], rest: tuple[Axis, ...]) -> bool:
    """Whether the merged kernel would have much to do in few turns, or would run across memory instead of along."""
    if product(earlier.outer) * product(rest) <= SMALL:
        return False
    places = [stored_at(s) for stage in stages for s in stage.stores]
    across = any(place.factor(axis) == 1 for place in places for axis in earlier.outer if axis.size > 1)
    return across or product(earlier.outer) < FEWEST


def _moved(stage: Stage, mapping: Mapping[Axis, Index], rest: tuple[Axis, ...]) -> Stage:
    """Return a stage in terms of other outer loops, with some of its own outer loops inside."""
    return Stage(
        (*rest, *stage.inner),
        [Reduction(r.name, r.kind, r.value.replace(mapping)) for r in stage.reductions],
        [
            Store(s.buffer, tuple(i.replace(mapping) for i in s.indices), s.value.replace(mapping))
            for s in stage.stores
        ],
    )


def _stays_within(earlier: Loops, stages: list[Stage]) -> bool:
    """Whether the later stages read of what the earlier kernel stores only what the same turn has stored."""
    written = {store.buffer: store for store in earlier.stores}
    fixed = set(earlier.outer)
    for reference in (e for stage in stages for e in stage.loads):
        store = written.get(reference.detail)
        if store is None:
            continue
        if reference.parts:
            return False
        for a, b in zip(store.indices, reference.indices):
            if a.axes <= fixed and a != b:
                return False
        held = {axis for a in store.indices if a.axes <= fixed for axis in a.axes}
        if {axis for axis in fixed if axis.size > 1} - held:
            return False
    return True


def compacted(stages: list[Stage], before: Iterable[Stage] = ()) -> list[Stage]:
    """Put each stage together with an earlier one that has the same loops, where nothing between hinders it.

    Args:
        stages: in their order.
        before: stages that come before them, and stay apart from each other.
    """
    done = list(before)
    for stage in stages:
        stage = _from_registers(stage, done)
        for number in range(len(done) - 1, -1, -1):
            host = done[number]
            if [a.size for a in host.inner] == [a.size for a in stage.inner]:
                joined = _joined(host, _renamed(stage, host.inner))
                if joined is not None and not _needs_any(stage, done[number + 1 :]):
                    done[number] = joined
                    break
            if _needs_any(stage, [host]):
                done.append(stage)
                break
        else:
            done.append(stage)
    return done


def _renamed(stage: Stage, inner: tuple[Axis, ...]) -> Stage:
    if stage.inner == inner:
        return stage
    mapping = {b: Index.of(a) for a, b in zip(inner, stage.inner)}
    moved = _moved(stage, mapping, ())
    return Stage(inner, moved.reductions, moved.stores)


def _joined(host: Stage, stage: Stage) -> Stage | None:
    """Return two stages with the same loops as one; None if the second needs a result of the first's loops."""
    if stage.registers & {r.name for r in host.reductions}:
        return None
    written = {store.buffer: store for store in host.stores}
    stores = forwarded(stage.stores, {}, written)
    values = forwarded([Store(_NOWHERE, (), r.value) for r in stage.reductions], {}, written)
    if stores is None or values is None:
        return None
    reductions = [Reduction(r.name, r.kind, v.value) for r, v in zip(stage.reductions, values)]
    return Stage(host.inner, [*host.reductions, *reductions], [*host.stores, *stores])


_NOWHERE = Buffer("nowhere", (), dtypes.float32)


def _needs_any(stage: Stage, others: list[Stage]) -> bool:
    """Whether a stage needs what one of the others has computed or stored."""
    names = {r.name for other in others for r in other.reductions}
    buffers = {s.buffer for other in others for s in other.stores}
    return not names.isdisjoint(stage.registers) or any(e.detail in buffers for e in stage.loads)


def _from_registers(stage: Stage, earlier: list[Stage]) -> Stage:
    """Let a stage take what an earlier one stored once for each outer turn from its registers."""
    change: dict[Expression, Expression] = {}
    for other in earlier:
        if not other.inner:
            for store in other.stores:
                change[store.read_again] = store.value
    if not any(value in change or not change.keys().isdisjoint(value.below) for value in stage.values):
        return stage
    return Stage(
        stage.inner,
        [Reduction(r.name, r.kind, r.value.substitute(change)) for r in stage.reductions],
        [Store(s.buffer, s.indices, s.value.substitute(change)) for s in stage.stores],
    )


# --- what nobody reads


def without_dead_stores(kernels: list[Kernel], kept: set[Buffer]) -> list[Kernel]:
    """Drop stores to buffers that no kernel reads and nobody wants afterwards, and kernels without any left."""
    needed = set(kept)
    for _ in range(len(kernels)):
        read = needed.union(*(kernel.reads for kernel in kernels)) if kernels else needed
        fewer = [smaller for kernel in kernels if (smaller := _without(kernel, read)) is not None]
        if [id(k) for k in fewer] == [id(k) for k in kernels]:
            break
        kernels = fewer
    return kernels


def _without(kernel: Kernel, read: set[Buffer]) -> Kernel | None:
    if isinstance(kernel, Contraction):
        stores = [s for s in kernel.epilogue if s.buffer in read]
        if len(stores) == len(kernel.epilogue):
            return kernel
        return replace(kernel, epilogue=stores) if stores else None
    if not isinstance(kernel, Loops):
        return kernel if kernel.writes & read or not kernel.writes else None
    if all(s.buffer in read for s in kernel.stores):
        return kernel
    stages = [Stage(s.inner, s.reductions, [t for t in s.stores if t.buffer in read]) for s in kernel.stages]
    while True:
        used = set[str]().union(*(stage.registers for stage in stages))
        fewer = [
            Stage(s.inner, [r for r in s.reductions if r.name in used], s.stores)
            for s in stages
            if s.stores or any(r.name in used for r in s.reductions)
        ]
        if sum(len(s.reductions) for s in fewer) == sum(len(s.reductions) for s in stages):
            break
        stages = fewer
    return Loops(kernel.name, kernel.outer, fewer) if fewer else None
