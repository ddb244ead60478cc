"""`scan`: one step, given as a graph, repeated over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from koubai.arrays import Array
from koubai.ops.graph import Graph, idle_behind, interpret, place_constants, prune
from koubai.ops.op import Kind, Op, Symbol


@dataclass(frozen=True, eq=False)
class Loop:
    """A body and how it is repeated. The body takes (carry, this time's slices, constants) and gives (next carry,
    results).

    Attributes:
        body: the step.
        carries: how many of its inputs are the carry.
        sequences: how many of its inputs are slices of sequences.
        length: how often it is repeated.
        reverse: whether time runs backwards; the results keep their places.
    """

    body: Graph
    carries: int
    sequences: int
    length: int
    reverse: bool

    def with_body(self, graph: Graph, extra: Sequence[Symbol]) -> Loop:
        """Return the loop over another graph of the same step, with the symbols `extra` as further results."""
        body = prune(Graph(graph.inputs, graph.constants, graph.nodes, [*graph.outputs, *extra]))
        return Loop(body, self.carries, self.sequences, self.length, self.reverse)


def _forward(xp: Any, *inputs: Array, loop: Loop) -> tuple[Array, ...]:
    """Run the body at each time."""
    carry = list(inputs[: loop.carries])
    sequences = inputs[loop.carries : loop.carries + loop.sequences]
    constants = inputs[loop.carries + loop.sequences :]
    stacked = [xp.empty((loop.length, *s.shape), s.dtype) for s in loop.body.outputs[loop.carries :]]
    body = place_constants(loop.body, inputs)
    times, idle = range(loop.length), idle_behind(body)
    for t in reversed(times) if loop.reverse else times:
        arrays = [*carry, *(sequence[t] for sequence in sequences), *constants]
        results = interpret(body, arrays, idle)
        carry = results[: loop.carries]
        for stack, result in zip(stacked, results[loop.carries :]):
            stack[t] = result
    return (*carry, *stacked)


def _rule(*inputs: Symbol, loop: Loop) -> tuple[Symbol, ...]:
    carry = [Symbol(s.shape, s.dtype) for s in loop.body.outputs[: loop.carries]]
    stacked = [Symbol((loop.length, *s.shape), s.dtype) for s in loop.body.outputs[loop.carries :]]
    return (*carry, *stacked)


# Inputs: the first carry, the sequences (time first), constants. Outputs: the last carry, the stacked results.
scan_op = Op("scan", Kind.SCAN, _forward, _rule)
