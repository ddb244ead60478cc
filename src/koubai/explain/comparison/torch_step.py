"""Runs a worksheet's step in PyTorch: the same network, weights and data, in float64."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from koubai.explain.comparison.opened import results
from koubai.explain.comparison.outputs import Outputs
from koubai.explain.comparison.theirs import FrameworkMissing, NotTranslated, Seen, Snapshot, Theirs
from koubai.explain.comparison.translation import Translator
from koubai.explain.worksheet import Problem, doubled
from koubai.i18n import _
from koubai.optim.optimizer import Optimizer

__all__ = ["torch_step"]


def torch_step(problem: Problem, steps: int = 1) -> Theirs:
    """Take steps of training in PyTorch.

    Args:
        problem: the network, its data, loss and optimizer.
        steps: how many.

    Raises:
        FrameworkMissing: if PyTorch is not installed.
        NotTranslated: if it has no counterpart of the network, the loss or the optimizer.
    """
    torch = _torch()
    model, inputs, target = doubled(problem)
    translate = Translator()
    try:
        twin, loss = translate(model), translate(problem.loss)
        given, wanted = [translate(tensor) for tensor in inputs], translate(target)
        optimizer = _optimizer(torch, problem, twin)
        return _Run(torch, twin, given, wanted, loss, optimizer).steps(steps)
    except NotTranslated:
        raise
    except (AttributeError, TypeError, NameError, RuntimeError, ValueError, NotImplementedError) as error:
        message = _("This network does not run in PyTorch: {error}")
        raise NotTranslated(message.format(error=error)) from error


def _torch() -> Any:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise FrameworkMissing(_("PyTorch is not installed: pip install torch")) from error
    return torch


def _optimizer(torch: Any, problem: Problem, twin: Any) -> Any:
    """The optimizer of the same name with the same options."""
    name = problem.optimizer.__name__
    kind = getattr(torch.optim, name, None)
    if kind is None:
        raise NotTranslated(_("PyTorch has no optimizer {name}.").format(name=name))
    known = inspect.signature(kind).parameters
    lacking = [option for option in problem.options if option not in known and option != "form"]
    if lacking:
        message = _("PyTorch's {name} has no option {options}.")
        raise NotTranslated(message.format(name=name, options=", ".join(lacking)))
    options = {option: value for option, value in problem.options.items() if option != "form"}
    return kind(
        [p for p in twin.parameters() if p.requires_grad], **_defaults(problem.optimizer, known) | options
    )


def _defaults(optimizer: type[Optimizer], known: Mapping[str, Any]) -> dict[str, Any]:
    """Our defaults, so that they are compared and not PyTorch's; of numbers only."""
    ours = inspect.signature(optimizer).parameters.values()
    return {p.name: p.default for p in ours if p.name in known and type(p.default) in (int, float, tuple)}


class _Run:
    """The steps of one network."""

    def __init__(
        self, torch: Any, twin: Any, inputs: Sequence[Any], target: Any, loss: Any, optimizer: Any
    ) -> None:
        self.torch, self.twin, self.inputs, self.target = torch, twin, inputs, target
        self.loss, self.optimizer = loss, optimizer

    def steps(self, count: int) -> Theirs:
        others = self._opened()
        with Outputs(self.twin) as outputs:
            _answer, loss = self._forward()
        modules = outputs.found
        _keep_gradients([*modules.values(), loss])
        loss.backward()
        gradients = [_array(p.grad) for p in self.twin.parameters()]
        snapshots = [self._step(loss)]
        answer_after, loss_after = self._forward()
        after = (_array(answer_after), float(loss_after.detach()))
        for _number in range(count - 1):
            self.optimizer.zero_grad()
            _answer, again = self._forward()
            again.backward()
            snapshots.append(self._step(again))
        return Theirs(
            "PyTorch",
            self.torch.__version__.partition("+")[0],
            {place: _seen(tensor) for place, tensor in modules.items()},
            others,
            gradients,
            _seen(loss),
            *after,
            snapshots,
        )

    def _opened(self) -> list[Seen]:
        """What happens within modules and functions, from a run of its own that leaves everything as it was."""
        state = {name: tensor.clone() for name, tensor in self.twin.state_dict().items()}
        with results(self.torch) as kept:
            _answer, loss = self._forward()
        _keep_gradients(kept.found)
        loss.backward()
        self.twin.zero_grad()
        self.twin.load_state_dict(state)
        return [_seen(tensor) for tensor in kept.found]

    def _forward(self) -> tuple[Any, Any]:
        answer = self.twin(*self.inputs)
        output = answer[0] if isinstance(answer, tuple | list) else answer
        return output, self.loss(output) if self.target is None else self.loss(output, self.target)

    def _step(self, loss: Any) -> Snapshot:
        self.optimizer.step()
        parameters = [_array(p).copy() for p in self.twin.parameters()]
        return Snapshot(float(loss.detach()), parameters, [self._memory(p) for p in self.twin.parameters()])

    def _memory(self, parameter: Any) -> dict[str, Any]:
        state = self.optimizer.state.get(parameter, {})
        memory = {name: _array(value).copy() for name, value in state.items() if hasattr(value, "detach")}
        if "momentum_buffer" in memory and type(self.optimizer) is self.torch.optim.SGD:
            memory["velocity"] = -self.optimizer.param_groups[0]["lr"] * memory["momentum_buffer"]
        return memory


def _keep_gradients(tensors: Iterable[Any]) -> None:
    for tensor in tensors:
        if tensor.requires_grad:
            tensor.retain_grad()


def _seen(tensor: Any) -> Seen:
    gradient = tensor.grad if tensor.requires_grad else None
    return Seen(_array(tensor), _array(gradient))


def _array(tensor: Any) -> Any:
    return None if tensor is None else tensor.detach().numpy()
