"""Gradients of equal recipes: the ops of the first are written down again for the others, while a program is traced.

A gradient is a formula of what the recipe holds, so in equal layers only the symbols differ that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from koubai.dtypes import DType
from koubai.engine.modes import modes
from koubai.engine.recipe import Recipe
from koubai.engine.tensor import Tensor
from koubai.ops.graph import Node, comparable
from koubai.ops.op import Op, Shape, Symbol

if TYPE_CHECKING:
    from koubai.engine.trace import Tracer

LARGE = 64  # bytes of a constant that a formula may look at
Pulled = Sequence[Tensor | None]


class Replay:
    """The gradients that a program has so far.

    Args:
        tracer: writes the program down.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._known: dict[Hashable, _Passage | None] = {}

    def pull_back(
        self, recipe: Recipe, gradients: Pulled, positions: Sequence[int], rule: Callable[[], Pulled]
    ) -> Pulled:
        """Return the gradients of a recipe's inputs.

        Args:
            recipe: how something was made.
            gradients: of its outputs.
            positions: of the inputs whose gradients are needed.
            rule: writes down the ops that give them, and returns them.
        """
        given = self._given(recipe, gradients)
        key = None if given is None else self._key(recipe, gradients, positions, given)
        if given is None or key is None:
            return rule()
        passage = self._known.get(key)
        if passage is not None:
            return passage.again(self._tracer, gradients, given)
        first, changes = len(self._tracer.graph.nodes), self._tracer.change_count
        pulled = rule()
        if key not in self._known:
            changed = self._tracer.change_count != changes
            self._known[key] = None if changed else _passage(self._tracer, first, gradients, given, pulled)
        return pulled

    def _given(self, recipe: Recipe, gradients: Pulled) -> list[Symbol] | None:
        """Return the symbols that the rule can read; None if it may rest on more."""
        if not recipe.rule.is_formula or modes.steps is not None:
            return None
        held: list[Any] = [gradient for gradient in gradients if gradient is not None]
        for saved in recipe.saved.values():
            if saved.version.count != saved.seen:
                return None  # the rule says what has changed
            held.append(saved.value)
        found = [symbol for value in held if (symbol := self._symbol(value)) is not None]
        return found if len(found) == len(held) else None

    def _symbol(self, value: Any) -> Symbol | None:
        payload = value.payload if isinstance(value, Tensor) else value
        if isinstance(payload, Symbol) and self._tracer.owns(payload):
            return payload
        return self._tracer.captured.get(value) if isinstance(value, Tensor) else None

    def _key(
        self, recipe: Recipe, gradients: Pulled, positions: Sequence[int], given: Sequence[Symbol]
    ) -> Hashable:
        """Return what recipes have in common whose gradients are the same formulas; None if that cannot be told."""
        attributes = comparable(recipe.attributes)
        constants = [
            (n, array.tobytes())
            for n, symbol in enumerate(given)
            if (array := self._tracer.graph.constants.get(symbol)) is not None
        ]
        if attributes is None or any(len(data) > LARGE for _, data in constants):
            return None
        number: dict[Symbol, int] = {}
        return (
            recipe.rule,
            attributes,
            tuple(positions),
            tuple(recipe.saved),
            *[gradient is None for gradient in gradients],
            *[None if s is None else (s.shape, s.dtype) for s in (*recipe.inputs, *given)],
            *[number.setdefault(symbol, len(number)) for symbol in given],
            *constants,
        )


@dataclass(frozen=True)
class _Passage:
    """What a rule has written down.

    Attributes:
        nodes: for each op the op, its attributes, which of the values before it are its inputs, and what its outputs
            are. The first values are those that were given, then come constants.
        constants: these.
        results: for each gradient None, or whether it is one of those that arrived, and which of them or of the values.
    """

    nodes: list[tuple[Op, dict[str, Any], list[int], list[tuple[Shape, DType]]]]
    constants: list[Symbol]
    results: list[tuple[bool, int] | None]

    def again(self, tracer: Tracer, gradients: Pulled, given: Sequence[Symbol]) -> list[Tensor | None]:
        """Write it down for what is given."""
        values = [*given, *self.constants]
        for op, attributes, inputs, kinds in self.nodes:
            outputs = tuple([Symbol(shape, dtype) for shape, dtype in kinds])
            tracer.append(Node(op, tuple([values[n] for n in inputs]), attributes, outputs))
            values += outputs
        pulled: list[Tensor | None] = []
        for result in self.results:
            arrived, n = result or (False, -1)
            pulled.append(None if result is None else gradients[n] if arrived else Tensor(values[n]))
        return pulled


def _passage(
    tracer: Tracer, first: int, gradients: Pulled, given: Sequence[Symbol], pulled: Pulled
) -> _Passage | None:
    """Return what was written down from the `first` op on; None if it rests on more than what was given."""
    nodes = tracer.graph.nodes[first:]
    made = [symbol for node in nodes for symbol in node.outputs]
    results = [None if gradient is None else tracer.lift(gradient) for gradient in pulled]
    read = [symbol for node in nodes for symbol in node.inputs] + [s for s in results if s is not None]
    others = [s for s in dict.fromkeys(read) if s not in {*given, *made}]
    if not tracer.graph.constants.keys() >= set(others):
        return None
    number: dict[Symbol, int] = {}
    for n, symbol in enumerate((*given, *others, *made)):
        number.setdefault(symbol, n)
    written = [
        (
            node.op,
            node.attributes,
            [number[s] for s in node.inputs],
            [(s.shape, s.dtype) for s in node.outputs],
        )
        for node in nodes
    ]
    places = [
        None if symbol is None else _place(gradient, gradients, number[symbol])
        for gradient, symbol in zip(pulled, results)
    ]
    return _Passage(written, others, places)


def _place(result: Tensor | None, gradients: Pulled, number: int) -> tuple[bool, int]:
    """Return where a result is found again: the same tensor as one that arrived, or a value."""
    arrived = next((n for n, gradient in enumerate(gradients) if gradient is result), None)
    return (False, number) if arrived is None else (True, arrived)
