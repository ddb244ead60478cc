"""What a network runs, turn by turn: layers taken as a whole, and the ops of the user's own code between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from koubai.engine.steps import Operand, Step, writing_down
from koubai.engine.tensor import Tensor
from koubai.explain.recording import Key, key_of, key_of_tensor
from koubai.nn.module import Module

__all__ = ["Place", "Program", "Turn", "program_of"]

Place = tuple[
    str, int
]  # the path of a module and how often it had been called before; of an op "" and its number


@dataclass(frozen=True)
class Turn:
    """A layer or an op that was run.

    Attributes:
        place: where it is.
        runs: the layer, or the op with its attributes.
        reads: the values that it read.
        makes: what tells apart the values that it made.
    """

    place: Place
    runs: Module | Step
    reads: Sequence[Operand]
    makes: Sequence[Key]


@dataclass(frozen=True)
class Program:
    """The turns of a forward pass.

    Attributes:
        turns: those that the answer needs, in order.
        inputs: what tells the arguments apart.
        parameters: names of parameters by what tells them apart.
        answer: the value that the network answered; of several, the first.
    """

    turns: Sequence[Turn]
    inputs: Sequence[Key]
    parameters: dict[Key, str]
    answer: Key


def program_of(model: Module, inputs: Sequence[Tensor], layers: Collection[type[Module]]) -> Program:
    """Run a network and write down what it does.

    Args:
        model: the network.
        inputs: its arguments.
        layers: kinds of modules that are taken as a whole.
    """
    steps: list[Step] = []
    calls: list[_Call] = []
    with ExitStack() as stack, writing_down(steps):
        for path, module in model.named_modules():
            if isinstance(module, tuple(layers)):
                _watch(path, module, steps, calls, stack)
        answer = _flat(model(*inputs))[0]
    parameters = {key_of_tensor(tensor): name for name, tensor in model.named_parameters()}
    given = [key_of_tensor(tensor) for tensor in inputs]
    turns = _needed(list(_turns(steps, calls)), key_of_tensor(answer))
    return Program(turns, given, parameters, key_of_tensor(answer))


@dataclass
class _Call:
    """A layer that ran the steps from `start` to `stop`."""

    path: str
    layer: Module
    start: int
    stop: int
    reads: Sequence[Operand]
    makes: Sequence[Key]


def _watch(path: str, layer: Module, steps: list[Step], calls: list[_Call], stack: ExitStack) -> None:
    starts: list[int] = []

    def enter(*_: Any) -> None:
        starts.append(len(steps))

    def leave(_layer: Any, given: Any, answer: Any) -> None:
        reads = [Operand(tensor.payload, tensor.edge) for tensor in _flat(given)]
        makes = [key_of_tensor(tensor) for tensor in _flat(answer)]
        calls.append(_Call(path, layer, starts.pop(), len(steps), reads, makes))

    stack.callback(layer.register_forward_pre_hook(enter).remove)
    stack.callback(layer.register_forward_hook(leave).remove)


def _turns(steps: Sequence[Step], calls: Sequence[_Call]) -> Iterator[Turn]:
    """Layers and ops in their order; what is within a layer is left out."""
    times: Counter[str] = Counter()
    done = 0
    for call in sorted(calls, key=lambda call: (call.start, -call.stop)):
        if call.stop < done or (call.start < done and call.stop == done):
            continue  # a layer within a layer
        yield from _ops(steps, done, call.start)
        yield Turn((call.path, times[call.path]), call.layer, call.reads, call.makes)
        times[call.path] += 1
        done = call.stop
    yield from _ops(steps, done, len(steps))


def _ops(steps: Sequence[Step], start: int, stop: int) -> Iterator[Turn]:
    for number, step in enumerate(steps[start:stop], start):
        reads = [operand for operand in step.inputs if operand is not None]
        yield Turn(("", number), step, reads, [key_of(operand) for operand in step.outputs])


def _needed(turns: list[Turn], answer: Key) -> list[Turn]:
    wanted, kept = {answer}, []
    for turn in reversed(turns):
        if wanted.intersection(turn.makes):
            kept.append(turn)
            wanted.update(map(key_of, turn.reads))
    return kept[::-1]


def _flat(values: Any) -> list[Tensor]:
    """The tensors in nested tuples and lists."""
    if isinstance(values, Tensor):
        return [values]
    return [t for value in values for t in _flat(value)] if isinstance(values, tuple | list) else []
