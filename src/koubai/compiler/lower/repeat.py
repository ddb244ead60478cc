"""Loops over time: the body is lowered like a program of its own, in which each kernel knows the time.

What is carried from one time to the next lies in two places that take turns: at each time one is read and the other is
written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from koubai.compiler.buffer import Buffer
from koubai.compiler.expression import load
from koubai.compiler.fuse import fuse
from koubai.compiler.index import Axis, Index
from koubai.compiler.kernel import Repeat
from koubai.compiler.phases import in_phases
from koubai.ops.graph import Node
from koubai.ops.op import Symbol
from koubai.ops.scan import Loop

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering, Reader


def repeat(low: Lowering, node: Node) -> None:
    """Lower a scan: set the carry, repeat the body, take the last carry."""
    from koubai.compiler.lower.lowering import Lowering

    loop: Loop = node.attributes["loop"]
    time = Axis(loop.length)
    now = Index.of(time) if loop.length > 1 else Index()
    carries = [_Carry(low, symbol) for symbol in loop.body.inputs[: loop.carries]]
    first = loop.length - 1 if loop.reverse else 0
    for carry, start in zip(carries, node.inputs):
        low.add_map(
            carry.now,
            start.shape,
            lambda at, s=start: low.at(s, at),
            lambda at: (Index((), first % 2), *at),
        )
    body = Lowering(loop.body, _readers(low, loop, node, carries, now), prefix=f"{low.fresh('loop')}.")
    body.outside = (
        low,
        dict(
            zip(
                loop.body.inputs[loop.carries + loop.sequences :],
                node.inputs[loop.carries + loop.sequences :],
            )
        ),
    )
    kernels = body.lower()
    kept = {carry.next for carry in carries}
    for number, symbol in enumerate(loop.body.outputs):
        if number < loop.carries:
            target, at_time = carries[number].next, (now + 1) % 2
        else:
            target, at_time = low.buffers[node.outputs[number]], now
            if not low.is_used(node.outputs[number]):
                continue
            kept.add(target)
        body.add_map(
            target,
            symbol.shape,
            lambda at, s=symbol: body.at(s, at),
            lambda at, t=at_time: (t, *at),
        )
    kernels = fuse(body.kernels, kept)
    low.kernels.append(Repeat(low.fresh("scan"), time, loop.reverse, kernels, in_phases(kernels, None, {})))
    last = 0 if loop.reverse else loop.length - 1
    for carry, symbol in zip(carries, node.outputs):
        low.add_map(
            low.buffers[symbol],
            symbol.shape,
            lambda at, c=carry: load(c.next, (Index((), (last + 1) % 2), *at)),
            lambda at, s=symbol: low.stored_at(s, at)[1],
        )


class _Carry:
    """The two places of one carried value: `now` is how they are read, `next` how they are written."""

    def __init__(self, low: Lowering, symbol: Symbol) -> None:
        shape = (2, *symbol.shape)
        self.now = low.new_buffer(shape, symbol.dtype, "carry")
        self.next = Buffer(self.now.name + "'", shape, symbol.dtype)
        low.shared[self.next] = self.now


def _readers(
    low: Lowering, loop: Loop, node: Node, carries: list[_Carry], now: Index
) -> dict[Symbol, Reader]:
    """Return how the body reads its inputs."""
    found: dict[Symbol, Reader] = {}
    for number, symbol in enumerate(loop.body.inputs):
        outer = node.inputs[number]
        if number < loop.carries:
            place = carries[number].now
            found[symbol] = lambda at, guard, p=place: load(p, (now % 2, *at), guard)
        elif number < loop.carries + loop.sequences:
            found[symbol] = lambda at, guard, s=outer: low.at(s, (now, *at), guard)
        else:
            found[symbol] = lambda at, guard, s=outer: low.at(s, at, guard)
    return found
