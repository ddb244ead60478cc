"""How a loop nest is run: which loop goes along the lanes of vectors, in which order the others stand, which are cut.

Loops are cut in two where an index divides them, joined where two run through memory as one, and ordered so that the
innermost one finds its elements side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from koubai.compiler.language.expression import register
from koubai.compiler.language.index import Axis, Index, splits
from koubai.compiler.language.kernel import Loops, Reduction, Stage, Store, axes_of
from koubai.compiler.language.places import flat_index, step_of, stored_at
from koubai.compiler.schedule.chains import Joined, chains

LONG_CASE = 16  # elements: a shorter case would not fill a vector
CASES = 8  # turns that are written out at most


@dataclass
class Shaped:
    """A loop nest that is ready to be written.

    Attributes:
        kernel: the loops; the outer ones in the order in which they are nested.
        along: the outer loop along the lanes, or None.
        inner_along: for each stage its own loop along the lanes, or None.
    """

    kernel: Loops
    along: Axis | None
    inner_along: list[Axis | None]


def shape(kernel: Loops, lanes: int) -> Shaped:
    """Decide how a kernel is run with vectors of `lanes` elements."""
    kernel = joined(by_cases(cut(kernel)))
    merits = merits_of(kernel, kernel.outer, lanes)
    outer = max(kernel.outer, key=merits.__getitem__, default=None)
    within, inner = 0.0, list[Axis | None]()
    for stage in kernel.stages:
        own = _merits(stage, stage.inner, lanes)
        inner.append(max(stage.inner, key=own.__getitem__, default=None))
        within += max(own.values(), default=0.0)
    across = merits[outer] if outer is not None else -1.0
    if within >= across and within > 0:
        return Shaped(_ordered(kernel, None), None, inner)
    if outer is None or across <= 0:
        outer = None
    return Shaped(_ordered(kernel, outer), outer, [None] * len(kernel.stages))


# --- cutting and joining


def _places(kernel: Loops) -> list[Index]:
    """All places in memory that a kernel touches, and all other indices in it."""
    found = [stored_at(s) for s in kernel.stores]
    for e in _indexed(kernel):
        if e.kind == "load":
            found.append(flat_index(e))
        else:
            found.extend(e.indices)
    return found


def _indexed(kernel: Loops) -> list:  # type: ignore[type-arg]
    from koubai.compiler.language.expression import Expression, walk

    roots = [*kernel.values, *(Expression("at", s.value.dtype, (), s.indices) for s in kernel.stores)]
    return [e for e in walk(roots) if e.indices and e.kind != "at"]


def cut(kernel: Loops) -> Loops:
    """Cut loops in two where that takes a division out of an index."""
    for _ in range(8):
        cuts = splits(_places(kernel), axes_of(kernel)) | _cases(kernel)
        if not cuts:
            break
        kernel = _replaced(kernel, {a: (Axis(a.size // by), Axis(by)) for a, by in cuts.items()})
    return kernel


def _cases(kernel: Loops) -> dict[Axis, int]:
    """Return loops in which a condition changes only at multiples of a length, with that length."""
    found: dict[Axis, int] = {}
    for e in _indexed(kernel):
        if e.kind == "inside" and e.detail[2] == 1 and len(e.indices[0].terms) == 1:
            (axis, factor), low = e.indices[0].terms[0], e.indices[0].constant
            if isinstance(axis, Axis) and factor == 1 and axis in kernel.outer:
                length = math.gcd(e.detail[0] - low, e.detail[1] - low, axis.size, found.get(axis, 0))
                found[axis] = length
    return {a: n for a, n in found.items() if n >= LONG_CASE and 1 < a.size // n <= CASES}


def by_cases(kernel: Loops) -> Loops:
    """Write a short loop out turn by turn, where conditions are decided in every turn."""
    for axis in kernel.outer:
        if 1 < axis.size <= CASES and _decides(kernel, axis):
            stages = []
            for turn in range(axis.size):
                one = substituted(kernel, {axis: Index((), turn)}, lambda axes: axes)
                stages += renamed(one, f".{turn}").stages
            outer = tuple(a for a in kernel.outer if a is not axis)
            return Loops(kernel.name, outer, stages)
    return kernel


def renamed(kernel: Loops, suffix: str) -> Loops:
    """Return a kernel whose registers have longer names."""
    change = {
        register(r.name, r.dtype): register(r.name + suffix, r.dtype)
        for stage in kernel.stages
        for r in stage.reductions
    }
    stages = [
        Stage(
            s.inner,
            [Reduction(r.name + suffix, r.kind, r.value.substitute(change)) for r in s.reductions],
            [Store(t.buffer, t.indices, t.value.substitute(change)) for t in s.stores],
        )
        for s in kernel.stages
    ]
    return Loops(kernel.name, kernel.outer, stages)


def _decides(kernel: Loops, axis: Axis) -> bool:
    """Whether some condition depends on a loop, and on nothing else that matters."""
    for e in _indexed(kernel):
        if e.kind == "inside" and axis in e.axes and e.indices[0].factor(axis) >= LONG_CASE:
            return True
    return False


def _replaced(kernel: Loops, pairs: dict[Axis, tuple[Axis, Axis]]) -> Loops:
    values = {axis: Index.of(a) * b.size + b for axis, (a, b) in pairs.items()}
    return substituted(kernel, values, lambda axes: tuple(n for a in axes for n in pairs.get(a, (a,))))


def substituted(kernel: Loops, values: dict[Axis, Index], loops) -> Loops:  # type: ignore[no-untyped-def]
    """Return a kernel with axes replaced, whose loops are `loops(old loops)`."""

    def stage(s: Stage) -> Stage:
        return Stage(
            loops(s.inner),
            [Reduction(r.name, r.kind, r.value.replace(values)) for r in s.reductions],
            [
                Store(t.buffer, tuple(i.replace(values) for i in t.indices), t.value.replace(values))
                for t in s.stores
            ],
        )

    return Loops(kernel.name, loops(kernel.outer), [stage(s) for s in kernel.stages])


def joined(kernel: Loops) -> Loops:
    """Make one loop of those that run through all memory as one would, and leave out those of one turn."""
    places = _places(kernel)
    groups = (kernel.outer, *(stage.inner for stage in kernel.stages))
    found = Joined(chain for loops in groups for chain in chains(loops, places))
    if not found.values and all(axis.size > 1 for axis in axes_of(kernel)):
        return kernel
    return substituted(kernel, found.values, lambda axes: tuple(a for a in found.loops(axes) if a.size != 1))


# --- choosing


def merits_of(kernel: Loops, axes: Iterable[Axis], lanes: int) -> dict[Axis, float]:
    """How well the elements along loops lie, in bytes: above 0 if vectors can go along one."""
    stages = [_merits(stage, axes, lanes) for stage in kernel.stages]
    return {axis: sum(merits[axis] for merits in stages) for axis in axes}


def _merits(stage: Stage, axes: Iterable[Axis], lanes: int) -> dict[Axis, float]:
    """How well the elements along loops lie: their bytes side by side, less those that do not."""
    totals = dict.fromkeys(axes, 0.0)
    for buffer, place, stores in _touched(stage) if totals else ():
        weight = min(buffer.size, 1 << 20) * buffer.dtype.itemsize * (2 if stores else 1)
        for axis in place.axes & totals.keys():
            beside = place.factor(axis) == 1 and axis not in place.divided
            totals[axis] += weight if beside else -weight
    used = {axis: axis.size / (-(-axis.size // lanes) * lanes) for axis in totals}
    return {axis: total * used[axis] if total > 0 else total for axis, total in totals.items()}


def _touched(stage: Stage):  # type: ignore[no-untyped-def]
    """Yield (buffer, place, whether it is written) of all memory accesses of a stage."""
    for store in stage.stores:
        yield store.buffer, stored_at(store), True
    for e in stage.loads:
        yield e.detail, flat_index(e), False


def _ordered(kernel: Loops, along: Axis | None) -> Loops:
    """Nest loops so that the largest accesses run through memory in order."""
    steps = _steps([a for s in kernel.stages for a in _touched(s)])
    outer = tuple(sorted(kernel.outer, key=lambda a: (a is along, -steps.get(a, 0))))
    stages = []
    for stage in kernel.stages:
        own = _steps(list(_touched(stage)))
        stages.append(
            Stage(tuple(sorted(stage.inner, key=lambda a: -own.get(a, 0))), stage.reductions, stage.stores)
        )
    return Loops(kernel.name, outer, stages)


def _steps(touched: Iterable) -> dict[Axis, float]:  # type: ignore[type-arg]
    """For each loop, how far it moves through memory, by the largest access that it moves in."""
    found: dict[Axis, tuple[int, float]] = {}
    for buffer, place, stores in touched:
        rank = buffer.size * (2 if stores else 1)
        for axis in place.axes:
            step = step_of(place, axis)
            if axis not in found or found[axis][0] < rank:
                found[axis] = (rank, step)
    return {axis: step for axis, (_, step) in found.items()}
