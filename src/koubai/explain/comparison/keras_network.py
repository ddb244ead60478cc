"""A Koubai network that runs in Keras: turn by turn, its layers and the ops of the user's own code between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from koubai.engine.steps import Operand, Step
from koubai.engine.tensor import Tensor
from koubai.explain.comparison.keras_layers import LAYERS, Part, Weight
from koubai.explain.comparison.keras_ops import keras_op
from koubai.explain.comparison.program import Place, Turn, program_of
from koubai.explain.comparison.theirs import NotTranslated
from koubai.explain.recording import Key, key_of
from koubai.i18n import _
from koubai.nn.module import Module

__all__ = ["Network", "Seeing"]

Seeing = Callable[[Place, Any], Any]  # gets the place and the answer of every turn, and returns what goes on


class Network:
    """A network in Keras, with the numbers of ours.

    Args:
        model: ours.
        inputs: its arguments; layers of Keras get their variables from them.
        keras: the module.
        tensor: makes a tensor of Keras' backend from an array.

    Attributes:
        parts: what holds the variables, by the path of our module.
        layers: those of Keras that are called, by their turns' places.

    Raises:
        NotTranslated: if Keras has no counterpart of a layer or an op.
    """

    def __init__(
        self, model: Module, inputs: Sequence[Tensor], keras: Any, tensor: Callable[[Any], Any]
    ) -> None:
        self._keras, self._tensor = keras, tensor
        self._program = program_of(model, inputs, LAYERS)
        self.parts: dict[str, Part] = {}
        self.layers: dict[Place, Part] = {}
        for turn in self._program.turns:
            self._add_layer(turn)
        self._variables = {key: self._variable(key, model) for key in self._read_by_ops()}
        self._calls = [self._call(turn) for turn in self._program.turns]
        self.run([tensor(np.array(x.numpy())) for x in inputs])  # the first call makes the variables
        for path, part in self.parts.items():
            _fill(part, model.get_submodule(path))

    @property
    def notes(self) -> list[str]:
        """Where Keras' conventions differ, each once, in the user's language."""
        return list(dict.fromkeys(_(note) for part in self.parts.values() for note in part.notes))

    @property
    def merged(self) -> bool:
        """Whether Keras keeps one bias for two somewhere."""
        return any(part.merged for part in self.parts.values())

    def run(self, inputs: Sequence[Any], seen: Seeing = lambda place, value: value) -> Any:
        """Run the network.

        Args:
            inputs: its arguments, as tensors of Keras' backend.
            seen: is given the answer of every turn, and returns what the next ones read; a tuple is an answer with
                other values that come with it.
        """
        known: dict[Key, Any] = dict(zip(self._program.inputs, inputs))
        known |= {key: self._keras.ops.convert_to_tensor(v) for key, v in self._variables.items()}
        for turn, call in zip(self._program.turns, self._calls):
            value = seen(turn.place, call(*(self._read(operand, known) for operand in turn.reads)))
            known.update(zip(turn.makes, value if isinstance(value, tuple) else (value,)))
        return known[self._program.answer]

    def _read(self, operand: Operand, known: dict[Key, Any]) -> Any:
        key = key_of(operand)
        if key in known:
            return known[key]
        if operand.edge is not None:
            raise NotTranslated(_("Keras' layer does not show a value that your code goes on with."))
        return self._tensor(np.array(operand.array))

    # --- what is there in Keras

    def _add_layer(self, turn: Turn) -> None:
        """Find or make the layer of a turn that is one."""
        if isinstance(turn.runs, Module):
            path, _times = turn.place
            if path not in self.parts:
                build = next(build for kind, build in LAYERS.items() if isinstance(turn.runs, kind))
                self.parts[path] = build(turn.runs, self._keras)
            self.layers[turn.place] = self.parts[path]

    def _call(self, turn: Turn) -> Callable[..., Any]:
        if isinstance(turn.runs, Step):
            return keras_op(turn.runs, self._keras.ops)
        return self.layers[turn.place].call

    def _read_by_ops(self) -> list[Key]:
        """The parameters that code of the user's reads, each once."""
        ops = [turn for turn in self._program.turns if isinstance(turn.runs, Step)]
        read = dict.fromkeys(key_of(operand) for turn in ops for operand in turn.reads)
        return [key for key in read if key in self._program.parameters]

    def _variable(self, key: Key, model: Module) -> Any:
        """A variable for a parameter that belongs to no layer of Keras'."""
        path, _dot, name = self._program.parameters[key].rpartition(".")
        if path in self.parts and any(name in weight.names for weight in self.parts[path].weights):
            message = _("{name} is a layer's in Keras, and cannot be read outside of it.")
            raise NotTranslated(message.format(name=self._program.parameters[key]))
        array = np.array(model.get_parameter(self._program.parameters[key]).detach().numpy())
        variable = self._keras.Variable(array, dtype=self._keras.config.floatx())
        own = self.parts.setdefault(path, Part(_nothing))
        self.parts[path] = Part(_nothing, [*own.weights, Weight(lambda: variable, (name,))])
        return variable


def _nothing(*_values: Any) -> None:
    """A module that is no layer of Keras' has variables, but is not called."""


def _fill(part: Part, module: Module) -> None:
    """Give Keras our numbers."""
    own = {name: np.array(parameter.detach().numpy()) for name, parameter in module.named_parameters()}
    for weight in part.weights:
        weight.variable().assign(weight.layout(sum(own[name] for name in weight.names)))
