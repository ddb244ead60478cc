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
from koubai.compiler.language.kernel import Loops, Reduction, Stage, Store, axes_of, loads
from koubai.compiler.language.places import flat_index, flat_place, step_of

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
    outer = max(kernel.outer, key=lambda a: merit(kernel, a, lanes), default=None)
    reduces = any(stage.inner for stage in kernel.stages)
    inner = [_best_of(stage, lanes) for stage in kernel.stages]
    within = sum(_stage_merit(s, a, lanes) for s, a in zip(kernel.stages, inner) if a is not None)
    across = merit(kernel, outer, lanes) if outer is not None else -1.0
    if reduces and within >= across and within > 0:
        return Shaped(_ordered(kernel, None), None, inner)
    if outer is None or across <= 0:
        outer = None
    return Shaped(_ordered(kernel, outer), outer, [None] * len(kernel.stages))


# --- cutting and joining


def _places(kernel: Loops) -> list[Index]:
    """All places in memory that a kernel touches, and all other indices in it."""
    found = [flat_place(s.buffer, s.indices) for s in kernel.stores]
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
    """Make one loop of two that run through all memory as one would."""
    while (pair := _joinable(kernel)) is not None:
        a, b = pair
        new = Axis(a.size * b.size)
        values = {a: Index.of(new) // b.size, b: Index.of(new) % b.size}

        def loops(axes: tuple[Axis, ...], a: Axis = a, b: Axis = b, new: Axis = new) -> tuple[Axis, ...]:
            return tuple(new if axis is b else axis for axis in axes if axis is not a)

        kernel = substituted(kernel, values, loops)
    return _without_single(kernel)


def _without_single(kernel: Loops) -> Loops:
    return substituted(kernel, {}, lambda axes: tuple(a for a in axes if a.size != 1))


def _joinable(kernel: Loops) -> tuple[Axis, Axis] | None:
    """Return two loops, outer and inner, that could be one."""
    places = _places(kernel)
    groups = [kernel.outer, *(stage.inner for stage in kernel.stages)]
    for group in groups:
        for a in group:
            for b in group:
                if a is not b and a.size > 1 and b.size > 1 and all(_continues(i, a, b) for i in places):
                    return a, b
    return None


def _continues(index: Index, a: Axis, b: Axis) -> bool:
    """Whether an index runs on from the end of loop `b` to the next turn of loop `a`."""
    if index.factor(a) != index.factor(b) * b.size:
        return False
    rest = {axis for atom, _ in index.terms if not isinstance(atom, Axis) for axis in Index.of(atom).axes}
    return a not in rest and b not in rest


# --- choosing


def merit(kernel: Loops, axis: Axis, lanes: int) -> float:
    """How well the elements along a loop lie, in bytes: above 0 if vectors can go along it."""
    return sum(_stage_merit(stage, axis, lanes) for stage in kernel.stages)


def _best_of(stage: Stage, lanes: int) -> Axis | None:
    """Return the own loop of a stage that goes best along the lanes."""
    return max(stage.inner, key=lambda axis: _stage_merit(stage, axis, lanes), default=None)


def _stage_merit(stage: Stage, axis: Axis, lanes: int) -> float:
    """How well the elements along a loop lie: their bytes side by side, less those that do not."""
    total = 0.0
    for buffer, place, stores in _touched(stage):
        factor = place.factor(axis) if axis in place.axes else None
        weight = min(buffer.size, 1 << 20) * buffer.dtype.itemsize * (2 if stores else 1)
        if factor == 1 and _is_sum_in(place, axis):
            total += weight
        elif axis in place.axes:
            total -= weight
    used = axis.size / (-(-axis.size // lanes) * lanes)
    return total * used if total > 0 else total


def _is_sum_in(place: Index, axis: Axis) -> bool:
    return all(isinstance(atom, Axis) or axis not in Index.of(atom).axes for atom, _ in place.terms)


def _touched(stage: Stage):  # type: ignore[no-untyped-def]
    """Yield (buffer, place, whether it is written) of all memory accesses of a stage."""
    for store in stage.stores:
        yield store.buffer, flat_place(store.buffer, store.indices), True
    for e in loads(stage.values):
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
