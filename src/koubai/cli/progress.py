"""Shows a training while it runs: a line for each epoch, and below it how far the current one is."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from koubai.cli.epoch_table import EpochTable
from koubai.cli.live import Position, live_view
from koubai.train.events import Callback

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

_REFRESH = 0.1  # seconds between two readings of the metrics, which cost time where a metric keeps all scores


class ProgressView(Callback):
    """Prints the progress of a training.

    On a terminal two lines below the table move; in a pipe there are only the lines of finished epochs,
    without control codes.

    Args:
        console: where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live: Live | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Lay out the table and the moving lines."""
        self.seen = 0
        self.last_reading = 0.0
        self.names = [metric.name for metric in trainer.metrics]
        self.position = Position(trainer.progress)
        validated = trainer.validation is not None
        self.table = EpochTable(trainer.progress.epochs, self.names, validated, self.console.width)
        self.live = live_view(self.position, self.console)
        self.begun = False

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Show the head of the table once; count this epoch's samples from where it starts, maybe its middle."""
        self.seen = trainer.progress.samples
        if not self.begun:
            self.begun = True
            self._begin()

    def on_step_end(self, trainer: Trainer) -> None:
        """Move the lines on."""
        self.position.advance(trainer.progress.samples - self.seen, self._numbers(trainer))
        self.seen = trainer.progress.samples

    def steps_ahead(self, trainer: Trainer) -> int:
        """Numbers are enough to show."""
        return sys.maxsize

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Print the epoch's line, marked where it is the best so far."""
        now = trainer.progress
        self._print(
            self.table.row(now.epoch, {**trainer.logs, "lr": now.lr}, now.seconds, trainer.best.improved)
        )

    def on_close(self, trainer: Trainer) -> None:
        """Leave the screen tidy."""
        if self.live:
            self.live.stop()

    def _begin(self) -> None:
        for line in self.table.header():
            self._print(line)
        if self.live:
            self.live.start()

    def _numbers(self, trainer: Trainer) -> Mapping[str, float]:
        """The running values, read anew only now and then."""
        now = time.monotonic()
        if self.live is None or now - self.last_reading < _REFRESH:
            return self.position.values
        self.last_reading = now
        values: dict[str, Any] = trainer.meter.compute()
        return {name: values[name] for name in ("loss", *self.names)} | {"lr": trainer.progress.lr}

    def _print(self, line: Text) -> None:
        self.console.print(line, soft_wrap=True)
