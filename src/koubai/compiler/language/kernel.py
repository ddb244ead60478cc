"""What one native function does: loops around expressions, products, and the few things that are neither.

A kernel reads and writes buffers. `Loops` are elementwise work and reductions, `Contraction` is a product summed
over an index, with the elementwise work that follows it. The others do one thing that no loop nest says well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, load, register, walk
from koubai.compiler.language.index import Axis, Index
from koubai.dtypes import DType
from koubai.ops.graph import Node


@dataclass(frozen=True)
class Store:
    """One element is written: `buffer[indices] = value`."""

    buffer: Buffer
    indices: tuple[Index, ...]
    value: Expression

    @cached_property
    def read_again(self) -> Expression:
        """The element that is written, as it is read behind the store."""
        return load(self.buffer, self.indices)

    def __str__(self) -> str:
        return f"{self.buffer.name}[{', '.join(map(str, self.indices))}] = {self.value}"


@dataclass(frozen=True)
class Reduction:
    """A value combined over the inner loops of a stage; the result is the register named `name`."""

    name: str
    kind: str  # sum, amax, amin, prod, any, all
    value: Expression

    @property
    def dtype(self) -> DType:
        """The type of the result."""
        return self.value.dtype

    def __str__(self) -> str:
        return f"{self.name} = {self.kind}({self.value})"


@dataclass
class Stage:
    """Work inside of the outer loops of a kernel: loops of its own, in which it reduces and stores."""

    inner: tuple[Axis, ...] = ()
    reductions: list[Reduction] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)

    @property
    def values(self) -> list[Expression]:
        """The expressions that it computes."""
        return [r.value for r in self.reductions] + [s.value for s in self.stores]

    @cached_property
    def loads(self) -> list[Expression]:
        """All loads in its values, each once."""
        return list(loads(self.values))

    @cached_property
    def registers(self) -> set[str]:
        """The names of the registers that its values need."""
        return {e.detail for e in walk(self.values) if e.kind == "register"}

    def __str__(self) -> str:
        loops = "".join(f"for {axis} in {axis.size}: " for axis in self.inner)
        return "\n".join(f"    {loops}{line}" for line in (*self.reductions, *self.stores))


K = TypeVar("K", bound="Kernel")


class Kernel:
    """Base of all kernels; none changes once it is made.

    Attributes:
        name: for people.
        form: what equal kernels have in common, once `signature` has found it.
        later: gives what a kernel does not have yet, at the first question: see `renamed`.
    """

    name: str
    form: Hashable = None
    later: Callable[[], Mapping[str, Any]] | None = None

    if not TYPE_CHECKING:  # for a type checker a kernel has all that it is declared to have

        def __getattr__(self, name: str) -> Any:
            if self.later is None:
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
            make, self.later = self.later, None
            vars(self).update(make())
            return getattr(self, name)

    @property
    def values(self) -> list[Expression]:
        """All expressions that it computes."""
        return []

    @property
    def stores(self) -> list[Store]:
        """All that it writes with expressions."""
        return []

    @cached_property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return {e.detail for e in self.loads}

    @cached_property
    def loads(self) -> list[Expression]:
        """All loads that it evaluates, each once."""
        return list(loads(self.roots))

    @cached_property
    def buffers(self) -> list[Buffer]:
        """The buffers that it touches, in an order that is the same for equal kernels."""
        read = (e.detail for e in self.loads)
        return list(dict.fromkeys([*read, *(store.buffer for store in self.stores)]))

    @cached_property
    def roots(self) -> list[Expression]:
        """All that it evaluates: values, and the places where it stores them."""
        return [*self.values, *positions(self.stores)]

    @cached_property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {store.buffer for store in self.stores}

    @cached_property
    def free_axes(self) -> list[Axis]:
        """The loops around it that it depends on."""
        used = set().union(*(root.axes for root in self.roots))
        return sorted(used.difference(axes_of(self)), key=lambda axis: axis.number)


def positions(stores: Iterable[Store]) -> list[Expression]:
    """Return the places of stores, as expressions."""
    return [Expression("at", s.value.dtype, (), s.indices) for s in stores]


@dataclass(eq=False)
class Loops(Kernel):
    """Outer loops, in any order and split among threads, and in them one stage after the other."""

    name: str
    outer: tuple[Axis, ...]
    stages: list[Stage]

    @property
    def values(self) -> list[Expression]:
        """All expressions that it computes."""
        return [value for stage in self.stages for value in stage.values]

    @property
    def stores(self) -> list[Store]:
        """All that it writes."""
        return [store for stage in self.stages for store in stage.stores]

    def __str__(self) -> str:
        loops = " ".join(f"{axis}:{axis.size}" for axis in self.outer)
        return "\n".join([f"loops {self.name} over {loops}", *map(str, self.stages)])


@dataclass(eq=False)
class Contraction(Kernel):
    """result[outer] = Σ over depth of left · right, and what is made of it in registers.

    Attributes:
        outer: the loops over the result; none of them is reduced.
        column: the one of them that is vectorised: left does not depend on it, and right has stride 1.
        depth: the loops that are summed over.
        left, right: the two factors: loads, or "made" where they are not stored but computed.
        result: the register that holds the sum.
        epilogue: what is stored, as expressions of the result.
        split: along which loop threads divide it, see `ContractionFunction`; "" while that is not decided.
        precision: "bf16" if both factors are rounded to bfloat16 before they are multiplied.
        window: loops over results that the epilogue needs together, such as those that are pooled: there is a register
            for each of their turns, and what is stored does not depend on them.
    """

    name: str
    outer: tuple[Axis, ...]
    column: Axis
    depth: tuple[Axis, ...]
    left: Expression
    right: Expression
    result: Expression
    epilogue: list[Store]
    split: str = ""
    precision: str | None = None
    window: tuple[Axis, ...] = ()

    @property
    def factors(self) -> tuple[Expression, Expression]:
        """What is multiplied."""
        return self.left, self.right

    @property
    def results(self) -> list[Expression]:
        """The registers that hold the sums, one for each turn of the window."""
        if not self.window:
            return [self.result]
        turns = range(math.prod(axis.size for axis in self.window))
        return [register(f"{self.result.detail}.{turn}", self.result.dtype) for turn in turns]

    @property
    def values(self) -> list[Expression]:
        """All expressions that it computes."""
        return [*self.factors, *(store.value for store in self.epilogue)]

    @property
    def stores(self) -> list[Store]:
        """All that it writes."""
        return self.epilogue

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        count = 2
        for axis in axes_of(self):
            count *= axis.size
        return count

    def __str__(self) -> str:
        loops, window, depth = (
            " ".join(f"{axis}:{axis.size}" for axis in axes) for axes in (self.outer, self.window, self.depth)
        )
        head = f"contraction {self.name} over {loops}, column {self.column}, depth {depth}"
        head += f", window {window}" if window else ""
        head += f", in {self.precision}" if self.precision else ""
        return "\n".join(
            [head, f"    {self.result} = Σ {self.left} · {self.right}", *(f"    {s}" for s in self.epilogue)]
        )


@dataclass(eq=False)
class Scatter(Kernel):
    """Values combined with what stands at positions that are data, one after the other.

    Attributes:
        target: what is changed in place; an earlier kernel has filled it.
        places: the loops over the values, outermost first, in the order in which they are combined.
        lanes: the loops along which the values are independent of each other.
        indices: where in the target; may depend on data.
        kind: add, put, mul, max or min.
        value: what is combined.
    """

    name: str
    target: Buffer
    places: tuple[Axis, ...]
    lanes: tuple[Axis, ...]
    indices: tuple[Index, ...]
    kind: str
    value: Expression

    @property
    def values(self) -> list[Expression]:
        """All expressions that it computes."""
        return [self.value]

    @property
    def stores(self) -> list[Store]:
        """The store, without what stands there already."""
        return [Store(self.target, self.indices, self.value)]

    @cached_property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads, the target among them."""
        return {e.detail for e in walk([self.value, *positions(self.stores)]) if e.kind == "load"} | {
            self.target
        }

    def __str__(self) -> str:
        loops = " ".join(f"{axis}:{axis.size}" for axis in (*self.places, *self.lanes))
        return f"scatter {self.name} over {loops}\n    {self.kind} {self.stores[0]}"


@dataclass(frozen=True)
class Carried:
    """A value that goes from one turn of a loop to the next, in the register named `name`."""

    name: str
    start: Expression
    following: Expression


@dataclass(eq=False)
class Running(Kernel):
    """Values along a loop that each depend on the one before, such as running sums.

    Attributes:
        time: the loop, which runs from its start to its end.
        lanes: the loops along which the values are independent of each other.
        carried: what goes from one turn to the next.
        results: what each turn stores.
    """

    name: str
    time: Axis
    lanes: tuple[Axis, ...]
    carried: list[Carried]
    results: list[Store]

    @property
    def values(self) -> list[Expression]:
        """All expressions that it computes."""
        return [e for c in self.carried for e in (c.start, c.following)] + [s.value for s in self.results]

    @property
    def stores(self) -> list[Store]:
        """All that it writes."""
        return self.results

    def __str__(self) -> str:
        loops = " ".join(f"{axis}:{axis.size}" for axis in self.lanes)
        lines = [f"running {self.name} along {self.time}:{self.time.size}, over {loops}"]
        lines += [f"    {c.name} = {c.following}, from {c.start}" for c in self.carried]
        return "\n".join([*lines, *(f"    {store}" for store in self.results)])


@dataclass(eq=False)
class Host(Kernel):
    """An op that NumPy runs between two native parts of the step."""

    name: str
    node: Node
    inputs: list[Buffer]
    outputs: list[Buffer]

    @cached_property
    def buffers(self) -> list[Buffer]:
        """The buffers that it touches."""
        return list(dict.fromkeys([*self.inputs, *self.outputs]))

    @cached_property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return set(self.inputs)

    @cached_property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return set(self.outputs)

    def __str__(self) -> str:
        return f"host {self.name}: {self.outputs} = {self.node.op.name}({self.inputs})"


class Nest(Kernel):
    """Base of what holds kernels: its `body`, in an order in which they can run."""

    body: list[Kernel]

    @cached_property
    def buffers(self) -> list[Buffer]:
        """The buffers that it touches, in an order that is the same for equal kernels."""
        return list(dict.fromkeys(buffer for kernel in self.body for buffer in kernel.buffers))

    @cached_property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return set().union(*(kernel.reads for kernel in self.body))

    @cached_property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return set().union(*(kernel.writes for kernel in self.body))

    def lines(self, head: str) -> str:
        """Return a line, and below it the kernels."""
        return "\n".join([head, *(f"  {line}" for k in self.body for line in str(k).splitlines())])


@dataclass(eq=False)
class Repeat(Nest):
    """A loop over time: phases of kernels that run for each time, one time after the other.

    Attributes:
        time: the loop; kernels in the body depend on it.
        reverse: whether time runs backwards.
        body: the kernels of one time.
        phases: the same in phases.
    """

    name: str
    time: Axis
    reverse: bool
    body: list[Kernel]
    phases: list[Any] = field(default_factory=list)

    def __str__(self) -> str:
        return self.lines(
            f"repeat {self.name}: for {self.time} in {'reversed ' * self.reverse}{self.time.size}"
        )


@dataclass(eq=False)
class Strips(Nest):
    """Kernels that one thread runs one after the other for a strip of the data, such as a sequence, then for the next.

    What they hand to each other is small then and stays in the thread's cache, and no thread waits for another.

    Attributes:
        loops: over the strips; threads share their turns, and kernels in the body depend on them.
        thread: the number of the thread: what is not needed outside of a strip lies where no other thread writes.
        body: the kernels of one strip, in the order in which they run.
    """

    name: str
    loops: tuple[Axis, ...]
    thread: Axis
    body: list[Kernel]

    @property
    def turns(self) -> int:
        """How many strips there are."""
        return math.prod(axis.size for axis in self.loops)

    def __str__(self) -> str:
        return self.lines(f"strips {self.name} over {' '.join(f'{a}:{a.size}' for a in self.loops)}")


def axes_of(kernel: Kernel) -> Iterator[Axis]:
    """Yield the loops of a kernel, outermost first."""
    if isinstance(kernel, Loops):
        yield from kernel.outer
        for stage in kernel.stages:
            yield from stage.inner
    elif isinstance(kernel, Contraction):
        yield from (*kernel.outer, *kernel.window, *kernel.depth)
    elif isinstance(kernel, Scatter):
        yield from (*kernel.places, *kernel.lanes)
    elif isinstance(kernel, Running):
        yield from (kernel.time, *kernel.lanes)


def by_buffer(touched: Iterable[tuple[K, Iterable[Buffer]]]) -> dict[Buffer, list[K]]:
    """Return for each buffer the kernels that touch it, given which ones each kernel touches."""
    found: dict[Buffer, list[K]] = {}
    for kernel, buffers in touched:
        for buffer in buffers:
            found.setdefault(buffer, []).append(kernel)
    return found


def loads(values: Iterable[Expression]) -> Iterator[Expression]:
    """Yield all loads in expressions, those inside of indices included."""
    return (e for e in walk(values) if e.kind == "load")
