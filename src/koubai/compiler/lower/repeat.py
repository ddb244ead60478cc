"""Loops over time: the body is lowered like a program of its own, in which each kernel knows the time.

What is carried from one time to the next lies in two places that take turns: at each time one is read and the other is
written. If all that was carried is needed afterwards, there is a place for every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, load
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Kernel, Repeat
from koubai.compiler.lower.movement import Guard, Indices
from koubai.compiler.schedule.fuse import fuse
from koubai.compiler.schedule.phases import in_phases
from koubai.ops.graph import Node
from koubai.ops.op import Kind, Symbol
from koubai.ops.scan import Loop

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering, Reader


def repeat(low: Lowering, node: Node) -> None:
    """Lower a scan: set the carry, repeat the body, take the last carry."""
    _Repetition(low, node).lower()


@dataclass(frozen=True)
class _Carry:
    """Where a carried value lies.

    Attributes:
        read: the memory.
        written: the same memory under another name, for what the next time will read.
        now, next: which place in it is read at a time, and which is written.
        first, last: which place is read first, and which is written last.
    """

    read: Buffer
    written: Buffer
    now: Index
    next: Index
    first: int
    last: int


class _Repetition:
    """One scan that is lowered.

    Attributes:
        time: the loop; `now` is its value as an index.
        carries: of each carried value where it lies.
    """

    def __init__(self, low: Lowering, node: Node) -> None:
        self.low, self.node = low, node
        self.loop: Loop = node.attributes["loop"]
        self.time = Axis(self.loop.length)
        self.now = Index.of(self.time)
        self.carries = [self._carry(number) for number in range(self.loop.carries)]

    def _carry(self, number: int) -> _Carry:
        """Choose where a carried value lies; if all of them are wanted, that is where readers find them."""
        loop, low = self.loop, self.low
        before, after = loop.body.inputs[number], loop.body.outputs[number]
        wanted = [(symbol, inner is after) for symbol, inner in self._kept() if inner in (before, after)]
        count = loop.length + 1 if wanted else 2
        read = low.new_buffer((count, *before.shape), before.dtype, "carry")
        written = Buffer(read.name + "'", read.shape, before.dtype)
        low.shared[written] = read
        start = loop.length if loop.reverse else 0
        end = loop.length - start
        now, later = self.now + int(loop.reverse), self.now + int(not loop.reverse)
        for symbol, is_after in wanted:
            shift = int(is_after != loop.reverse)
            low.buffers[symbol] = written
            low.read_from(symbol, written, partial(_later, shift))
        return _Carry(read, written, now % count, later % count, start % count, end % count)

    def _kept(self) -> list[tuple[Symbol, Symbol]]:
        """Return (what is made of them, value) of all values of the body that are wanted of every time.

        An image with a border around it lies where its readers want it.
        """
        loop, low = self.loop, self.low
        pairs = list(zip(self.node.outputs, loop.body.outputs))[loop.carries :]
        return [(symbol, inner) for symbol, inner in pairs if low.is_used(symbol) and low.is_plain(symbol)]

    def lower(self) -> None:
        """Add the kernels."""
        low, loop = self.low, self.loop
        for carry, start in zip(self.carries, self.node.inputs):
            at = partial(_in_turn, Index((), carry.first))
            low.add_map(carry.read, start.shape, partial(low.at, start), at)
        kernels, kept = self._body()
        kernels = fuse(kernels, kept)
        phases = in_phases(kernels, None, {})
        low.kernels.append(Repeat(low.fresh("scan"), self.time, loop.reverse, kernels, phases))
        for carry, symbol in zip(self.carries, self.node.outputs):
            low.add_map(
                low.buffers[symbol],
                symbol.shape,
                partial(_read, carry.written, Index((), carry.last)),
                partial(_stored_at, low, symbol),
            )

    def _body(self) -> tuple[list[Kernel], set[Buffer]]:
        """Return the kernels of one time, and the buffers that are needed after it."""
        from koubai.compiler.lower.lowering import Lowering

        low, node, loop = self.low, self.node, self.loop
        body = Lowering(loop.body, self._readers(), prefix=f"{low.fresh('loop')}.")
        constants = loop.carries + loop.sequences
        body.outside = low, dict(zip(loop.body.inputs[constants:], node.inputs[constants:]))
        goals = list(self._goals())
        for symbol, target, turn in goals:
            if body.is_plain(symbol) and body.maker[symbol].op.kind in (Kind.MAP, Kind.CONTRACTION):
                body.buffers[symbol] = target
                body.read_from(symbol, target, partial(_in_turn, turn))
        body.lower()
        low.shared.update(body.shared)  # of loops in this one
        for symbol, target, turn in goals:
            if body.buffers.get(symbol) is not target:
                body.add_map(target, symbol.shape, partial(body.at, symbol), partial(_in_turn, turn))
        return body.kernels, {target for _, target, _ in goals}

    def _goals(self) -> Iterator[tuple[Symbol, Buffer, Index]]:
        """Yield the values of the body that are needed after their time, where they go, and to which place in it."""
        loop, low = self.loop, self.low
        written = {carry.written for carry in self.carries}
        for number, symbol in enumerate(loop.body.outputs):
            if number < loop.carries:
                yield symbol, self.carries[number].written, self.carries[number].next
            elif low.is_used(made := self.node.outputs[number]) and low.buffers[made] not in written:
                yield symbol, low.buffers[made], self.now

    def _readers(self) -> dict[Symbol, Reader]:
        """Return how the body reads its inputs."""
        found: dict[Symbol, Reader] = {}
        loop = self.loop
        for number, symbol in enumerate(loop.body.inputs):
            outer = self.node.inputs[number]
            if number < loop.carries:
                found[symbol] = partial(_read, self.carries[number].read, self.carries[number].now)
            elif number < loop.carries + loop.sequences:
                found[symbol] = partial(_slice, self.low, outer, self.now)
            else:
                found[symbol] = partial(self.low.at, outer)
        return found


def _later(shift: int, indices: Indices) -> Indices:
    return (indices[0] + shift, *indices[1:])


def _in_turn(turn: Index, indices: Indices) -> Indices:
    return (turn, *indices)


def _read(buffer: Buffer, turn: Index, indices: Indices, guard: Guard = None) -> Expression:
    return load(buffer, (turn, *indices), guard)


def _slice(low: Lowering, symbol: Symbol, now: Index, indices: Indices, guard: Guard) -> Expression:
    return low.at(symbol, (now, *indices), guard)


def _stored_at(low: Lowering, symbol: Symbol, indices: Indices) -> Indices:
    return low.stored_at(symbol, indices)[1]
