"""Kernels that hand large arrays to each other run strip by strip: sequence by sequence, image by image.

The scores of attention grow with the square of a sequence's length. Made for the whole batch, they travel to memory and
back between the product that makes them, the softmax, and the product that uses them. Made for one sequence, they stay
in the cache of the thread that works on it. Kernels are put together if each reads of what the others write only the
strip that it works on itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, Nest, Strips, by_buffer
from koubai.compiler.language.places import flat_index
from koubai.compiler.llvm.loops import lanes_for
from koubai.compiler.llvm.winograd import is_winograd
from koubai.compiler.llvm.winograd_weights import is_winograd_weights
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.dependence import Dependences
from koubai.compiler.schedule.parts import in_parts
from koubai.compiler.schedule.shape_loops import merits_of
from koubai.compiler.schedule.strip_bodies import Slice, on_slices, stripped

LARGE = 1 << 16  # bytes of an array that is worth keeping near
SHARE = 0.75  # of a thread's own cache that a strip should need
COMMON = 0.25  # of it that all strips may read anew, such as weights, if a strip needs more
TURNS = 4  # strips that each thread should have at least, or else a number that all have the same of
ROWS = 16  # of a product that a strip should leave
ELEMENTS = 128  # of a loop nest that a strip should leave
TERMS = 128  # of a sum that a strip should leave
PARTS = 16  # times the size of all parts of a product, that its factors must have to be summed in parts

Places = list[tuple[Index, ...]]
Common = tuple[Axis, ...]  # one loop of each kernel of a group, which run through the same strips


@dataclass(frozen=True)
class _Cut:
    """A way to cut a group into strips.

    Attributes:
        loops: those over the strips.
        shared: bytes that all strips touch.
        fits: whether all that a strip touches stays in a thread's cache.
    """

    loops: list[Common]
    shared: float
    fits: bool

    @property
    def turns(self) -> int:
        """How many strips there are."""
        return math.prod(common[0].size for common in self.loops)


def in_strips(kernels: list[Kernel], kept: set[Buffer], target: Target, threads: int) -> list[Kernel]:
    """Put kernels together that can run strip by strip.

    Args:
        kernels: in an order in which they can run.
        kept: buffers that are needed after the last kernel.
        target: the processor, whose caches a strip has to fit in.
        threads: how many share the strips.
    """
    groups = [_Group.of(kernel, target, threads) for kernel in kernels]
    merging = _Merging(groups, kept, target.level2, threads)
    for buffer in merging.handed_on():
        merging.put_together(buffer)
    return [kernel for group in merging.in_order() for kernel in group.kernels(merging.own(group), threads)]


# --- groups


@dataclass(eq=False)
class _Group(Nest):
    """Kernels that may run strip by strip.

    Attributes:
        body: in an order in which they can run.
        common: the loops that they have in common; none if it is a kernel that has to stay alone.
        cut: how it is cut into strips; None if it is not.
    """

    body: list[Kernel]
    common: list[Common]
    cut: _Cut | None = None

    def __post_init__(self) -> None:
        self.name = self.body[0].name

    @classmethod
    def of(cls, kernel: Kernel, target: Target, threads: int) -> _Group:
        """Return a group of one kernel."""
        if not isinstance(kernel, Loops | Contraction):
            return cls([kernel], [])
        if isinstance(kernel, Contraction) and _is_special(kernel, target, threads):
            return cls([kernel], [])
        own = [_places_of(kernel, buffer) for buffer in kernel.writes & kernel.reads]
        free = [a for a in kernel.outer if a.size > 1 and all(_dimension(p, a) is not None for p in own)]
        if isinstance(kernel, Loops):  # its vectors run along what lies side by side: that stays together
            lanes = lanes_for(kernel, target.lanes_bytes)
            merits = merits_of(kernel, free, lanes)
            free = [a for a in free if merits[a] <= 0]
        if any(b.becomes for b in kernel.writes):
            free = []
        return cls([kernel], [(axis,) for axis in (*free, *_summed(kernel))])

    def kernels(self, own: set[Buffer], threads: int) -> Iterator[Kernel]:
        """Yield the group as one kernel, and sums of parts; what is its `own` lies where only one thread writes."""
        if len(self.body) == 1 or self.cut is None:
            yield self.body[0]
            return
        loops = tuple(Axis(common[0].size) for common in self.cut.loops)
        thread, body, sums = Axis(threads), list[Kernel](), list[Kernel]()
        for number, kernel in enumerate(self.body):
            kernel, axes, totals = _apart(kernel, [common[number] for common in self.cut.loops])
            body.append(stripped(kernel, axes, loops))
            sums += totals
        slices = {buffer: Slice(buffer, _dimensions(body, buffer, loops), thread) for buffer in own}
        yield Strips(self.name, loops, thread, [on_slices(k, slices) for k in body])
        yield from sums


def _apart(kernel: Kernel, strips: list[Axis]) -> tuple[Kernel, list[Axis], list[Kernel]]:
    """Return what leaves a part for each strip instead of summing over them, its strips, and the sum of the parts."""
    for number, axis in enumerate(strips):
        if isinstance(kernel, Contraction) and axis in kernel.depth:
            product, total = in_parts(kernel, axis, axis.size)
            return product, [*strips[:number], product.outer[0], *strips[number + 1 :]], [total]
    return kernel, strips, []


def _is_special(kernel: Contraction, target: Target, threads: int) -> bool:
    """Whether a product is a convolution that transforms its weights first, which would be done for every strip."""
    return any(is_winograd(kernel, target, n) or is_winograd_weights(kernel, target, n) for n in {1, threads})


def _summed(kernel: Kernel) -> list[Axis]:
    """Return the loops of a product's depth whose parts are so small that they may be kept apart and added up."""
    if not isinstance(kernel, Contraction):
        return []
    result = math.prod(a.size for a in kernel.outer) * kernel.result.dtype.itemsize
    factors = kernel.left.detail.bytes + kernel.right.detail.bytes
    terms = math.prod(a.size for a in kernel.depth)
    depth = () if kernel.window else kernel.depth  # what is pooled is no sum of parts
    return [a for a in depth if a.size * result * PARTS <= factors and terms >= TERMS * a.size]


# --- putting groups together


class _Merging:
    """Groups while they are put together.

    Attributes:
        group_of: each kernel's group.
        readers, writers: the kernels that read and write each buffer.
    """

    def __init__(self, groups: list[_Group], kept: set[Buffer], cache: int, threads: int) -> None:
        self.kept, self.cache, self.threads = kept, cache, threads
        self.graph = Dependences(list(groups))
        self.group_of = {group.body[0]: group for group in groups}
        self.readers = by_buffer((kernel, kernel.reads) for kernel in self.group_of)
        self.writers = by_buffer((kernel, kernel.writes) for kernel in self.group_of)

    def in_order(self) -> list[_Group]:
        """Return the groups in an order in which they can run."""
        return [group for group in self.graph.in_order() if isinstance(group, _Group)]

    def handed_on(self) -> list[Buffer]:
        """Return large arrays that kernels hand to each other, the largest first."""
        large = (b for b, makers in self.writers.items() if len(makers) == 1 and b.bytes >= LARGE)
        return sorted(filter(self._is_free, large), key=lambda b: -b.bytes)

    def own(self, group: _Group) -> set[Buffer]:
        """Return the buffers that only kernels of a group touch."""
        return {b for b in filter(self._is_free, group.writes) if self._is_within(group, b)}

    def _is_free(self, buffer: Buffer) -> bool:
        return buffer.home is Home.SCRATCH and buffer.becomes is None and buffer not in self.kept

    def _is_within(self, group: _Group, buffer: Buffer) -> bool:
        touching = (*self.readers.get(buffer, ()), *self.writers[buffer])
        return buffer.border is None and all(self.group_of[kernel] is group for kernel in touching)

    def put_together(self, buffer: Buffer) -> None:
        """Put the kernels that write and read a buffer into one group, as far as that is possible."""
        (writer,) = self.writers[buffer]
        for reader in self.readers.get(buffer, ()):
            earlier, later = self.group_of[writer], self.group_of[reader]
            if earlier is not later:
                self._merge(earlier, later)

    def _merge(self, earlier: _Group, later: _Group) -> None:
        if not (earlier.common and later.common and self.graph.can_merge(earlier, later)):
            return
        merged = self._together(earlier, later)
        if merged is not None:
            self.graph.merge(earlier, later, merged)
            self.group_of.update((kernel, merged) for kernel in merged.body)

    def _together(self, earlier: _Group, later: _Group) -> _Group | None:
        """Return two groups as one; None if they do not go through the same strips, or through larger ones together."""
        if (
            self.graph.depends(earlier, later)
            or earlier.writes & later.writes
            or later.writes & earlier.reads
        ):
            return None
        common = [
            (*a, *b)
            for a in earlier.common
            for b in later.common
            if a[0].size == b[0].size and _agree(earlier, a, later, b)
        ]
        merged = _Group([*earlier.body, *later.body], common)
        cut = merged.cut = self._cut(merged)
        if cut is None:
            return None
        finest = max(group.cut.turns if group.cut else 1 for group in (earlier, later))
        return merged if cut.fits or cut.turns >= finest else None

    def _cut(self, group: _Group) -> _Cut | None:
        """Cut along the fewest loops whose strips fit the cache, or else all; not if strips would read much anew."""
        best: _Cut | None = None
        loops: list[Common] = []
        for common in sorted(group.common, key=lambda c: -_step(group.body[0], c[0])):
            loops = [*loops, common]
            if not all(_leaves_enough(k, [c[n] for c in loops]) for n, k in enumerate(group.body)):
                break
            if self._is_even(loops):
                own, shared = _bytes(group, loops)
                best = _Cut(loops, shared, own + shared <= SHARE * self.cache)
                if best.fits:
                    return best
        return best if best is not None and best.shared <= COMMON * self.cache else None

    def _is_even(self, loops: list[Common]) -> bool:
        """Whether all threads have about the same to do."""
        turns = math.prod(common[0].size for common in loops)
        return turns % self.threads == 0 or turns >= TURNS * self.threads


def _agree(earlier: _Group, one: Common, later: _Group, other: Common) -> bool:
    """Whether all that two groups hand to each other is written and read in the same turn of two loops."""
    for buffer in earlier.writes & later.reads:
        dims = {
            _dimension(_places_of(kernel, buffer), axis)
            for group, common in ((earlier, one), (later, other))
            for kernel, axis in zip(group.body, common)
            if buffer in kernel.writes | kernel.reads
        }
        if len(dims) != 1 or None in dims:
            return False
    return True


def _places_of(kernel: Kernel, buffer: Buffer) -> Places:
    """Return the indices at which a kernel touches a buffer."""
    places = [e.indices for e in kernel.loads if e.detail is buffer]
    return places + [store.indices for store in kernel.stores if store.buffer is buffer]


def _dimension(places: Places, axis: Axis) -> int | None:
    """Return the dimension whose index is a loop wherever a buffer is touched; None if there is none."""
    ranks = range(len(places[0]))
    return next((dim for dim in ranks if all(p[dim] == Index.of(axis) for p in places)), None)


def _dimensions(body: Iterable[Kernel], buffer: Buffer, strips: Iterable[Axis]) -> set[int]:
    """Return the dimensions of a buffer that are strips."""
    places = [place for kernel in body for place in _places_of(kernel, buffer)]
    return {dim for strip in strips if (dim := _dimension(places, strip)) is not None}


def _step(kernel: Kernel, axis: Axis) -> int:
    """Return how far a loop steps through what a kernel writes."""
    for store in kernel.stores:
        for dim, index in enumerate(store.indices):
            if index == Index.of(axis):
                return store.buffer.strides[dim]
    return 0


def _leaves_enough(kernel: Kernel, strips: list[Axis]) -> bool:
    """Whether the rest of a kernel is still worth a call."""
    if isinstance(kernel, Contraction):
        right = flat_index(kernel.right)
        rows = [a for a in kernel.outer if a is not kernel.column and not right.factor(a)]
        left = math.prod(a.size for a in rows if a not in strips)
        parts = sum(a in strips for a in kernel.depth)
        return (
            kernel.column not in strips and parts <= 1 and left >= min(ROWS, math.prod(a.size for a in rows))
        )
    assert isinstance(kernel, Loops)
    longest = max((math.prod(a.size for a in stage.inner) for stage in kernel.stages), default=1)
    return longest * math.prod(a.size for a in kernel.outer if a not in strips) >= ELEMENTS


def _bytes(group: _Group, loops: Sequence[Common]) -> tuple[float, float]:
    """Return how many bytes a strip touches of its own, and how many that all strips touch."""
    parts: dict[Buffer, float] = {}
    for number, kernel in enumerate(group.body):
        axes = {common[number] for common in loops}
        for buffer in kernel.reads | kernel.writes:
            seen = {a for place in _places_of(kernel, buffer) for index in place for a in index.axes}
            part = buffer.bytes / math.prod(a.size for a in axes & seen)
            parts[buffer] = max(parts.get(buffer, 0.0), part)
    shared = sum(part for buffer, part in parts.items() if part == buffer.bytes)
    return sum(parts.values()) - shared, shared
