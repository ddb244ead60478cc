"""The whole step on paper: `explain` makes a worksheet of a network, a sample, a loss and an optimizer.

Every number in it comes from the engine: values from running the network, gradients from `backward()`, the update from
the optimizer's step.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import koubai
from koubai import nn
from koubai.engine.modes import no_grad
from koubai.engine.tensor import Tensor
from koubai.explain.derivation import Derivation
from koubai.explain.expression import Named, Role
from koubai.explain.naming import given_letters
from koubai.explain.recording import Key, Recording, key_of_tensor, record
from koubai.explain.symbol import Letter
from koubai.explain.update import Update, written_update
from koubai.explain.value import Value, named_value
from koubai.i18n import _
from koubai.nn.module import Module
from koubai.optim.optimizer import Optimizer
from koubai.optim.sgd import SGD

__all__ = ["MOST_NUMBERS", "Problem", "Worksheet", "doubled", "explain", "solve"]

MOST_NUMBERS = 5000  # a worksheet with more would not be read
_USUAL_MOMENTUM = 0.9


@dataclass(frozen=True)
class Problem:
    """What a worksheet is about.

    Attributes:
        model: the network; it is not changed.
        inputs: its arguments.
        target: what the loss compares the answer with; None for a loss of the answer alone.
        loss: a function of the answer and the target.
        optimizer: the class of the optimizer.
        options: its options, such as lr.
        letters: what the inputs are called.
        title: the name of the network, for headings.
    """

    model: Module
    inputs: tuple[Tensor, ...]
    target: Tensor | None = None
    loss: Callable[..., Tensor] = nn.functional.mse_loss
    optimizer: type[Optimizer] = SGD
    options: Mapping[str, Any] = field(default_factory=dict)
    letters: tuple[str, ...] = ("x",)
    title: str = ""


@dataclass(frozen=True, eq=False)
class Worksheet:
    """One training step, written out.

    Attributes:
        problem: what it is about.
        inputs: the inputs, and the target as the last one if there is one.
        parameters: the parameters before the step.
        answer: what the network answers.
        forward: every named value in the order of the forward pass; the last is the loss.
        backward: their gradients and the parameters', in the order in which backpropagation finds them.
        updates: the step of the optimizer; for momentum in two forms, the classical one and PyTorch's.
        momentum: what the step would be with momentum, in both forms, if it is plain gradient descent.
        after: the answer and the loss with the new parameters.
        recording: the steps of the engine.
    """

    problem: Problem
    inputs: list[Value]
    parameters: list[Value]
    answer: Value
    forward: list[Value]
    backward: list[Value]
    updates: list[Update]
    momentum: list[Update]
    after: list[Value]
    recording: Recording

    @property
    def loss(self) -> Named:
        """The loss before the step."""
        return self.forward[-1].cells.item()  # type: ignore[no-any-return]

    @property
    def loss_after(self) -> Named:
        """The loss with the new parameters."""
        return self.after[-1].cells.item()  # type: ignore[no-any-return]

    def gradients(self) -> dict[Letter, Value]:
        """The gradient of each value that has one, by the value's letter."""
        return {value.letter: value for value in self.backward}

    def __getitem__(self, key: str) -> float:
        """Return a number by its name in plain characters, such as "w1_12" or "dL/dw1_12".

        Raises:
            KeyError: if there is none of this name.
        """
        return self.named(key).value

    def named(self, key: str) -> Named:
        """Return a named number by its name in plain characters.

        Raises:
            KeyError: if there is none of this name.
        """
        for cell in self.cells():
            if cell.symbol.key == key:
                return cell
        raise KeyError(key)

    def cells(self) -> list[Named]:
        """Return every number of the step up to the update, in order; of the update the last form."""
        update = self.updates[-1]
        values = [*self.inputs, *self.parameters, *self.forward, *self.backward]
        values += [*update.before, *update.memory, *update.parameters]
        return [*update.options, *(cell for value in values for cell in value)]

    def __str__(self) -> str:
        from koubai.explain.text import worksheet_text

        return worksheet_text(self)


def explain(
    model: Module,
    *inputs: Tensor,
    target: Tensor | None = None,
    loss: Callable[..., Tensor] = nn.functional.mse_loss,
    optimizer: type[Optimizer] = SGD,
    letters: Sequence[str] = (),
    title: str = "",
    **options: Any,
) -> Worksheet:
    """Write one training step of a small network out: forward, loss, backward with the chain rule, update.

    Args:
        model: the network. It is computed in float64, on a copy.
        inputs: its arguments, with the batch as the first dimension where the model wants one.
        target: what the loss compares the answer with.
        loss: `loss(answer, target)`, one number; `loss(answer)` without a target.
        optimizer: its class.
        letters: what the inputs are called; by default x.
        title: the name of the network, for headings.
        options: the optimizer's options; without lr it is 0.1.

    Returns:
        a worksheet: `print` shows it, `koubai.report.write_worksheet` makes a page, a sheet to fill in, or a workbook.

    Raises:
        ValueError: if the network has more numbers than fit on a worksheet, or the loss is not one number.
        RuntimeError: if an op cannot be written as formulas on single numbers.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1))
        >>> sheet = koubai.explain(model, koubai.tensor([[1.0, 0.5]]), target=koubai.tensor([[1.0]]), lr=0.1)
        >>> sheet["dL/dw2_1"]
    """
    names = tuple(letters) or (("x",) if len(inputs) == 1 else tuple(f"x{n + 1}" for n in range(len(inputs))))
    return solve(Problem(model, inputs, target, loss, optimizer, {"lr": 0.1, **options}, names, title))


def solve(problem: Problem) -> Worksheet:
    """Make the worksheet of a problem; see `explain`."""
    model, inputs, target = doubled(problem)
    parameters, shown = _named(problem, model, inputs, target)
    given = dict(zip(map(key_of_tensor, model.parameters()), parameters))
    for tensor, value in zip((*inputs, target), shown):
        if tensor is not None and tensor.is_floating_point():
            given[key_of_tensor(tensor)] = value
    recording = record(model, inputs, _loss_of(problem, target), list(model.parameters()))
    _refuse_large(recording, given)
    found = Derivation(recording, given)
    sheet = Worksheet(
        problem, shown, parameters, found.answer, found.forward, found.backward, [], [], [], recording
    )
    sheet.updates.extend(_updates(sheet, model, problem.options))
    if problem.optimizer is SGD and not problem.options.get("momentum"):
        sheet.momentum.extend(_updates(sheet, model, {**problem.options, "momentum": _USUAL_MOMENTUM}))
    sheet.after.extend(_after(sheet, sheet.updates[-1].model, inputs, target))
    return sheet


def _named(
    problem: Problem, model: Module, inputs: Sequence[Tensor], target: Tensor | None
) -> tuple[list[Value], list[Value]]:
    """Name the parameters, and the inputs with the target behind them if there is one."""
    names, tensors = zip(*model.named_parameters())
    own, others = given_letters(names, problem.letters, target is not None)
    shown = [*inputs] if target is None else [*inputs, target]
    return (
        [named_value(letter, t.detach().numpy(), Role.PARAMETER) for letter, t in zip(own, tensors)],
        [named_value(letter, t.numpy(), Role.INPUT) for letter, t in zip(others, shown)],
    )


def doubled(problem: Problem) -> tuple[Module, tuple[Tensor, ...], Tensor | None]:
    """Return copies of a problem's network, inputs and target in float64; integers stay.

    Raises:
        ValueError: if the network has no parameters.
    """
    model = copy.deepcopy(problem.model).double()
    model.zero_grad()
    if not any(True for _parameter in model.parameters()):
        raise ValueError(_("This network has no parameters, so there is nothing to train."))
    inputs = tuple(_double(tensor) for tensor in problem.inputs)
    return model, inputs, None if problem.target is None else _double(problem.target)


def _double(tensor: Tensor) -> Tensor:
    values = tensor.detach()
    return koubai.tensor(values.double().numpy() if values.is_floating_point() else values.numpy())


def _loss_of(problem: Problem, target: Tensor | None) -> Callable[[Tensor], Tensor]:
    return lambda answer: problem.loss(answer) if target is None else problem.loss(answer, target)


def _refuse_large(recording: Recording, given: Mapping[Key, Value]) -> None:
    count = sum(o.array.size for step in recording.steps for o in step.outputs) + sum(
        map(len, given.values())
    )
    if count > MOST_NUMBERS:
        message = _("This network has {count} numbers; a worksheet shows up to {most}. Make it smaller.")
        raise ValueError(message.format(count=count, most=MOST_NUMBERS))


def _updates(sheet: Worksheet, model: Module, options: Mapping[str, Any]) -> list[Update]:
    """The step of the optimizer; with momentum in both forms, on a copy of the network each."""
    problem = sheet.problem
    forms: list[dict[str, Any]] = [dict(options)]
    if problem.optimizer is SGD and options.get("momentum"):
        forms = [{**options, "form": form} for form in ("classical", "pytorch")]
    return [
        written_update(problem.optimizer, options, _copy(model), sheet.parameters, sheet.gradients())
        for options in forms
    ]


def _copy(model: Module) -> Module:
    copied = copy.deepcopy(model)
    for new, old in zip(copied.parameters(), model.parameters()):
        new.grad = old.grad
    return copied


def _after(sheet: Worksheet, model: Module, inputs: Sequence[Tensor], target: Tensor | None) -> list[Value]:
    """The answer and the loss with the new parameters."""
    with no_grad():
        answer = model(*inputs)
        output = answer[0] if isinstance(answer, tuple | list) else answer
        loss = _loss_of(sheet.problem, target)(output)
    letter = sheet.answer.letter
    return [
        named_value(replace(letter, new=True), output.numpy(), Role.VALUE),
        named_value(replace(sheet.forward[-1].letter, new=True), loss.numpy(), Role.VALUE),
    ]
