"""Changes the optimizer during a training, for example Adam for a quick start and then SGD with momentum.

Keskar and Socher, "Improving Generalization Performance by Switching from Adam to SGD" (2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from koubai.optim import Optimizer
from koubai.train.events import Callback

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["SwitchOptimizer"]


class SwitchOptimizer(Callback):
    """Train with another optimizer from an epoch on.

    Args:
        at: The first epoch (from 1) with the new optimizer.
        make: Makes the optimizer from the list of parameters that the old one holds.
        lr_scheduler: Makes a scheduler for the new optimizer, which is stepped as the trainer's own was; the
            old one has no effect any more. None keeps the new learning rate constant.

    Example:
        >>> SwitchOptimizer(at=6, make=lambda parameters: SGD(parameters, lr=0.01, momentum=0.9))
    """

    def __init__(
        self,
        at: int,
        make: Callable[[list[Any]], Optimizer],
        lr_scheduler: Callable[[Optimizer], Any] | None = None,
    ) -> None:
        if at < 1:
            raise ValueError(f"epochs are counted from 1, so at cannot be {at}")
        self.at = at
        self.make = make
        self.lr_scheduler = lr_scheduler
        self.switched = False

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin with the first optimizer."""
        self.switched = False

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Switch when the time has come."""
        if not self.switched and trainer.progress.epoch >= self.at:
            self._switch(trainer)

    def _switch(self, trainer: Trainer) -> None:
        held = [parameter for group in trainer.optimizer.param_groups for parameter in group["params"]]
        trainer.optimizer = self.make(held)
        trainer.lr_scheduler = self.lr_scheduler and self.lr_scheduler(trainer.optimizer)
        self.switched = True

    def state_dict(self) -> dict[str, Any]:
        """Return whether the switch was made."""
        return {"switched": self.switched}

    def load_state_dict(self, state: dict[str, Any], trainer: Trainer) -> None:
        """Make the switch again if it was made; the trainer loads the new optimizer's state after this."""
        if state["switched"] and not self.switched:
            self._switch(trainer)
        self.switched = state["switched"]
