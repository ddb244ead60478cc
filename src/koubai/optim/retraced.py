"""A rule traced once for all parameters that are alike: the program calls it for each of them.

A rule is a formula, so the only things that differ from parameter to parameter are the tensors that it is given and the
numbers that it asks for.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from koubai.engine.tensor import Tensor
from koubai.engine.trace import Tracer
from koubai.ops.call import call
from koubai.ops.graph import Graph
from koubai.ops.op import Symbol
from koubai.optim.rule import Asked, Rule, Scalars, State


class Retraced:
    """A rule for the parameters of one group, while a step is traced.

    Args:
        rule: the rule.
        tracer: writes the step down.
    """

    def __init__(self, rule: Rule, tracer: Tracer) -> None:
        self._rule, self._tracer = rule, tracer
        self._known: dict[Hashable, _Passage | None] = {}

    def __call__(
        self, parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars
    ) -> tuple[Tensor, State]:
        """Return the parameter and the state after one step, as the rule does."""
        given = [parameter, gradient, *state.values()]
        alike = (*state, *((tensor.shape, tensor.dtype) for tensor in given))
        passage = self._known.get(alike)
        if passage is None:
            nodes, changed = self._tracer.graph.nodes, self._tracer.change_count
            first = len(nodes)
            updated, remembered = self._rule(parameter, gradient, state, scalars)
            if alike not in self._known and self._tracer.change_count == changed:
                results = [updated, *remembered.values()]
                passage = _passage(self._tracer, first, given, scalars.options.asked, results, remembered)
                self._known[alike] = passage
            if passage is None:
                return updated, remembered
            del nodes[first:]  # the call takes their place
        updated, *values = passage.again(self._tracer, given, scalars)
        return updated, dict(zip(passage.entries, values))


@dataclass(frozen=True)
class _Passage:
    """What a rule has written down.

    Attributes:
        body: its ops, from the tensors that it was given and the numbers that it asked for to the parameter and the
            entries of the state.
        asked: the numbers.
        entries: the names of the entries.
    """

    body: Graph
    asked: list[Asked]
    entries: list[str]

    def again(self, tracer: Tracer, tensors: Sequence[Tensor], scalars: Scalars) -> list[Tensor]:
        """Call it for some tensors and numbers, and return the results."""
        numbers = [scalars.options.again(asked) for asked in self.asked]
        return [*map(Tensor, tracer.record(call, (*tensors, *numbers), {"body": self.body}))]


def _passage(
    tracer: Tracer, first: int, given: list[Tensor], asked: list[Asked], results: list[Tensor], entries: State
) -> _Passage | None:
    """Return what was written down from the `first` op on; None if it rests on more than the rule was given."""
    nodes, constants = tracer.graph.nodes[first:], tracer.graph.constants
    before = [tracer.lift(tensor) for tensor in given]
    inputs = [*before, *(tracer.lift(one.number) for one in asked)]
    outputs = [tracer.lift(tensor) for tensor in results]
    needed = {*outputs, *(symbol for node in nodes for symbol in node.inputs)}
    fixed = {symbol: constants[symbol] for symbol in needed & constants.keys()}
    made: set[Symbol] = {symbol for node in nodes for symbol in node.outputs}
    plain = all(one.same is not None for one in asked)
    if not plain or not needed <= made.union(inputs, fixed) or len(set(before)) < len(before):
        return None
    return _Passage(Graph(inputs, fixed, nodes, outputs), [*asked], list(entries))
