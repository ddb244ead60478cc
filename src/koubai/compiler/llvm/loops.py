"""Loop nests as native functions.

The function of a kernel takes the addresses of its buffers and the range of units that it does: a unit is one turn of
the outermost loops, or one vector where the outermost loop goes along the lanes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from koubai import dtypes
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import Loops, Reduction, Stage
from koubai.compiler.llvm import maps
from koubai.compiler.llvm.elements import Elements
from koubai.compiler.llvm.own_rows import Part, part_of, range_of
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.schedule.shape_loops import Shaped, shape
from koubai.dtypes import DType

VECTORS = 4  # neighbouring vectors that are done together where that reads memory in longer runs
CHAINS = 4  # sums that an innermost loop keeps side by side; a power of two
SUMS = 16  # vectors of sums that registers hold
TERMS = 64  # that a sum takes up one by one: the further it outgrows them, the more of their bits it loses
FEW = 16  # terms that are not worth a sum of their own


def lanes_for(kernel: Loops, bytes_: int) -> int:
    """Return how many lanes the vectors of a kernel have: as many as fit of its widest floating type."""
    from koubai.compiler.language.expression import walk

    widths = [e.dtype.itemsize for e in walk(kernel.values) if e.dtype.kind == "f" and e.axes]
    return bytes_ // max([4, *widths])


class LoopsFunction:
    """Writes one kernel.

    Args:
        kernel: what to write.
        bytes_: the width of a vector.
        threads: how many threads will share it.
    """

    def __init__(self, kernel: Loops, bytes_: int, threads: int) -> None:
        self.lanes = lanes_for(kernel, bytes_)
        self.shaped: Shaped = shape(kernel, self.lanes)
        self.kernel = self.shaped.kernel
        self.vectors = self._beside(threads)
        self.width = self.lanes * self.vectors
        self.shared = _shared_loops(self.kernel.outer, self.shaped.along, threads)

    def _beside(self, threads: int) -> int:
        """How many neighbouring vectors are done together: several where inner loops run across memory."""
        along = self.shaped.along
        sums = max((len(s.reductions) for s in self.kernel.stages if s.inner), default=0)
        if along is None or not sums:
            return 1
        alone = len(self.kernel.outer) == 1
        most = along.size // (self.lanes * (threads if alone else 1))
        return max(1, min(VECTORS, most, SUMS // sums))

    @property
    def units(self) -> int:
        """How many pieces there are to share among threads."""
        return math.prod(self._turns(axis) for axis in self.shared)

    @property
    def leading(self) -> Axis | None:
        """The loop along which pieces lie in a row."""
        return self.shared[0] if self.shared else None

    def part(self, threads: int) -> Part | None:
        """Return how threads divide the loops that they share; None if what they do cannot be told from their turns."""
        steps = [self.width if axis is self.shaped.along else 1 for axis in self.shared]
        if len(self.shared) == 1:
            return range_of(self.shared[0], [self.units * t // threads * steps[0] for t in range(threads)])
        ragged = any(axis.size % step for axis, step in zip(self.shared, steps))
        return None if ragged else part_of(list(zip(self.shared, steps)), self.units, threads)

    def _turns(self, axis: Axis) -> int:
        return -(-axis.size // self.width) if axis is self.shaped.along else axis.size

    scratch = 0  # bytes of memory of its own that a thread needs

    def write(self, elements: Elements, first: Int, end: Int) -> None:
        """Write the units from `first` to `end`."""
        self.e, self.w = elements, elements.w
        self.written = {store.buffer for store in self.kernel.stores}
        self.beside: list[tuple[Int, Value | None]] = [(0, None)]
        self.w.loop(first, end, 1, self._unit)

    def _unit(self, unit: Int, _: list[Value]) -> list[Value]:
        before = self.e.remembered()
        rest = [axis for axis in self.kernel.outer if axis not in self.shared]
        self._decode(unit)
        if self.shaped.along in self.shared:
            self._ragged(self.shaped.along, self.e.axes[self.shaped.along], lambda: self._outer(rest))
        else:
            self._outer(rest)
        self.e.forget(before)
        return []

    def _decode(self, unit: Int) -> None:
        """Find the loops' values that a unit stands for."""
        for axis in reversed(self.shared):
            turns = self._turns(axis)
            value = unit if axis is self.shared[0] else self.w.mod(unit, turns)
            unit = self.w.div(unit, turns)
            self.e.axes[axis] = self.w.mul(value, self.width) if axis is self.shaped.along else value

    def _ragged(self, axis: Axis, start: Int, body: Callable[[], None]) -> None:
        """Write a body for full widths, and again for the last one if it is not full."""
        rest = axis.size % self.width
        full = axis.size - rest
        if not rest:
            self._with_lanes(axis, start, self.width, body)
        elif isinstance(start, int):
            self._with_lanes(axis, start, rest if start == full else self.width, body)
        else:
            is_full = self.w.let(f"icmp slt i64 {start}, {full}")
            if full:
                with self.w.when(is_full):
                    self._with_lanes(axis, start, self.width, body)
            last = self.w.let(f"xor i1 {is_full}, true")
            with self.w.when(last):
                self._with_lanes(axis, full, rest, body)

    def _with_lanes(self, axis: Axis, start: Int, count: int, body: Callable[[], None]) -> None:
        """Write a body for `count` elements along an axis, in as many vectors as that takes."""
        e, before, beside = self.e, self.e.remembered(), self.beside
        e.along, e.lanes, e.axes[axis] = axis, self.lanes, start
        self.beside = []
        for offset in range(0, count, self.lanes):
            valid = [offset + lane < count for lane in range(self.lanes)]
            mask = None if all(valid) else self.w.lanes_of(valid, dtypes.bool_)
            self.beside.append((self.w.add(start, offset), mask))
        body()
        e.along, e.lanes, e.mask = None, 1, None
        self.beside = beside
        e.forget(before)

    def _outer(self, axes: Sequence[Axis]) -> None:
        """Write the outer loops that are not shared, then the stages."""
        self.e.compute_early(self.kernel.values, self.written)
        if not axes:
            self._stages()
            return
        axis, *others = axes
        if axis is self.shaped.along:
            self._vectors(axis, lambda: self._outer(others))
            return

        def turn(i: Int, _: list[Value]) -> list[Value]:
            before = self.e.remembered()
            self.e.axes[axis] = i
            self._outer(others)
            self.e.forget(before)
            return []

        self.w.loop(0, axis.size, 1, turn)

    def _vectors(self, axis: Axis, body: Callable[[], None]) -> None:
        """Write a loop along the lanes: full widths, then the rest."""
        full = axis.size - axis.size % self.width

        def turn(i: Int, _: list[Value]) -> list[Value]:
            self._with_lanes(axis, i, self.width, body)
            return []

        self.w.loop(0, full, self.width, turn)
        if full < axis.size:
            self._with_lanes(axis, full, axis.size - full, body)

    def _stages(self) -> None:
        before = self.e.remembered()
        self.found: list[dict[str, Value]] = [{} for _ in self.beside]
        for stage, along in zip(self.kernel.stages, self.shaped.inner_along):
            if len(self.beside) == 1:
                self.e.registers.update(self.found[0])
            self.e.compute_early(stage.values, set())
            values = self._stage(stage, stage.inner, along, self._beginnings(stage, along))
            for number, value in enumerate(values):
                vector, place = divmod(number, len(stage.reductions))
                reduction = stage.reductions[place]
                if along is not None:
                    value = self.w.fold(value, partial(self._combine, reduction))
                self.found[vector][reduction.name] = value
        self.e.forget(before)

    def _beginnings(self, stage: Stage, along: Axis | None) -> list[Value]:
        lanes = self.lanes if along is not None else self.e.lanes
        one = [self.w.constant(identity(r.kind, r.dtype), r.dtype, lanes) for r in stage.reductions]
        return one * len(self.beside)

    def _stage(
        self, stage: Stage, axes: Sequence[Axis], along: Axis | None, carried: list[Value]
    ) -> list[Value]:
        """Write the loops of a stage and return what they reduce to."""
        if not axes:
            return self._body(stage, carried)
        axis, *others = axes

        def turn(i: Int, values: list[Value]) -> list[Value]:
            before = self.e.remembered()
            self.e.axes[axis] = i
            self.e.compute_early(stage.values, self.written)
            new = self._stage(stage, others, along, self._neutral(stage, values) if apart else values)
            self.e.forget(before)
            return self._together(stage, values, new) if apart else new

        terms = self._terms(others, along)
        apart = terms >= FEW and terms * axis.size > TERMS
        if axis is along:
            return self._along(stage, axis, turn, carried)
        chains = CHAINS // min(len(self.beside), CHAINS // 2)
        while chains > 1 and chains * len(carried) > SUMS:
            chains //= 2
        if others or not carried or axis.size < 2 * chains:
            return self._loop(stage, axis.size, 1, turn, carried)
        return self._in_chains(stage, axis, turn, carried, chains)

    def _in_chains(
        self,
        stage: Stage,
        axis: Axis,
        turn: Callable[[Int, list[Value]], list[Value]],
        carried: list[Value],
        chains: int,
    ) -> list[Value]:
        """Write an innermost loop that reduces, with several sums side by side: no turn waits for the one before."""
        count = len(carried)

        def turns(i: Int, values: list[Value]) -> list[Value]:
            new: list[Value] = []
            for chain in range(chains):
                new += turn(self.w.add(i, chain), values[chain * count : (chain + 1) * count])
            return new

        full = axis.size - axis.size % chains
        others = self._neutral(stage, carried) * (chains - 1)
        sums = self._loop(stage, full, chains, turns, [*carried, *others])
        groups = [sums[chain * count : (chain + 1) * count] for chain in range(chains)]
        while len(groups) > 1:
            groups = [self._together(stage, *pair) for pair in zip(groups[::2], groups[1::2])]
        return self.w.loop(full, axis.size, 1, turn, groups[0])

    def _loop(
        self,
        stage: Stage,
        end: int,
        step: int,
        turn: Callable[[Int, list[Value]], list[Value]],
        carried: list[Value],
    ) -> list[Value]:
        """Write a loop that reduces: a long one in pieces with sums of their own, of which there may be many again."""
        piece = TERMS * step
        if end < 2 * piece or not any(r.kind == "sum" and r.dtype.kind == "f" for r in stage.reductions):
            return self.w.loop(0, end, step, turn, carried)

        together = partial(self._together, stage)
        of_piece = self.w.piece(piece, end, step, turn, self._neutral(stage, carried), together)
        return self._loop(stage, end, piece, of_piece, carried)

    def _terms(self, axes: Sequence[Axis], along: Axis | None) -> int:
        """Return how many terms each lane of a sum takes up in some loops."""
        return math.prod(-(-axis.size // self.lanes) if axis is along else axis.size for axis in axes)

    def _neutral(self, stage: Stage, values: Sequence[Value]) -> list[Value]:
        """Return what changes none of some values that a stage reduces to."""
        kinds = itertools.cycle(stage.reductions)
        return [self.w.constant(identity(r.kind, r.dtype), r.dtype, v.lanes) for r, v in zip(kinds, values)]

    def _together(self, stage: Stage, some: list[Value], others: list[Value]) -> list[Value]:
        """Return what two parts of the loops of a stage reduce to together."""
        kinds = itertools.cycle(stage.reductions)
        return [self._combine(r, a, b) for r, a, b in zip(kinds, some, others)]

    def _along(
        self,
        stage: Stage,
        axis: Axis,
        turn: Callable[[Int, list[Value]], list[Value]],
        carried: list[Value],
    ) -> list[Value]:
        """Write a stage's loop along the lanes."""
        found: list[Value] = carried

        def vector(i: Int, values: list[Value]) -> list[Value]:
            nonlocal found
            self._with_lanes(axis, i, self.lanes, lambda: keep(turn(i, values)))
            return found

        def keep(values: list[Value]) -> None:
            nonlocal found
            found = values

        full = axis.size - axis.size % self.lanes
        after = self._loop(stage, full, self.lanes, vector, carried)
        if full < axis.size:
            self._with_lanes(axis, full, axis.size - full, lambda: keep(turn(full, after)))
            return found
        return after

    def _body(self, stage: Stage, carried: list[Value]) -> list[Value]:
        """Write what one turn computes, for every vector that is done together."""
        if len(self.beside) == 1:
            self.e.mask = self.beside[0][1]
            return self._vector(stage, carried)
        new: list[Value] = []
        count = len(stage.reductions)
        assert self.e.along is not None
        for number, (start, mask) in enumerate(self.beside):
            before = self.e.remembered()
            self.e.axes[self.e.along], self.e.mask = start, mask
            self.e.registers.update(self.found[number])
            new += self._vector(stage, carried[number * count : (number + 1) * count])
            self.e.forget(before)
        return new

    def _vector(self, stage: Stage, carried: list[Value]) -> list[Value]:
        new = []
        for reduction, total in zip(stage.reductions, carried):
            value = self.e.vector(reduction.value) if total.lanes > 1 else self.e.value(reduction.value)
            if self.e.mask is not None and total.lanes > 1:
                neutral = self.w.constant(identity(reduction.kind, total.dtype), total.dtype, total.lanes)
                value = self.w.select(self.e.mask, value, neutral)
            new.append(self._combine(reduction, total, value))
        self.e.store_all(stage.stores)
        return new

    def _combine(self, reduction: Reduction, a: Value, b: Value) -> Value:
        return maps.write_map(self.w, _COMBINE[reduction.kind], [a, b], {}, a.dtype)


_COMBINE = {
    "sum": "add",
    "amax": "maximum",
    "amin": "minimum",
    "prod": "mul",
    "any": "bitwise_or",
    "all": "bitwise_and",
}


def identity(kind: str, dtype: DType) -> object:
    """Return what a reduction of nothing gives."""
    if kind in ("sum", "any"):
        return 0
    if kind in ("prod", "all"):
        return 1
    low = kind == "amax"
    if dtype.kind == "f":
        return -np.inf if low else np.inf
    if dtype.kind == "b":
        return not low
    return np.iinfo(dtype).min if low else np.iinfo(dtype).max


def _shared_loops(outer: Sequence[Axis], along: Axis | None, threads: int) -> list[Axis]:
    """Return the outermost loops whose turns are shared among the threads: as few as give enough pieces."""
    shared: list[Axis] = []
    pieces = 1
    for axis in outer:
        if pieces >= 8 * threads or (axis is along and pieces >= threads and pieces % threads == 0):
            break
        shared.append(axis)
        pieces *= axis.size
    return shared
