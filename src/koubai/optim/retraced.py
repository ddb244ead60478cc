"""A rule traced once for all parameters that are alike: what it wrote down for one is written down again for others.

A rule is a formula, so the only things that differ from parameter to parameter are the tensors that it is given and the
numbers that it asks for.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from koubai.engine.tensor import Tensor
from koubai.engine.trace import Tracer
from koubai.ops.graph import Node
from koubai.ops.op import Symbol
from koubai.optim.rule import Asked, Rule, Scalars, State, key_of_formula


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
        if passage is not None:
            updated, *values = passage.again(self._tracer, given, scalars)
            return updated, dict(zip(passage.entries, values))
        first, changed = len(self._tracer.graph.nodes), self._tracer.change_count
        updated, remembered = self._rule(parameter, gradient, state, scalars)
        if alike not in self._known and self._tracer.change_count == changed:
            nodes, asked = self._tracer.graph.nodes[first:], scalars.options.asked
            before, results = ([*map(self._tracer.lift, t)] for t in (given, (updated, *remembered.values())))
            passage = _Passage(nodes, asked, before, results, list(remembered))
            self._known[alike] = passage if passage.is_whole(self._tracer) else None
        return updated, remembered


@dataclass(frozen=True)
class _Passage:
    """What a rule has written down.

    Attributes:
        nodes: the ops.
        asked: the numbers that it asked for.
        given: the symbols of the tensors that it was given.
        results: the symbols of what it returned: the parameter, and the entries of the state.
        entries: the names of these entries.
    """

    nodes: list[Node]
    asked: list[Asked]
    given: list[Symbol]
    results: list[Symbol]
    entries: list[str]

    def is_whole(self, tracer: Tracer) -> bool:
        """Whether it rests on nothing else, such as a random generator, and one symbol stands for one tensor."""
        known = {*self.given, *(number.payload for _, number in self.asked), *tracer.graph.constants}
        known.update(symbol for node in self.nodes for symbol in node.outputs)
        needed = {*self.results, *(symbol for node in self.nodes for symbol in node.inputs)}
        plain = all(key_of_formula(formula) is not None for formula, _ in self.asked)
        return plain and needed <= known and len(set(self.given)) == len(self.given)

    def again(self, tracer: Tracer, tensors: Sequence[Tensor], scalars: Scalars) -> list[Tensor]:
        """Write it down for other tensors and numbers, and return the results."""
        names = dict(zip(self.given, map(tracer.lift, tensors)))
        names.update((number.payload, scalars(formula).payload) for formula, number in self.asked)
        for node in self.nodes:
            outputs = tuple(map(tracer.symbol, node.outputs))
            names.update(zip(node.outputs, outputs))
            inputs = tuple([names.get(symbol, symbol) for symbol in node.inputs])
            tracer.graph.nodes.append(Node(node.op, inputs, node.attributes, outputs))
        return [Tensor(names.get(symbol, symbol)) for symbol in self.results]
