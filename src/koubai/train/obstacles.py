"""What a trainer has that keeps its steps from being compiled: Python code that wants to run in the middle of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from koubai.optim import Optimizer
from koubai.train.baseline import Baseline
from koubai.train.batch import device_of_model
from koubai.train.events import Callback, overrides
from koubai.train.update import ClipGradients

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["obstacle", "obstacle_to_steps", "wants_gradients"]

_WITHIN = ("after_loss", "after_backward", "before_update")
_NO_MATTER = {Baseline.after_loss, ClipGradients.before_update}  # can wait, and is traced
_WITH_GRADIENTS = ("on_step_start", "on_taps", "on_step_end")


def obstacle(trainer: Trainer) -> str | None:
    """Return what keeps everything from being compiled, None if nothing does."""
    device = device_of_model(trainer.model)
    if device.type != "cpu":
        return f"the model is on {device}, and compiled code is for the CPU"
    for path, module in trainer.model.named_modules():
        shelves = vars(module._hooks).values()
        hooks = [hook.function for shelf in shelves for hook in shelf.values()]
        if any(map(_is_foreign, hooks)):
            return f"a hook on {path or 'the model'} is Python code, which a compiled step would not run"
    return None


def obstacle_to_steps(trainer: Trainer) -> str | None:
    """Return what keeps training steps from being compiled, None if nothing does."""
    for callback in trainer.callbacks:
        for event in _WITHIN:
            if overrides(callback, event) and _function(callback, event) not in _NO_MATTER:
                return f"{type(callback).__name__}.{event} looks into the step"
    return _of_optimizer(trainer.optimizer) or _of_gradient_hooks(trainer)


def wants_gradients(callbacks: Iterable[Callback]) -> bool:
    """Whether a callback might look at gradients between two steps: one that is not ours, and told of each at once."""
    return any(
        overrides(callback, event) and _is_foreign(_function(callback, event))
        for callback in callbacks
        if not overrides(callback, "steps_ahead")
        for event in _WITH_GRADIENTS
    )


def _of_optimizer(optimizer: Any) -> str | None:
    kind = type(optimizer)
    plain = getattr(kind, "step", None) is Optimizer.step and kind._advance is Optimizer._advance
    if not plain:
        return f"{kind.__name__} has a step of its own"
    return "the optimizer has hooks" if optimizer._before or optimizer._after else None


def _of_gradient_hooks(trainer: Trainer) -> str | None:
    for name, parameter in trainer.model.named_parameters():
        hooks = [*(parameter._hooks or ()), *(parameter._accumulation_hooks or ())]
        if any(map(_is_foreign, hooks)):
            return f"a hook on {name} is Python code, which a compiled step would not run"
    return None


def _function(callback: Callback, event: str) -> Any:
    method = getattr(callback, event)
    return getattr(method, "__func__", method)


def _is_foreign(function: Any) -> bool:
    return not str(getattr(function, "__module__", "")).startswith("koubai.")
