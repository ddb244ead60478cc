"""From the steps of a network to formulas: forward each value from what it is made of, backward the chain rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from koubai.engine.recipe import Recipe
from koubai.engine.steps import Operand, Step
from koubai.explain.expression import Named, NotWritten, Role, is_plain
from koubai.explain.local import Local
from koubai.explain.naming import distinct, value_letters
from koubai.explain.recording import Key, Recording, key_of
from koubai.explain.symbol import Letter
from koubai.explain.value import Value, gradient_value, named_value
from koubai.explain.written import Elements, elements
from koubai.i18n import _
from koubai.ops.graph import Node
from koubai.ops.op import Op

__all__ = ["Derivation"]

_INSIDE = {"amax": "m", "sum": "s"}


class Derivation:
    """The formulas of one recorded pass.

    Args:
        recording: what the network did.
        given: the values that have names already: inputs, target and parameters.

    Attributes:
        answer: what the network answers.
        forward: the named values in the order in which they are computed; the last one is the loss.
        backward: their gradients and those of the parameters, in the order in which backpropagation finds them.

    Raises:
        NotWritten: if a step cannot be written as formulas on single numbers.
    """

    def __init__(self, recording: Recording, given: Mapping[Key, Value]) -> None:
        self._recording = recording
        self._values = dict(given)
        self._written: dict[Key, Elements] = {key: value.cells for key, value in given.items()}
        self._letters = value_letters(recording, {key: value.letter for key, value in given.items()})
        self._locals: dict[int, Local] = {}
        self._parts: dict[Node, Value] = {}
        self.forward: list[Value] = []
        for number, step in enumerate(recording.steps):
            self._go_forward(number, step)
        self.answer = self._answer()
        self._arrived: dict[Key, Elements] = {recording.loss: np.ones((), object)}  # ∂L/∂L = 1
        self.backward: list[Value] = []
        for number in reversed(range(len(recording.steps))):
            self._go_back(number, recording.steps[number])

    # --- forward

    def _go_forward(self, number: int, step: Step) -> None:
        inputs = [self._look_up(operand) for operand in step.inputs if operand is not None]
        if not any(array.dtype == object for array in inputs):
            return  # constants stay numbers
        self._locals[number] = local = Local(step)
        for operand, formulas in zip(step.outputs, local.forward(inputs, self._namer(number, step))):
            if formulas.dtype == object:
                self._written[key_of(operand)] = self._named(number, operand, formulas)

    def _named(self, number: int, operand: Operand, formulas: Elements) -> Elements:
        """Give the elements of a result their names, if it gets one."""
        key = key_of(operand)
        if key not in self._letters:
            return formulas
        path = self._recording.path_of(number)
        value = named_value(self._letters[key], operand.array, Role.VALUE, formulas, path)
        self._values[key] = value
        self.forward.append(value)
        return value.cells

    def _namer(
        self, number: int, step: Step, backward: bool = False
    ) -> Callable[[Node, Elements], Elements] | None:
        """Composites are long: what they sum up, or the largest of something, gets a name within them."""
        if isinstance(step.rule, Op):
            return None

        def name(node: Node, formulas: Elements) -> Elements:
            letter = _INSIDE.get(node.op.name)
            if letter is None or formulas.dtype != object or formulas.size == step.outputs[0].array.size:
                return formulas
            if node not in self._parts and not backward:
                numbers = self._locals[number].numbers(step, node.outputs[0])
                self._parts[node] = self._part(letter, numbers, formulas, number)
            return self._parts[node].cells if node in self._parts else formulas

        return name

    def _part(self, letter: str, numbers: Any, formulas: Elements, number: int) -> Value:
        taken = [value.letter for value in (*self._values.values(), *self._parts.values())]
        (own,) = distinct([Letter(letter)], [*taken, *self._letters.values()])
        value = named_value(own, numbers, Role.VALUE, formulas, self._recording.path_of(number))
        self.forward.append(value)
        return value

    def _look_up(self, operand: Operand) -> Any:
        """Return what is written for an operand; a constant is its own array."""
        written = self._written.get(key_of(operand))
        if written is None and operand.edge is not None:
            source = operand.edge.source
            name = source.name if isinstance(source, Recipe) else "a tensor"
            raise NotWritten(_("{name} cannot be written as formulas on single numbers.").format(name=name))
        return operand.array if written is None else written

    def _answer(self) -> Value:
        """The value of the answer; one that only moves elements of others is made of these."""
        output = self._recording.output
        if output in self._values:
            return self._values[output]
        cells = self._written.get(output)
        if cells is None or not all(isinstance(cell, Named) for cell in cells.flat):
            raise NotWritten(_("The answer of the network does not depend on its inputs and parameters."))
        by_cell = {cell: value for value in self._values.values() for cell in value}
        return Value(by_cell[cells.flat[0]].letter, cells)

    # --- backward

    def _go_back(self, number: int, step: Step) -> None:
        for operand in step.outputs:
            self._name_gradient(key_of(operand))
        if any(key_of(operand) in self._arrived for operand in step.outputs):
            self._hand_on(number, step)
        for read in step.inputs:
            if read is not None and self._is_first_reader(number, read):
                self._name_gradient(key_of(read))

    def _name_gradient(self, key: Key) -> None:
        """A gradient that is complete gets its name, if its value has one."""
        if key in self._arrived and key in self._values and key in self._recording.gradients:
            formulas, numbers = self._arrived[key], self._recording.gradients[key]
            loss = self._letters[self._recording.loss]
            gradient = gradient_value(loss, self._values[key], numbers, formulas)
            self.backward.append(gradient)
            if key != self._recording.loss:
                self._arrived[key] = _without_zeros(gradient.cells)

    def _is_first_reader(self, number: int, operand: Operand) -> bool:
        """Tell whether a step is the first that reads a leaf, behind which no more of its gradient comes."""
        if operand.edge is None or isinstance(operand.edge.source, Recipe):
            return False
        readers = (o for step in self._recording.steps[:number] for o in step.inputs if o is not None)
        return all(key_of(other) != key_of(operand) for other in readers)

    def _hand_on(self, number: int, step: Step) -> None:
        inputs = [self._look_up(operand) for operand in step.inputs if operand is not None]
        outputs = [self._written.get(key_of(o), o.array) for o in step.outputs]
        arriving = [
            self._arrived.get(key_of(o), np.zeros(o.array.shape, object))
            for o in step.outputs
            if o.edge is not None and o.array.dtype.kind == "f"
        ]
        wanting = [operand for operand in step.inputs if operand is not None and operand.edge is not None]
        namer = self._namer(number, step, backward=True)
        found = self._locals[number].handed_on(inputs, outputs, arriving, namer)
        for operand, formulas in zip(wanting, found):
            before = self._arrived.get(key_of(operand))
            self._arrived[key_of(operand)] = formulas if before is None else before + formulas


def _without_zeros(cells: Elements) -> Elements:
    """Where no gradient arrives, none is handed on."""
    return elements([0 if is_plain(c.formula) and not c.formula else c for c in cells.flat], cells.shape)
