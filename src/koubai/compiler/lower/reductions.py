"""Reductions: elements combined along some dimensions, many of them in parts that threads can share."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from koubai import dtypes
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import Expression, apply, constant, load, register, whole
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Loops, Reduction, Stage, Store, loads
from koubai.compiler.language.places import flat_index, step_of
from koubai.compiler.lower.movement import Indices
from koubai.ops.graph import Node

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering

Rule = Callable[["Lowering", Node], None]

LARGE = 1 << 12  # elements combined into one, from which on that is done in parts that threads can share
PARTS = 64


def reduction(low: Lowering, node: Node) -> None:
    """Combine the elements along some dimensions; many of them in parts first."""
    x, dims = node.inputs[0], tuple(sorted(node.attributes["dims"]))
    kept = [dim for dim in range(x.ndim) if dim not in dims]
    axes = {dim: Axis(length) for dim, length in enumerate(x.shape)}
    indices = tuple(Index.of(axes[dim]) for dim in range(x.ndim))
    outer, inner = tuple(axes[d] for d in kept), tuple(axes[d] for d in dims)
    value = low.at(x, indices)
    out = node.outputs[0]

    def place(outer_indices: dict[int, Index]) -> Indices:
        full = tuple(outer_indices.get(dim, Index()) for dim in range(x.ndim))
        shown = full if node.attributes["keepdim"] else tuple(full[dim] for dim in kept)
        return low.stored_at(out, shown)[1]

    spots = place({d: Index.of(axes[d]) for d in kept})
    combination = Combination(node.op.name, value, outer, inner).in_parts(low)
    low.kernels.append(combination.kernel(low, low.buffers[out], spots))


@dataclass(frozen=True)
class Combination:
    """Values that are combined over loops.

    Attributes:
        kind: of the reduction.
        value: what is combined.
        outer: the loops over the results.
        inner: the loops over what is combined.
        beside: more loops over the results, short ones, which are done side by side in registers.
    """

    kind: str
    value: Expression
    outer: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    beside: tuple[Axis, ...] = ()

    def kernel(self, low: Lowering, buffer: Buffer, spots: Indices) -> Loops:
        """Return the kernel that combines all in one go, and stores each result in a buffer at `spots`."""
        reductions, stores = [], []
        for turns in itertools.product(*(range(axis.size) for axis in self.beside)):
            here = {axis: Index((), turn) for axis, turn in zip(self.beside, turns)}
            found = Reduction(low.fresh("sum"), self.kind, self.value.replace(here))
            total = register(found.name, self.value.dtype)
            if buffer.dtype != self.value.dtype:
                total = apply("cast", (total,), buffer.dtype, {"dtype": buffer.dtype})
            reductions.append(found)
            stores.append(Store(buffer, tuple(i.replace(here) for i in spots), total))
        return Loops(buffer.name, self.outer, [Stage(self.inner, reductions), Stage(stores=stores)])

    def in_parts(self, low: Lowering) -> Combination:
        """Add the kernel that combines many elements in parts, and return what is left to combine: the parts."""
        many = math.prod(axis.size for axis in self.inner) >= LARGE
        cut = _parts(self.inner, self.value) if many else None
        if cut is None:
            return self
        axis, parts = cut
        part, rest = Axis(parts), Axis(axis.size // parts)
        value = self.value.replace({axis: Index.of(part) * rest.size + rest})
        within = tuple(rest if a is axis else a for a in self.inner)
        results = (*self.outer, *self.beside)
        partial = low.new_buffer((parts, *(a.size for a in results)), value.dtype, "part")
        some = Combination(self.kind, value, (part, *self.outer), within, self.beside)
        low.kernels.append(some.kernel(low, partial, tuple(map(Index.of, (part, *results)))))
        part = Axis(parts)
        again = load(partial, tuple(map(Index.of, (part, *results))))
        return Combination(self.kind, again, results, (part,))


def _parts(inner: tuple[Axis, ...], value: Expression) -> tuple[Axis, int] | None:
    """Return the loop that is cut, and into how many parts: the one that takes the widest steps through memory."""
    sized = ((e.detail.size, e.detail.home is Home.STATE, e) for e in loads([value]))
    *_, largest = max(
        sized, key=lambda found: found[:2], default=(None,)
    )  # the order of state is known by now
    place = Index() if largest is None else flat_index(largest)
    for axis in sorted(inner, key=lambda axis: -step_of(place, axis)):
        sizes = [n for n in range(2, PARTS + 1) if axis.size % n == 0]
        if sizes and sizes[-1] >= 4:
            return axis, sizes[-1]
    return None


def position_of_extreme(low: Lowering, node: Node) -> None:
    """The first place of the extreme: find the extreme, then the smallest place that has it."""
    x, dim, out = node.inputs[0], node.attributes["dim"], node.outputs[0]
    axes = tuple(Axis(length) for length in x.shape)
    indices = tuple(map(Index.of, axes))
    value = low.at(x, indices)
    extreme = Reduction(low.fresh("best"), "amax" if node.op.name == "argmax" else "amin", value)
    best = register(extreme.name, value.dtype)
    hit = apply("eq", (value, best), dtypes.bool_)
    if dtypes.is_floating(value.dtype):
        lost = [apply("isnan", (e,), dtypes.bool_) for e in (value, best)]
        hit = apply("bitwise_or", (hit, apply("bitwise_and", lost, dtypes.bool_)), dtypes.bool_)
    spot = apply("where", (hit, whole(indices[dim]), constant(x.shape[dim], dtypes.int64)), dtypes.int64)
    first = Reduction(low.fresh("first"), "amin", spot)
    kept = list(indices)
    kept[dim : dim + 1] = [Index()] if node.attributes["keepdim"] else []
    buffer, spots = low.stored_at(out, tuple(kept))
    outer = tuple(axis for d, axis in enumerate(axes) if d != dim)
    stages = [
        Stage((axes[dim],), reductions=[extreme]),
        Stage((axes[dim],), reductions=[first]),
        Stage(stores=[Store(buffer, spots, register(first.name, dtypes.int64))]),
    ]
    low.kernels.append(Loops(buffer.name, outer, stages))
