"""Which elements kernels touch, found from their indices alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from koubai.arrays import Array
from koubai.compiler.checking.grid import Grid
from koubai.compiler.checking.interpret import Apart
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, walk
from koubai.compiler.language.index import Axis, Index, Position
from koubai.compiler.language.kernel import (
    Contraction,
    Kernel,
    Loops,
    Reduction,
    Scatter,
    Stage,
    Strips,
    axes_of,
    loads,
)


class RaceError(RuntimeError):
    """A schedule in which a thread may see what it must not see."""


def placed(
    buffer: Buffer,
    indices: Sequence[Index],
    axes: Sequence[Axis],
    shared: Sequence[Axis],
    fixed: dict[Axis, int],
    guards: Sequence[Expression] = (),
) -> tuple[Array, Array, Array]:
    """Return the places of all turns of some loops, the piece that each belongs to, and whether the guards hold."""
    grid = Grid(axes, len(axes), Apart({}), fixed, {}, {})
    owner: Array = np.zeros((), np.int64)
    for axis in shared:
        owner = owner * axis.size + grid.number(Index.of(axis))
    try:
        holds = grid.value(guards[0]) if guards else np.asarray(True)
        place = grid.place(buffer, indices, holds)
    except IndexError as error:
        raise RaceError(str(error)) from error
    place, owner, holds = np.broadcast_arrays(place, owner, holds)
    return place, owner, holds


def stages_of(kernel: Kernel) -> list[Stage]:
    """Return what a kernel of a strip does, with all its loops inside."""
    if isinstance(kernel, Contraction):
        factors = [Reduction("", "sum", factor) for factor in kernel.factors]
        return [Stage(tuple(axes_of(kernel)), factors), Stage(kernel.outer, [], kernel.epilogue)]
    assert isinstance(kernel, Loops)
    return [Stage((*kernel.outer, *s.inner), s.reductions, s.stores) for s in kernel.stages]


def has_first(kernel: Strips, buffer: Buffer) -> bool:
    """Whether the first index of a buffer is the number of the thread, wherever it is touched."""
    places = [e.indices for k in kernel.body for e in loads(k.roots) if e.detail is buffer]
    places += [store.indices for k in kernel.body for store in k.stores if store.buffer is buffer]
    return all(place[0] == Index.of(kernel.thread) for place in places)


def elements_of(kernel: Kernel, buffer: Buffer, fixed: dict[Axis, int]) -> Array | None:
    """Return the elements of a buffer that a kernel touches; None if that depends on data."""
    if not isinstance(kernel, Loops | Contraction):
        return None
    places = [(e.indices, e.parts) for e in kernel.loads if e.detail is buffer]
    places += [(store.indices, ()) for store in kernel.stores if store.buffer is buffer]
    if any(is_data(i) for indices, _ in places for i in indices):
        return None
    if any(rests_on_data(guard) for _, guards in places for guard in guards):
        return None
    return np.concatenate([where(buffer, indices, guards, fixed) for indices, guards in places])


def where(
    buffer: Buffer, indices: Sequence[Index], guards: Sequence[Expression], fixed: dict[Axis, int]
) -> Array:
    """Return the elements at some indices, those alone for which the guards hold."""
    inside = [*(index.axes for index in indices), *(guard.axes for guard in guards)]
    found = frozenset().union(*inside) - fixed.keys()
    axes = sorted(found, key=lambda axis: axis.number)
    grid = Grid(axes, len(axes), Apart({}), fixed, {}, {})
    holds = grid.value(guards[0]) if guards else np.True_
    place, holds = np.broadcast_arrays(grid.place(buffer, indices, holds), holds)
    return np.asarray(place[holds])


def lanes_apart(kernel: Scatter, fixed: dict[Axis, int]) -> None:
    """Threads share the loops of a scatter along which values are independent: these must be seen in the place."""
    own = set(kernel.lanes)
    alone = [index for index in kernel.indices if index.axes and index.axes <= own]
    grid = Grid(kernel.lanes, len(kernel.lanes), Apart({}), fixed, {}, {})
    rows = [np.broadcast_to(grid.number(index), grid.shape).reshape(-1) for index in alone]
    turns = int(np.prod(grid.shape)) if grid.shape else 1
    if turns > 1 and (not rows or len(np.unique(np.stack(rows), axis=1).T) < turns):
        raise RaceError(f"{kernel.name}: two threads may write the same element of {kernel.target}")


def without_data(e: Expression) -> tuple[list[Index], list[Axis], Sequence[Expression]]:
    """Return the indices of a load, with loops in place of those that depend on data; these loops; and its guards."""
    indices = [Index.of(Axis(n)) if is_data(i) else i for i, n in zip(e.indices, e.detail.shape)]
    anywhere = [axis for i, data in zip(indices, e.indices) if i is not data for axis in i.axes]
    return indices, anywhere, () if any(map(rests_on_data, e.parts)) else e.parts


def is_data(index: Index) -> bool:
    """Whether an index depends on what is in memory."""
    return any(
        isinstance(atom, Position) or (not isinstance(atom, Axis) and is_data(atom.of))
        for atom, _ in index.terms
    )


def rests_on_data(guard: Expression) -> bool:
    """Whether a condition depends on more than the values of loops."""
    return any(e.kind in ("load", "draw", "register") for e in walk([guard]))
