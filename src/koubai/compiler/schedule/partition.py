"""Which part of a product each thread does: the part whose operands it has had in its hands before.

What another thread has written lies in that thread's cache, and fetching it takes longer than multiplying it. So the
choice goes through the step in order, and remembers for every buffer along which dimension it was last divided; twice
more, because the state that a step leaves is what the next one begins with.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.index import affine_in
from koubai.compiler.language.kernel import (
    Contraction,
    Host,
    Kernel,
    Loops,
    Repeat,
    Strips,
    axes_of,
)
from koubai.compiler.language.places import flat_index
from koubai.compiler.language.signature import signature
from koubai.compiler.llvm.bodies import Body, body_of, work_of
from koubai.compiler.llvm.driver import SMALL
from koubai.compiler.llvm.loops import LoopsFunction
from koubai.compiler.llvm.products import ContractionFunction
from koubai.compiler.llvm.winograd_weights import WinogradWeightsFunction, is_winograd_weights
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.abreast import divided
from koubai.compiler.schedule.parts import in_parts
from koubai.dtypes import float32

ROUNDS = 3
SPEED = 2e11  # operations that a thread does in a second, roughly
FETCH = 1e10  # bytes that it gets from another one's cache in a second, roughly
MEETING = 1e-6  # seconds that one more phase takes, roughly
FEW_ROWS = 8  # of a thread's part: fewer do not fill the registers of a tile
RUN = 4096  # bytes of a thread's own in a row, below which processors fetch neighbours' memory ahead in vain
DEPTH = "depth"


def divide(kernels: list[Kernel], target: Target, threads: int, shared: dict[Buffer, Buffer]) -> list[Kernel]:
    """Set along which loop the threads divide each product.

    Args:
        kernels: the step, in an order in which it can run.
        target: the processor.
        threads: how many run it.
        shared: buffers that lie in the memory of others.

    Returns:
        the kernels; a product whose depth is divided has become parts and their sum.
    """
    if threads == 1:
        return kernels
    division = _Division(target, threads, shared)
    for _ in range(ROUNDS):
        for kernel in kernels:
            if isinstance(kernel, Repeat):
                division.turns, division.changing = kernel.time.size, kernel.writes
                for inner in kernel.body:
                    division.divide(inner, can_sum=False)
                division.turns = 1
            elif isinstance(kernel, Strips):
                division.note(kernel)
            elif not isinstance(kernel, Host):
                division.divide(kernel, can_sum=True)
    return [new for kernel in kernels for new in _parts(kernel, threads)]


def _parts(kernel: Kernel, threads: int) -> Iterable[Kernel]:
    """Return a product whose depth is divided as parts, one for each thread, and the sum of them."""
    if isinstance(kernel, Contraction) and kernel.split == DEPTH:
        return in_parts(kernel, kernel.depth[0], threads)
    return (kernel,)


@dataclass(frozen=True)
class _Way:
    """A way of dividing a kernel.

    Attributes:
        split: as `ContractionFunction` calls it.
        seconds: that it takes, roughly, if all that it touches is near.
        touched: each buffer, with the dimension that is divided; None if every thread needs all of it.
    """

    split: str
    seconds: float
    touched: list[tuple[Buffer, int | None]]


class _Division:
    """The choice while it is made.

    Attributes:
        last: for each buffer the dimension along which it was last divided among the threads.
        turns: how often the kernels run in a row, and `changing`, what they write: all else is fetched only once.
    """

    def __init__(self, target: Target, threads: int, shared: dict[Buffer, Buffer]) -> None:
        self.target, self.threads, self.shared = target, threads, shared
        self.last: dict[Buffer, int] = {}
        self.turns = 1
        self.changing: set[Buffer] = set()
        self._ways: dict[Kernel, list[_Way]] = {}
        self._forms: dict[Hashable, tuple[list[Buffer], list[_Way]]] = {}

    def divide(self, kernel: Kernel, can_sum: bool) -> None:
        """Choose for one kernel, and note how it divides what it touches."""
        ways = self._ways_of(kernel, can_sum)
        if not ways:
            return
        chosen = ways[0] if len(ways) == 1 else min(ways, key=self._cost)
        if isinstance(kernel, Contraction):
            kernel.split = chosen.split
        self._remember(chosen.touched)

    def note(self, strips: Strips) -> None:
        """Note how strips divide what they touch."""
        for kernel in strips.body:
            self._remember(divided(kernel, strips.loops[0]))

    def _remember(self, touched: Iterable[tuple[Buffer, int | None]]) -> None:
        for buffer, dim in touched:
            if dim is not None:
                self.last[self.shared.get(buffer, buffer)] = dim

    def _ways_of(self, kernel: Kernel, can_sum: bool) -> list[_Way]:
        """Return the ways in which a kernel can be divided; none if one thread does it alone."""
        if not isinstance(kernel, Contraction | Loops):
            return []
        if kernel not in self._ways:
            self._ways[kernel] = self._ways_of_equals(kernel, can_sum)
        return self._ways[kernel]

    def _ways_of_equals(self, kernel: Contraction | Loops, can_sum: bool) -> list[_Way]:
        """Return the ways of an equal kernel that was met before, with this one's buffers."""
        form, buffers = (signature(kernel), can_sum), kernel.buffers
        if form not in self._forms:
            found = self._found_ways(kernel, can_sum) if work_of(kernel) >= SMALL else []
            self._forms[form] = buffers, found
        others, ways = self._forms[form]
        mine = dict(zip(others, buffers))
        return [_Way(w.split, w.seconds, [(mine[b], dim) for b, dim in w.touched]) for w in ways]

    def _found_ways(self, kernel: Contraction | Loops, can_sum: bool) -> list[_Way]:
        body = body_of(kernel, self.target, self.threads)
        if isinstance(body, LoopsFunction) and body.shared:
            return [_Way("", 0.0, list(divided(body.kernel, body.shared[0])))]
        if isinstance(body, WinogradWeightsFunction):
            ways = [_Way("", self._seconds(body), list(divided(kernel, None)))]
        elif isinstance(body, ContractionFunction):
            ways = [self._way(body, split) for split in body.splits]
        else:
            return []
        assert isinstance(kernel, Contraction)
        parts = self._parts_of(kernel) if can_sum else None
        return ways if parts is None else [*ways, self._way_in_parts(kernel, parts)]

    def _parts_of(self, kernel: Contraction) -> Contraction | None:
        """Return a product whose depth is divided evenly; None if it cannot be, or not be computed as the whole is."""
        if not kernel.depth or kernel.depth[0].size % self.threads or kernel.window:
            return None
        product, _ = in_parts(kernel, kernel.depth[0], self.threads)
        stored = all(factor.kind == "load" for factor in kernel.factors)
        sums = all(affine_in(flat_index(factor), axes_of(product)) for factor in product.factors)
        return (
            product if sums and (stored or is_winograd_weights(product, self.target, self.threads)) else None
        )

    def _way(self, body: ContractionFunction, split: str) -> _Way:
        """Return a way of dividing a product, with roughly how many seconds it takes but for what has to be fetched."""
        units = body.units_of(split, self.threads)
        share = math.ceil(units / self.threads) / units
        rows = body.product.row.size * (share if split == "row" else 1)
        touched = list(divided(body.kernel, body.loop_of(split)))
        return _Way(split, self._seconds(body, share, rows), touched)

    def _way_in_parts(self, kernel: Contraction, product: Contraction) -> _Way:
        """Return the way of dividing the depth of a product, the parts of which have to be added up."""
        parts = product.epilogue[0].buffer.bytes / self.threads
        seconds = self._seconds(body_of(product, self.target, self.threads), 1 / self.threads)
        touched = list(divided(kernel, kernel.depth[0]))
        return _Way(DEPTH, seconds + MEETING + 2 * parts / FETCH, touched)

    def _seconds(self, body: Body, share: float = 1.0, rows: float | None = None) -> float:
        """Return roughly how many seconds a thread takes for its share of a product, in so many rows."""
        if isinstance(body, WinogradWeightsFunction):
            in_a_cycle = 4 * self.target.lanes(float32)  # operations: two sums of products in each lane
            return body.cycles * in_a_cycle / SPEED
        assert isinstance(body, ContractionFunction)
        rows = rows or body.product.row.size
        slow = max(1.0, FEW_ROWS / rows) if body.row is not None else 1.0
        return body.kernel.flops * share * slow / SPEED

    def _cost(self, way: _Way) -> float:
        """Return roughly how many seconds a way takes."""
        return way.seconds + sum(self._fetched(*found) for found in way.touched) / FETCH

    def _fetched(self, buffer: Buffer, dim: int | None) -> float:
        """Return how many bytes of a buffer a thread has to get from others, each time."""
        if buffer.home is Home.ARGUMENT:
            return 0.0
        return self._at_once(buffer, dim) / (1 if buffer in self.changing else self.turns)

    def _at_once(self, buffer: Buffer, dim: int | None) -> float:
        changes = self.shared.get(buffer, buffer).home is Home.STATE
        mine = buffer.bytes if dim is None else buffer.bytes / self.threads
        last = self.last.get(self.shared.get(buffer, buffer))
        if dim is not None and last in (None, dim):
            run = buffer.strides[dim] * buffer.shape[dim] * buffer.dtype.itemsize / self.threads
            return mine / 2 if changes and run < RUN else 0.0
        return 0.0 if last is None else mine * (1 - 1 / self.threads)
