"""Loops over time: the body is lowered like a program of its own, in which each kernel knows the time.

What is carried from one time to the next lies in two places that take turns: at each time one is read and the other is
written.
"""

from __future__ import annotations

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
from koubai.ops.op import Symbol
from koubai.ops.scan import Loop

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering, Reader


def repeat(low: Lowering, node: Node) -> None:
    """Lower a scan: set the carry, repeat the body, take the last carry."""
    _Repetition(low, node).lower()


class _Repetition:
    """One scan that is lowered.

    Attributes:
        time: the loop; `now` is its value as an index.
        places: for each carried value, how it is read and how the next one is written.
    """

    def __init__(self, low: Lowering, node: Node) -> None:
        self.low, self.node = low, node
        self.loop: Loop = node.attributes["loop"]
        self.time = Axis(self.loop.length)
        self.now = Index.of(self.time)
        self.places = [self._place(symbol) for symbol in self.loop.body.inputs[: self.loop.carries]]

    def _place(self, symbol: Symbol) -> tuple[Buffer, Buffer]:
        """Return the buffer of a carried value, and the same memory under another name for what is written."""
        shape = (2, *symbol.shape)
        read = self.low.new_buffer(shape, symbol.dtype, "carry")
        written = Buffer(read.name + "'", shape, symbol.dtype)
        self.low.shared[written] = read
        return read, written

    def lower(self) -> None:
        """Add the kernels."""
        low, loop, length = self.low, self.loop, self.loop.length
        first, last = (length - 1, 0) if loop.reverse else (0, length - 1)
        for (read, _), start in zip(self.places, self.node.inputs):
            low.add_map(read, start.shape, partial(low.at, start), partial(_in_turn, Index((), first % 2)))
        kernels, kept = self._body()
        kernels = fuse(kernels, kept)
        phases = in_phases(kernels, None, {})
        low.kernels.append(Repeat(low.fresh("scan"), self.time, loop.reverse, kernels, phases))
        for (_, written), symbol in zip(self.places, self.node.outputs):
            at = Index((), (last + 1) % 2)
            low.add_map(
                low.buffers[symbol],
                symbol.shape,
                partial(_read, written, at),
                partial(_stored_at, low, symbol),
            )

    def _body(self) -> tuple[list[Kernel], set[Buffer]]:
        """Return the kernels of one time, and the buffers that are needed after it."""
        from koubai.compiler.lower.lowering import Lowering

        low, node, loop = self.low, self.node, self.loop
        body = Lowering(loop.body, self._readers(), prefix=f"{low.fresh('loop')}.")
        constants = loop.carries + loop.sequences
        body.outside = low, dict(zip(loop.body.inputs[constants:], node.inputs[constants:]))
        body.lower()
        low.shared.update(body.shared)  # of loops in this one
        kept = {written for _, written in self.places}
        for number, symbol in enumerate(loop.body.outputs):
            if number < loop.carries:
                target, turn = self.places[number][1], (self.now + 1) % 2
            elif low.is_used(node.outputs[number]):
                target, turn = low.buffers[node.outputs[number]], self.now
                kept.add(target)
            else:
                continue
            body.add_map(target, symbol.shape, partial(body.at, symbol), partial(_in_turn, turn))
        return body.kernels, kept

    def _readers(self) -> dict[Symbol, Reader]:
        """Return how the body reads its inputs."""
        found: dict[Symbol, Reader] = {}
        loop = self.loop
        for number, symbol in enumerate(loop.body.inputs):
            outer = self.node.inputs[number]
            if number < loop.carries:
                found[symbol] = partial(_read, self.places[number][0], self.now % 2)
            elif number < loop.carries + loop.sequences:
                found[symbol] = partial(_slice, self.low, outer, self.now)
            else:
                found[symbol] = partial(self.low.at, outer)
        return found


def _in_turn(turn: Index, indices: Indices) -> Indices:
    return (turn, *indices)


def _read(buffer: Buffer, turn: Index, indices: Indices, guard: Guard = None) -> Expression:
    return load(buffer, (turn, *indices), guard)


def _slice(low: Lowering, symbol: Symbol, now: Index, indices: Indices, guard: Guard) -> Expression:
    return low.at(symbol, (now, *indices), guard)


def _stored_at(low: Lowering, symbol: Symbol, indices: Indices) -> Indices:
    return low.stored_at(symbol, indices)[1]
