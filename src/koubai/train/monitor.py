"""Watching one value of the history: is it better than before, and by enough?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from koubai.train.events import Callback
from koubai.tree import copied

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["Best", "Mode", "Monitor"]

Mode = Literal["auto", "min", "max"]


class Monitor:
    """A value of the epoch's logs and which way is better.

    Args:
        name: Its name in the logs, such as `"val_loss"`; None for the validation loss, or without
            validation the training loss.
        mode: `"min"`, `"max"`, or `"auto"`: what the loss or metric of this name says.
        min_delta: Only a change by more than this is an improvement.
    """

    def __init__(self, name: str | None = None, mode: Mode = "auto", min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be auto, min or max, got {mode!r}")
        self.name = name
        self.mode = mode
        self.min_delta = abs(min_delta)

    def name_in(self, trainer: Trainer) -> str:
        """Return the name of the value in the trainer's logs.

        Raises:
            ValueError: There will be no such value.
        """
        name = self.name or ("loss" if trainer.validation is None else "val_loss")
        if name not in trainer.log_names():
            hint = "; give fit() validation data" if name.startswith("val_") else ""
            raise ValueError(
                f"nothing to monitor is called {name!r}, only {', '.join(trainer.log_names())}{hint}"
            )
        return name

    def value(self, trainer: Trainer) -> float:
        """Return the value of this epoch."""
        return float(trainer.logs[self.name_in(trainer)])

    def is_better(self, trainer: Trainer, value: float, than: float | None) -> bool:
        """Whether `value` improves on `than`; anything but NaN improves on None."""
        if than is None:
            return value == value
        mode = trainer.mode_of(self.name_in(trainer)) if self.mode == "auto" else self.mode
        return value > than + self.min_delta if mode == "max" else value < than - self.min_delta


class Best(Callback):
    """Notes the best epoch, and if asked keeps its weights and puts them back when the training ends.

    Args:
        monitor: What to judge epochs by.
        restore: Whether the model gets the best epoch's weights back at the end, however the training ended.

    Attributes:
        value: The best value, None before the first epoch.
        epoch: The epoch that reached it, from 1.
        improved: Whether the last epoch was the best so far.
    """

    def __init__(self, monitor: Monitor, restore: bool = False) -> None:
        self.monitor = monitor
        self.restore = restore
        self._forget()

    def _forget(self) -> None:
        self.value: float | None = None
        self.epoch = 0
        self.improved = False
        self.weights: dict[str, Any] | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin anew, and refuse a monitor that will never have a value."""
        self._forget()
        self.monitor.name_in(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Compare this epoch with the best."""
        value = self.monitor.value(trainer)
        self.improved = self.monitor.is_better(trainer, value, self.value)
        if self.improved:
            self.note(trainer, value)

    def note(self, trainer: Trainer, value: float) -> None:
        """Make this epoch the best."""
        self.value, self.epoch = value, trainer.progress.epoch
        self.weights = copied(trainer.model.state_dict()) if self.restore else None

    def on_fit_end(self, trainer: Trainer) -> None:
        """Put the best weights back."""
        if self.restore and self.weights is not None:
            trainer.model.load_state_dict(self.weights)
            trainer.kept_epoch = self.epoch

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, its epoch and weights."""
        return {"value": self.value, "epoch": self.epoch, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any], trainer: Trainer) -> None:
        """Go on from a best epoch noted before."""
        self.value, self.epoch, self.weights = state["value"], state["epoch"], state["weights"]
