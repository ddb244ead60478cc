"""State that is overwritten: which new values are written over the old ones, and which are copied at the end."""

from __future__ import annotations

from collections.abc import Hashable

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import load
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import (
    Contraction,
    Host,
    Kernel,
    Loops,
    Nest,
    Stage,
    Store,
    by_buffer,
    loads,
)
from koubai.compiler.language.signature import signature
from koubai.compiler.schedule.dependence import Dependences


def written_in_place(
    kernels: list[Kernel], updates: list[Buffer]
) -> tuple[list[Kernel], dict[Buffer, Buffer]]:
    """Decide which new values are written over the old ones, and copy the others at the end.

    Returns:
        the kernels with those copies, and for each new value written in place the state whose memory it has.
    """
    order = _Order(Dependences(kernels))
    shared: dict[Buffer, Buffer] = {}
    copies: list[Kernel] = []
    written = by_buffer((kernel, kernel.writes) for kernel in kernels)
    read = by_buffer((kernel, kernel.reads) for kernel in kernels)
    for buffer in updates:
        state = buffer.becomes
        assert state is not None
        writers, readers = written.get(buffer, []), read.get(state, [])
        if len(writers) == 1 and order.puts_last(writers[0], readers, buffer, state):
            shared[buffer] = state
        else:
            copies.append(_copy(buffer, state))
    return [*order.graph.in_order(), *copies], shared


class _Order:
    """What kernels wait for, and what is known of kernels that read what they overwrite."""

    def __init__(self, graph: Dependences) -> None:
        self.graph = graph
        self._known: dict[Hashable, bool] = {}

    def puts_last(self, writer: Kernel, readers: list[Kernel], new: Buffer, state: Buffer) -> bool:
        """Let a kernel that writes a new value wait for all that read the old one, and return whether that can be."""
        others = [reader for reader in readers if reader is not writer]
        if any(self.graph.depends(reader, writer) for reader in others):
            return False
        if len(others) < len(readers) and not self._reads_first(writer, new, state):
            return False
        order = [(reader, writer) for reader in others]
        if self.graph.would_cycle(order):
            return False
        self.graph.add_order(order)
        return True

    def _reads_first(self, kernel: Kernel, new: Buffer, state: Buffer) -> bool:
        """Whether a kernel reads each element of a state before it writes the new one; equal kernels are alike."""
        if isinstance(kernel, Nest | Host):
            return False
        case = signature(kernel), kernel.buffers.index(new), kernel.buffers.index(state)
        if case not in self._known:
            self._known[case] = _reads_each_first(kernel, new, state)
        return self._known[case]


def _reads_each_first(kernel: Kernel, new: Buffer, state: Buffer) -> bool:
    if isinstance(kernel, Contraction) and any(e.detail is state for e in loads(kernel.factors)):
        return False
    places = {s.indices for s in kernel.stores if s.buffer is new}
    if len(places) != 1 or any(e.indices not in places for e in loads(kernel.values) if e.detail is state):
        return False
    return not isinstance(kernel, Loops) or _read_before(kernel, new, state)


def _read_before(kernel: Loops, new: Buffer, state: Buffer) -> bool:
    """Whether no stage behind the one that writes the new value reads the old one."""
    written = False
    for stage in kernel.stages:
        if written and any(e.detail is state for e in loads(stage.values)):
            return False
        written = written or any(s.buffer is new for s in stage.stores)
    return True


def _copy(source: Buffer, target: Buffer) -> Loops:
    axes = tuple(Axis(length) for length in source.shape)
    at = tuple(map(Index.of, axes))
    return Loops("commit", axes, [Stage(stores=[Store(target, at, load(source, at))])])
