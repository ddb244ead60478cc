"""Kernels run by NumPy: slow, but so plain that it can be trusted, and independent of LLVM.

After each pass of the compiler the kernels still have to compute what the graph says. `Checker` compares the two, and
names the pass that broke something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from koubai.arrays import Array
from koubai.compiler.buffer import Buffer
from koubai.compiler.expression import Expression, walk
from koubai.compiler.index import Axis, Index, Position, Quotient
from koubai.compiler.kernel import (
    Contraction,
    Host,
    Kernel,
    Loops,
    Reduction,
    Repeat,
    Running,
    Scatter,
    Store,
)
from koubai.compiler.memory import Plan
from koubai.compiler.phases import Phase
from koubai.ops import elementwise, special
from koubai.ops.op import Op
from koubai.ops.random import uniform

_MAPS = {op.name: op for room in (elementwise, special) for op in vars(room).values() if isinstance(op, Op)}
_REDUCE = {"sum": np.sum, "amax": np.max, "amin": np.min, "prod": np.prod, "any": np.any, "all": np.all}
_SCATTER = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


class Memory(Protocol):
    """Where buffers are."""

    def flat(self, buffer: Buffer) -> Array:
        """Return the elements of a buffer as they lie in memory, to be read and written."""


class Apart:
    """Every buffer has memory of its own, except those that `shared` says to lie where another one lies."""

    def __init__(self, shared: Mapping[Buffer, Buffer]) -> None:
        self._shared = shared
        self._arrays: dict[Buffer, Array] = {}

    def flat(self, buffer: Buffer) -> Array:
        """Return the elements of a buffer as they lie in memory."""
        buffer = self._shared.get(buffer, buffer)
        if buffer not in self._arrays:
            self._arrays[buffer] = _fresh(buffer, np.empty(buffer.size, buffer.dtype))
        return self._arrays[buffer]


class InArena:
    """Buffers lie in one block as a plan says, so that a wrong plan shows."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._block = np.full(plan.size, 0xFF, np.uint8)
        self._outside: dict[Buffer, Array] = {}
        self._seen: set[Buffer] = set()

    def flat(self, buffer: Buffer) -> Array:
        """Return the elements of a buffer as they lie in memory."""
        offset = self._plan.offsets.get(buffer)
        if offset is None:
            return self._outside.setdefault(buffer, np.empty(buffer.size, buffer.dtype))
        array = self._block[offset : offset + buffer.bytes].view(buffer.dtype)
        if buffer not in self._seen and (buffer.array is not None or buffer.border is not None):
            _fresh(buffer, array)
        self._seen.add(buffer)
        return array


def _fresh(buffer: Buffer, array: Array) -> Array:
    """Fill new memory with what it has to have from the start: all ones, in bits, where nothing is known."""
    array.view(np.uint8)[...] = 0xFF
    if buffer.border is not None:
        array[...] = buffer.border
    if buffer.array is not None:
        array[...] = buffer.array.transpose(buffer.order).reshape(-1)
    return array


def read(memory: Memory, buffer: Buffer) -> Array:
    """Return a copy of a buffer's elements in the shape that the program sees."""
    lying = memory.flat(buffer).reshape([buffer.shape[dim] for dim in buffer.order])
    return np.array(lying.transpose(np.argsort(buffer.order)) if buffer.order else lying)


def write(memory: Memory, buffer: Buffer, array: Array) -> None:
    """Set a buffer's elements."""
    memory.flat(buffer)[...] = np.asarray(array).reshape(buffer.shape).transpose(buffer.order).reshape(-1)


def run(kernels: Iterable[Kernel], memory: Memory, pieces: int = 1) -> None:
    """Run kernels one after the other.

    Args:
        kernels: in an order in which they can run.
        memory: where their buffers are.
        pieces: in how many pieces loops are run, one after the other, as if by so many threads.
    """
    with np.errstate(all="ignore"):
        for kernel in kernels:
            _run(kernel, memory, {}, pieces)


def run_phases(phases: Iterable[Phase], memory: Memory, pieces: int = 1) -> None:
    """Run the kernels of phases, those of each in reverse, because the order must not matter."""
    run((kernel for phase in phases for kernel in reversed(phase.kernels)), memory, pieces)


def _run(kernel: Kernel, memory: Memory, fixed: dict[Axis, int], pieces: int) -> None:
    if isinstance(kernel, Repeat):
        times = range(kernel.time.size)
        for time in reversed(times) if kernel.reverse else times:
            for phase in kernel.phases:
                for inner in reversed(phase.kernels):
                    _run(inner, memory, {**fixed, kernel.time: time}, pieces)
    elif isinstance(kernel, Host):
        operands = tuple(read(memory, buffer) for buffer in kernel.inputs)
        for buffer, array in zip(kernel.outputs, kernel.node.op.run(operands, kernel.node.attributes)):
            write(memory, buffer, array)
    elif isinstance(kernel, Scatter):
        _scatter(kernel, memory, fixed)
    elif isinstance(kernel, Contraction):
        _contract(kernel, memory, fixed)
    elif isinstance(kernel, Running):
        _running(kernel, memory, fixed)
    else:
        assert isinstance(kernel, Loops)
        for part in _parts(kernel.outer, pieces):
            _loops(kernel, memory, fixed, part)


def _parts(outer: Sequence[Axis], pieces: int) -> list[dict[Axis, Array]]:
    """Cut the outermost loop into pieces."""
    if not outer:
        return [{}]
    turns = np.array_split(np.arange(outer[0].size), min(pieces, max(1, outer[0].size)))
    return [{outer[0]: part} for part in turns]


def _loops(kernel: Loops, memory: Memory, fixed: dict[Axis, int], part: dict[Axis, Array]) -> None:
    registers: dict[str, Array] = {}
    depth = max((len(stage.inner) for stage in kernel.stages), default=0)
    for stage in kernel.stages:
        grid = Grid((*kernel.outer, *stage.inner), len(kernel.outer) + depth, memory, fixed, part, registers)
        dims = tuple(range(len(kernel.outer), len(kernel.outer) + len(stage.inner)))
        found = {r.name: _reduced(r, grid, dims) for r in stage.reductions}
        grid.store(stage.stores)
        registers.update(found)


def _reduced(reduction: Reduction, grid: Grid, dims: tuple[int, ...]) -> Array:
    values = np.broadcast_to(grid.value(reduction.value), grid.shape)
    more = {"dtype": reduction.dtype} if reduction.kind in ("sum", "prod") else {}
    if not dims:
        return values
    start = {"initial": _least(reduction)} if reduction.kind in ("amax", "amin") and 0 in grid.shape else {}
    return np.asarray(_REDUCE[reduction.kind](values, axis=dims, keepdims=True, **more, **start))


def _least(reduction: Reduction) -> Any:
    sign = -1 if reduction.kind == "amax" else 1
    if reduction.dtype.kind == "f":
        return sign * np.inf
    limits = np.iinfo(reduction.dtype)
    return limits.min if sign < 0 else limits.max


def _contract(kernel: Contraction, memory: Memory, fixed: dict[Axis, int]) -> None:
    axes = (*kernel.outer, *kernel.depth)
    grid = Grid(axes, len(axes), memory, fixed, {}, {})
    factors = [np.broadcast_to(grid.value(e), _needed(e, axes)) for e in (kernel.left, kernel.right)]
    letters = list(range(len(axes)))
    flat = [
        (f.reshape([n for n in f.shape if n != 1]), [d for d in letters if f.shape[d] != 1]) for f in factors
    ]
    kept = [d for d in letters[: len(kernel.outer)] if any(d in own for _, own in flat)]
    wide = [np.asarray(f, np.float64 if f.dtype.kind == "f" else f.dtype) for f, _ in flat]
    total = np.einsum(wide[0], flat[0][1], wide[1], flat[1][1], kept, optimize=True)
    unused = [d for d in letters[len(kernel.outer) :] if not any(d in own for _, own in flat)]
    for d in unused:
        total = total * axes[d].size
    shape = [axes[d].size if d in kept else 1 for d in letters[: len(kernel.outer)]]
    result = total.astype(kernel.result.dtype).reshape(shape)
    after = Grid(kernel.outer, len(kernel.outer), memory, fixed, {}, {kernel.result.detail: result})
    after.store(kernel.epilogue)


def _needed(e: Expression, axes: Sequence[Axis]) -> list[int]:
    return [axis.size if axis in e.axes else 1 for axis in axes]


def _scatter(kernel: Scatter, memory: Memory, fixed: dict[Axis, int]) -> None:
    axes = (*kernel.places, *kernel.lanes)
    grid = Grid(axes, len(axes), memory, fixed, {}, {})
    where = np.broadcast_to(grid.place(kernel.target, kernel.indices), grid.shape).reshape(-1)
    values = np.broadcast_to(grid.value(kernel.value), grid.shape).reshape(-1)
    flat = memory.flat(kernel.target)
    if kernel.kind == "put":
        flat[where] = values
    else:
        _SCATTER[kernel.kind].at(flat, where, values)


def _running(kernel: Running, memory: Memory, fixed: dict[Axis, int]) -> None:
    ndim = len(kernel.lanes)
    carried = {c.name: np.asarray(c.start.detail.value) for c in kernel.carried}
    for time in range(kernel.time.size):
        grid = Grid(kernel.lanes, ndim, memory, {**fixed, kernel.time: time}, {}, carried)
        following = {c.name: grid.value(c.following) for c in kernel.carried}
        grid.store(kernel.results)
        carried = following


class Grid:
    """All turns of some loops at once: every loop is a dimension of arrays.

    Args:
        axes: the loops, one dimension each.
        ndim: of all arrays; dimensions behind those of the loops have length 1.
        memory: where buffers are.
        fixed: the values of the loops around.
        part: for some of the loops the turns that are run; the others are run from 0 to the end.
        registers: what earlier stages have left.
    """

    def __init__(
        self,
        axes: Sequence[Axis],
        ndim: int,
        memory: Memory,
        fixed: Mapping[Axis, int],
        part: Mapping[Axis, Array],
        registers: Mapping[str, Array],
    ) -> None:
        self.memory, self.registers = memory, registers
        turns = [part.get(axis, np.arange(axis.size)) for axis in axes]
        self.shape = tuple(len(t) for t in turns) + (1,) * (ndim - len(axes))
        self._axes: dict[Axis, Any] = dict(fixed)
        for dim, (axis, turn) in enumerate(zip(axes, turns)):
            self._axes[axis] = turn.reshape([-1 if d == dim else 1 for d in range(ndim)])
        self._known: dict[Expression, Array] = {}

    def value(self, expression: Expression) -> Array:
        """Return an expression for all turns; dimensions that it does not depend on have length 1."""
        for e in walk([expression]):
            if e not in self._known:
                self._known[e] = np.asarray(self._compute(e))
        return self._known[expression]

    def _compute(self, e: Expression) -> Any:
        parts = [self._known[part] for part in e.parts]
        if e.kind == "constant":
            return e.detail.value
        if e.kind == "register":
            return self.registers[e.detail]
        if e.kind == "load":
            return self._load(e, parts[0] if parts else None)
        if e.kind == "whole":
            return np.asarray(self.number(e.indices[0]), np.int64)
        if e.kind == "inside":
            low, high, step = e.detail
            place = np.asarray(self.number(e.indices[0]))
            return (place >= low) & (place < high) & ((place - low) % step == 0)
        if e.kind == "draw":
            return _drawn(parts, np.asarray(self.number(e.indices[0])), e)
        return self._apply(e, parts)

    def _apply(self, e: Expression, parts: list[Array]) -> Any:
        name, attributes = e.detail[0], dict(e.detail[1:])
        if name == "bits":
            return parts[0].view(e.dtype)
        if name == "position":
            wraps = attributes["wraps"]
            return np.where(parts[0] < 0, parts[0] + attributes["size"], parts[0]) if wraps else parts[0]
        return _MAPS[name].run(tuple(parts), attributes)[0].astype(e.dtype, copy=False)

    def _load(self, e: Expression, guard: Array | None) -> Any:
        place = self.place(e.detail, e.indices, guard)
        found = self.memory.flat(e.detail)[place]
        return found if guard is None else np.where(guard, found, np.zeros((), e.dtype))

    def number(self, index: Index) -> Any:
        """Return an index for all turns."""
        total: Any = index.constant
        for atom, factor in index.terms:
            if isinstance(atom, Axis):
                value = self._axes[atom]
            elif isinstance(atom, Position):
                value = self.value(atom.value).astype(np.int64)
                value = np.where((value >= 0) & (value < atom.size), value, 0)
            elif isinstance(atom, Quotient):
                value = self.number(atom.of) // atom.by
            else:
                value = self.number(atom.of) % atom.by
            total = total + value * factor
        return total

    def place(self, buffer: Buffer, indices: Sequence[Index], guard: Array | None = None) -> Array:
        """Return where in the memory of a buffer the elements at some indices lie.

        Raises:
            IndexError: if one is out of range, and the guard does not forbid to read it.
        """
        total: Any = np.zeros((), np.int64)
        for index, length, stride in zip(indices, buffer.shape, buffer.strides):
            number = np.asarray(self.number(index))
            outside = (number < 0) | (number >= length)
            if (outside if guard is None else outside & guard).any():
                raise IndexError(f"{buffer}: {index} is not in a dimension of {length}")
            total = total + np.where(outside, 0, number) * stride
        return np.asarray(total)

    def store(self, stores: Sequence[Store]) -> None:
        """Run stores, after all their values."""
        values = [self.value(store.value) for store in stores]
        for store, value in zip(stores, values):
            place = np.broadcast_to(self.place(store.buffer, store.indices), self.shape)
            self.memory.flat(store.buffer)[place] = np.broadcast_to(value, self.shape)


def _drawn(parts: list[Array], place: Array, e: Expression) -> Array:
    """Return random numbers at positions of a draw."""
    state = np.array([int(part.reshape(-1)[0]) for part in parts])
    count = int(place.max()) + 1 if place.size else 0
    return np.asarray(uniform.forward(np, state, shape=(count,), dtype=e.dtype))[place]


class Checker:
    """Compares kernels with the graph after each pass; give it to `build` as `watch`.

    Args:
        inputs: the values of the buffers of the program's inputs, by home and number, such as "state0".
        expected: the values of the graph's outputs.

    Attributes:
        passed: the passes that were checked.
    """

    def __init__(self, inputs: Mapping[str, Array], expected: Sequence[Array]) -> None:
        self.inputs, self.expected = inputs, expected
        self.passed: list[str] = []

    def __call__(
        self,
        name: str,
        kernels: Sequence[Kernel],
        shared: Mapping[Buffer, Buffer],
        outputs: Mapping[int, Buffer],
    ) -> None:
        """Check one pass.

        Args:
            name: of the pass.
            kernels: what it made.
            shared: the buffers that lie where others lie.
            outputs: by its number, where each of the graph's outputs is.

        Raises:
            RuntimeError: if the kernels do not compute what the graph does.
        """
        memory = Apart(shared)
        self.fill(memory, kernels)
        run(kernels, memory, pieces=3)
        self.compare(name, memory, outputs)

    def fill(self, memory: Memory, kernels: Iterable[Kernel]) -> None:
        """Put the inputs where kernels read them."""
        for buffer in {b for kernel in kernels for b in kernel.reads | kernel.writes}:
            if buffer.name in self.inputs:
                write(memory, buffer, self.inputs[buffer.name])

    def compare(self, name: str, memory: Memory, outputs: Mapping[int, Buffer]) -> None:
        """Compare what is in memory now with what is expected."""
        for at, buffer in outputs.items():
            if at < len(self.expected) and not _alike(read(memory, buffer), self.expected[at]):
                raise RuntimeError(f"after the pass {name!r}, output {at} ({buffer}) is wrong")
        self.passed.append(name)


def _alike(found: Array, expected: Array) -> bool:
    if expected.dtype.kind != "f":
        return np.array_equal(found.reshape(expected.shape), expected)
    a, b = found.reshape(expected.shape).astype(np.float64), np.asarray(expected, np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(
        np.where(finite, 0, b), np.where(finite, np.where(np.isfinite(a), 0, np.nan), a), equal_nan=True
    ):
        return False
    error = np.linalg.norm(np.where(finite, a - b, 0))
    return bool(error <= 1e-4 * (np.linalg.norm(np.where(finite, b, 0)) + 1e-6))
