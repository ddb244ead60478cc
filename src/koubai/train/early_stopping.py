"""Stops a training that no longer gets better, by validation or by the training loss itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from koubai.i18n import _
from koubai.train.monitor import Best, Mode, Monitor

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["EarlyStopping", "NoMoreImprovement"]


class EarlyStopping(Best):
    """Stop when the monitored value has not improved for `patience` epochs.

    Arguments and defaults are those of `keras.callbacks.EarlyStopping`. Unlike there, the best weights are
    restored whenever `restore_best_weights` is set, also when the training went through all its epochs.

    Args:
        monitor: The value of the logs to watch.
        min_delta: Only a change by more than this is an improvement.
        patience: How many epochs without improvement to wait.
        verbose: 1 prints when the training is stopped and which weights are restored; 0 is silent.
        mode: `"min"`, `"max"` or `"auto"` (by the metric).
        baseline: Improvements do not count as long as the value is not better than this (as Keras's page has
            it; its code goes on waiting while the value gets better).
        restore_best_weights: Whether to put the weights of the best epoch back at the end.
        start_from_epoch: How many epochs to let pass before watching.

    Attributes:
        stopped_epoch: The epoch (from 1) after which it stopped the training, 0 if it did not.

    Example:
        >>> EarlyStopping("val_accuracy", patience=5, restore_best_weights=True)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(Monitor(monitor, mode, min_delta), restore_best_weights)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.start_from_epoch = start_from_epoch

    def _forget(self) -> None:
        super()._forget()
        self.waited = 0
        self.stopped_epoch = 0

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Count the epochs without improvement."""
        if trainer.progress.epoch <= self.start_from_epoch:
            return
        super().on_epoch_end(trainer)
        self.waited += 1
        if self.improved and self._beats_baseline(trainer):
            self.waited = 0
        elif self.waited >= self.patience and trainer.progress.epoch > 1:
            self.stopped_epoch = trainer.progress.epoch
            reason = _("{name} has not improved for {epochs} epochs")
            trainer.stop(reason.format(name=self.monitor.name, epochs=self.waited))
            self._say(_("Epoch {epoch}: {news}").format(epoch=self.stopped_epoch, news=trainer.stop_reason))

    def on_fit_end(self, trainer: Trainer) -> None:
        """Put the best weights back, if asked."""
        super().on_fit_end(trainer)
        if self.weights is not None:
            self._say(_("The weights of epoch {epoch} are restored.").format(epoch=self.epoch))

    def _say(self, news: str) -> None:
        if self.verbose:
            print(news)

    def _beats_baseline(self, trainer: Trainer) -> bool:
        value = self.monitor.value(trainer)
        return self.baseline is None or self.monitor.is_better(trainer, value, self.baseline)

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch and the counters."""
        return {**super().state_dict(), "waited": self.waited, "stopped_epoch": self.stopped_epoch}

    def load_state_dict(self, state: dict[str, Any], trainer: Trainer) -> None:
        """Go on counting."""
        super().load_state_dict(state, trainer)
        self.waited, self.stopped_epoch = state["waited"], state["stopped_epoch"]


class NoMoreImprovement(EarlyStopping):
    """Stop when the training loss no longer falls: the training has learnt what it can.

    Args:
        min_delta: Only a fall by more than this is an improvement.
        patience: How many epochs without improvement to wait.
    """

    def __init__(self, min_delta: float = 1e-4, patience: int = 3) -> None:
        super().__init__("loss", min_delta=min_delta, patience=patience)
