"""Shows a training while it runs: a line for each epoch, and below it how far the current one is."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from koubai.cli.epoch_table import EpochTable
from koubai.cli.live import Position, live_view
from koubai.train.events import Callback

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

_REFRESH = 0.1  # seconds between two readings of the metrics, which cost time where a metric keeps all scores


class ProgressView(Callback):
    """Prints the progress of a training.

    On a terminal two lines below the table move; in a pipe there are only the lines of finished epochs, without
    control codes.

    Args:
        console: where to print.
        metrics: names of the metrics to show beside the loss.
        validated: whether there is validation.
    """

    def __init__(self, console: Console, metrics: Sequence[str], validated: bool) -> None:
        self.console = console
        self.metrics = metrics
        self.judged = "val_loss" if validated else "loss"
        self.live: Live | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Start the table and the moving lines."""
        self.best = math.inf
        self.samples = 0
        self.last_reading = 0.0
        self.position = Position(trainer.progress)
        self.table = EpochTable(
            trainer.progress.epochs, self.metrics, self.judged == "val_loss", max(self.console.width, 40)
        )
        for line in self.table.header():
            self._print(line)
        self.live = live_view(self.position, self.console)
        if self.live:
            self.live.start()

    def on_resume(self, trainer: Trainer) -> None:
        """Know what was best before the interruption."""
        self.best = min(trainer.history.get(self.judged, []), default=math.inf)

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Count this epoch's samples from where it starts, which may be its middle."""
        self.samples = trainer.progress.samples

    def on_step_end(self, trainer: Trainer) -> None:
        """Move the lines on."""
        new = trainer.progress.samples - self.samples
        self.samples = trainer.progress.samples
        self.position.advance(new, self._numbers(trainer))

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Print the epoch's line."""
        logs = {name: value for name, value in trainer.logs.items() if isinstance(value, int | float)}
        judged = logs.get(self.judged, math.nan)
        better = judged < self.best
        self.best = judged if better else self.best
        now = trainer.progress
        self._print(self.table.row(now.epoch, {**logs, "lr": now.lr}, now.seconds, better))

    def on_close(self, trainer: Trainer) -> None:
        """Leave the screen tidy."""
        if self.live:
            self.live.stop()

    def _numbers(self, trainer: Trainer) -> Mapping[str, float]:
        """The running values, read anew only now and then."""
        now = time.monotonic()
        if self.live is None or now - self.last_reading < _REFRESH:
            return self.position.values
        self.last_reading = now
        values: dict[str, Any] = trainer.meter.compute()
        shown = {name: values[name] for name in ("loss", *self.metrics) if name in values}
        return {**shown, "lr": trainer.progress.lr}

    def _print(self, line: Any) -> None:
        self.console.print(line, soft_wrap=True, highlight=False)
