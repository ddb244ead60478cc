"""Small callbacks around the update: clipping gradients before it, stepping the learning rate after it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

from koubai.optim import clip_grad_norm_, clip_grad_value_
from koubai.optim.lr_scheduler import CyclicLR, OneCycleLR, ReduceLROnPlateau
from koubai.train.events import Callback
from koubai.train.monitor import Monitor

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["ClipGradients", "StepScheduler"]


class ClipGradients(Callback):
    """Clip the complete gradients of a step, by their total norm, then by value.

    Args:
        norm: The largest total 2-norm; None does not clip by norm.
        value: The largest absolute value of an element; None does not clip by value.
    """

    def __init__(self, norm: float | None = None, value: float | None = None) -> None:
        for name, limit in (("clip_norm", norm), ("clip_value", value)):
            if limit is not None and not limit > 0:
                raise ValueError(f"{name} has to be positive, got {limit}")
        self.norm = norm
        self.value = value

    def before_update(self, trainer: Trainer) -> None:
        """Clip."""
        parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
        if self.norm is not None:
            clip_grad_norm_(parameters, self.norm)
        if self.value is not None:
            clip_grad_value_(parameters, self.value)


class StepScheduler(Callback):
    """Step the trainer's learning-rate scheduler after each step or each epoch.

    Args:
        every: When to step it; None means after each step for `OneCycleLR` and `CyclicLR`, which count steps,
            and after each epoch for all others. `ReduceLROnPlateau` judges epochs, whatever is given.
        monitor: What `ReduceLROnPlateau` is told.
    """

    def __init__(self, every: Literal["step", "epoch"] | None, monitor: Monitor) -> None:
        if every not in ("step", "epoch", None):
            raise ValueError(f"schedule_every must be 'step' or 'epoch', got {every!r}")
        self.every = every
        self.monitor = monitor

    def on_step_end(self, trainer: Trainer) -> None:
        """Step a scheduler that counts steps."""
        if trainer.lr_scheduler is not None and self._counts(trainer.lr_scheduler) == "step":
            trainer.lr_scheduler.step()

    def steps_ahead(self, trainer: Trainer) -> int:
        """Return how many steps keep the learning rate."""
        scheduler = trainer.lr_scheduler
        return 1 if scheduler is not None and self._counts(scheduler) == "step" else sys.maxsize

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Step a scheduler that counts epochs."""
        scheduler = trainer.lr_scheduler
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(self.monitor.value(trainer))
        elif scheduler is not None and self._counts(scheduler) == "epoch":
            scheduler.step()

    def _counts(self, scheduler: Any) -> str:
        if isinstance(scheduler, ReduceLROnPlateau):
            return "epoch"
        return self.every or ("step" if isinstance(scheduler, OneCycleLR | CyclicLR) else "epoch")
