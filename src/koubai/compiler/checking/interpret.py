"""Kernels run by NumPy: slow, but so plain that it can be trusted, and independent of LLVM.

After each pass of the compiler the kernels still have to compute what the graph says. `Checker` compares the two, and
names the pass that broke something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from koubai.arrays import Array
from koubai.compiler.checking.grid import Grid, Memory
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import (
    Contraction,
    Host,
    Kernel,
    Loops,
    Reduction,
    Repeat,
    Running,
    Scatter,
    Strips,
    axes_of,
)
from koubai.compiler.schedule.memory import Plan
from koubai.compiler.schedule.phases import Phase
from koubai.ops.bfloat16 import factors

_REDUCE: dict[str, Any] = {
    "sum": np.sum,
    "amax": np.max,
    "amin": np.min,
    "prod": np.prod,
    "any": np.any,
    "all": np.all,
}
_SCATTER = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


class Apart:
    """Every buffer has memory of its own, except those that `shared` says to lie where another one lies."""

    def __init__(self, shared: Mapping[Buffer, Buffer]) -> None:
        self._shared = shared
        self._arrays: dict[Buffer, Array] = {}

    def flat(self, buffer: Buffer) -> Array:
        """Return the elements of a buffer as they lie in memory."""
        buffer = self._shared.get(buffer, buffer)
        if buffer not in self._arrays:
            self._arrays[buffer] = _fresh(buffer, np.empty(buffer.extent, buffer.dtype))
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
            return self._outside.setdefault(buffer, np.empty(buffer.extent, buffer.dtype))
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
    elif isinstance(kernel, Strips):
        for number, turn in enumerate(np.ndindex(*(axis.size for axis in kernel.loops))):
            now = {**fixed, **dict(zip(kernel.loops, turn)), kernel.thread: number % kernel.thread.size}
            for inner in kernel.body:
                _run(inner, memory, now, pieces)
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
    axes, free = tuple(axes_of(kernel)), len(kernel.outer) + len(kernel.window)
    grid = Grid(axes, len(axes), memory, fixed, {}, {})
    values = factors(np, kernel.precision, *map(grid.value, kernel.factors))
    needed = [_needed(e, axes) for e in kernel.factors]
    letters = list(range(len(axes)))
    flat = [
        (f.reshape([n for n in f.shape if n != 1]), [d for d in letters if f.shape[d] != 1])
        for f in map(np.broadcast_to, values, needed)
    ]
    kept = [d for d in letters[:free] if any(d in own for _, own in flat)]
    wide = [np.asarray(f, np.float64 if f.dtype.kind == "f" else f.dtype) for f, _ in flat]
    total = np.einsum(wide[0], flat[0][1], wide[1], flat[1][1], kept, optimize=True)
    unused = [d for d in letters[free:] if not any(d in own for _, own in flat)]
    for d in unused:
        total = total * axes[d].size
    shape = [axes[d].size if d in kept else 1 for d in letters[:free]]
    sums = total.astype(kernel.result.dtype).reshape(*shape[: len(kernel.outer)], -1)
    registers = {result.detail: sums[..., turn] for turn, result in enumerate(kernel.results)}
    after = Grid(kernel.outer, len(kernel.outer), memory, fixed, {}, registers)
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
