"""Runs one forward and backward pass of a network and writes down every step of it, with the gradients it led to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from koubai.engine.recipe import Edge, Recipe
from koubai.engine.steps import Operand, Step, writing_down
from koubai.engine.tensor import Tensor
from koubai.nn.function_layer import FunctionLayer
from koubai.nn.module import Module
from koubai.ops.op import Kind, Op

__all__ = ["Call", "Recording", "label", "record"]

Key = tuple[int, int]  # a value: the identity of its recipe and the position there, or of its array and -1
_labels: list[dict[Key, str]] = []  # of the recordings that are going on


@dataclass(frozen=True)
class Call:
    """A module that was called.

    Attributes:
        path: its name in the model, such as "0" or "encoder.linear".
        module: the module.
        start: the first step of the call.
        stop: the step behind its last.
    """

    path: str
    module: Module
    start: int
    stop: int


@dataclass
class Recording:
    """What happened in one forward and backward pass.

    Attributes:
        steps: the ops, in order.
        calls: the modules, in the order in which they finished.
        labels: the names that the program gave to values.
        output: what the network answered.
        loss: one number.
        loss_start: the first step of the loss.
        gradients: of every value on the way, the gradient of the loss, as backpropagation found it.
    """

    steps: list[Step] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    labels: dict[Key, str] = field(default_factory=dict)
    output: Key = (0, -1)
    outputs: Tensor | None = None
    loss: Key = (0, -1)
    loss_value: float = 0.0
    loss_start: int = 0
    gradients: dict[Key, Any] = field(default_factory=dict)

    def activation_of(self, step: int) -> Call | None:
        """The call of an activation layer that a step is part of: such a layer counts as one function."""
        for call in self.calls:
            if call.start <= step < call.stop and isinstance(call.module, FunctionLayer):
                return call
        return None

    def path_of(self, step: int) -> str:
        """The innermost module that ran a step; empty for the model itself."""
        return next((call.path for call in self.calls if call.start <= step < call.stop), "")


def key_of(operand: Operand) -> Key:
    """Return what tells a value apart from others."""
    edge = operand.edge
    return (id(operand.array), -1) if edge is None else (id(edge.source), edge.position)


def moves_only(step: Step) -> bool:
    """Tell whether a step only puts elements in other places, so that they keep their names."""
    return isinstance(step.rule, Op) and step.rule.kind is Kind.MOVEMENT and len(step.outputs) == 1


def label(name: str, tensor: Tensor) -> Tensor:
    """Give a value of a network the name that a worksheet shows, and return it.

    Args:
        name: one letter, or a little more.
        tensor: the value.

    Returns:
        the tensor, unchanged; while no worksheet is made, nothing else happens.

    Example:
        >>> def forward(self, x):
        ...     return label("y", koubai.sigmoid(label("u", self.linear(x))))
    """
    for labels in _labels:
        labels[key_of_tensor(tensor)] = name
    return tensor


def key_of_tensor(tensor: Tensor) -> Key:
    """Return the key of a tensor as it is now."""
    return key_of(Operand(tensor.payload, tensor.edge))


def record(
    model: Module, inputs: Sequence[Tensor], loss: Callable[[Tensor], Tensor], parameters: Sequence[Tensor]
) -> Recording:
    """Run a network forward and backward, and write it down.

    Args:
        model: the network; the gradients of its parameters are added to their `.grad`.
        inputs: its arguments.
        loss: a function of what it returns (of the first tensor, where it returns several), which gives one number.
        parameters: the leaves whose gradients are wanted.

    Returns:
        the steps, and the gradient of every value.

    Raises:
        ValueError: if the loss is not one number.
    """
    recording = Recording()
    with _labelling(recording), writing_down(recording.steps), _calls_of(model, recording):
        answer = model(*inputs)
        output = answer[0] if isinstance(answer, tuple | list) else answer
        recording.loss_start = len(recording.steps)
        total = loss(output)
    if total.numel() != 1:
        raise ValueError(f"the loss must be one number, but it has shape {list(total.shape)}")
    recording.output, recording.loss = key_of_tensor(output), key_of_tensor(total)
    recording.outputs, recording.loss_value = output.detach(), float(total.item())
    _catch_gradients(recording)
    total.backward()
    recording.gradients |= {key_of_tensor(p): p.grad.numpy() for p in parameters if p.grad is not None}
    return recording


@contextmanager
def _labelling(recording: Recording) -> Iterator[None]:
    _labels.append(recording.labels)
    try:
        yield
    finally:
        _labels.remove(recording.labels)


@contextmanager
def _calls_of(model: Module, recording: Recording) -> Iterator[None]:
    """Note which steps each module runs."""
    with ExitStack() as stack:
        for path, module in model.named_modules():
            _watch(path, module, recording, stack)
        yield


def _watch(path: str, module: Module, recording: Recording, stack: ExitStack) -> None:
    starts: list[int] = []

    def enter(*_: Any) -> None:
        starts.append(len(recording.steps))

    def leave(*_: Any) -> None:
        recording.calls.append(Call(path, module, starts.pop(), len(recording.steps)))

    stack.callback(module.register_forward_pre_hook(enter).remove)
    stack.callback(module.register_forward_hook(leave).remove)


def _catch_gradients(recording: Recording) -> None:
    """Ask for the gradient of every result on the way."""
    for step in recording.steps:
        for operand in step.outputs:
            if operand.edge is not None and isinstance(operand.edge.source, Recipe):
                _catch(operand.edge, recording.gradients)


def _catch(edge: Edge, gradients: dict[Key, Any]) -> None:
    recipe = edge.source
    assert isinstance(recipe, Recipe)

    def keep(gradient: Tensor) -> None:
        gradients[id(recipe), edge.position] = gradient.numpy(force=True)

    if recipe.hooks is None:
        recipe.hooks = {}
    recipe.hooks.setdefault(edge.position, []).append(keep)
