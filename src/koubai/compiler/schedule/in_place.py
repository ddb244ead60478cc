"""State that is overwritten: which new values are written over the old ones, and which are copied at the end."""

from __future__ import annotations

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import load
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, Repeat, Stage, Store, by_buffer, loads
from koubai.compiler.schedule.dependence import Dependences


def written_in_place(
    kernels: list[Kernel], updates: list[Buffer]
) -> tuple[list[Kernel], dict[Buffer, Buffer]]:
    """Decide which new values are written over the old ones, and copy the others at the end.

    Returns:
        the kernels with those copies, and for each new value written in place the state whose memory it has.
    """
    graph = Dependences(kernels)
    shared: dict[Buffer, Buffer] = {}
    copies: list[Kernel] = []
    written = by_buffer((kernel, kernel.writes) for kernel in kernels)
    read = by_buffer((kernel, kernel.reads) for kernel in kernels)
    for buffer in updates:
        state = buffer.becomes
        assert state is not None
        writers, readers = written.get(buffer, []), read.get(state, [])
        fits = len(writers) == 1 and all(
            _may_follow(graph, writers[0], reader, buffer, state) for reader in readers
        )
        order = [(reader, writers[0]) for reader in readers if reader is not writers[0]] if fits else []
        if fits and not graph.would_cycle(order):
            graph.add_order(order)
            shared[buffer] = state
        else:
            copies.append(_copy(buffer, state))
    return [*graph.in_order(), *copies], shared


def _may_follow(graph: Dependences, writer: Kernel, reader: Kernel, new: Buffer, state: Buffer) -> bool:
    """Whether a reader of the old value never sees the new one."""
    if reader is not writer:
        return not graph.depends(reader, writer)
    if isinstance(writer, Repeat):
        return False
    if isinstance(writer, Contraction) and state in (writer.left.detail, writer.right.detail):
        return False
    places = {s.indices for s in writer.stores if s.buffer is new}
    if len(places) != 1 or any(e.indices not in places for e in loads(writer.values) if e.detail is state):
        return False
    return not isinstance(writer, Loops) or _read_before(writer, new, state)


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
