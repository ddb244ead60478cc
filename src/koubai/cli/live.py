"""The moving part of the progress, below the table: how far it is, what is left, and the current numbers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from koubai.i18n import _
from koubai.report.labels import clock, label, written

if TYPE_CHECKING:
    from koubai.train.progress import Progress


class Position:
    """Where a training is, drawn as two lines.

    Args:
        progress: the trainer's own counts, read at each redraw.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.values: Mapping[str, float] = {}
        self.updates = 0
        self.samples = 0
        self.started = time.monotonic()

    def advance(self, samples: int, values: Mapping[str, float]) -> None:
        """Count one step of this process.

        Args:
            samples: how many samples it used.
            values: loss, metrics and learning rate to show.
        """
        self.updates += 1
        self.samples += samples
        self.values = values

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        bar = ProgressBar(total=self.progress.steps, completed=self.progress.step)
        grid.add_row(self.place(), bar, self.time_left())
        yield grid
        yield Text(self.numbers(), style="dim", no_wrap=True, overflow="ellipsis")

    def place(self) -> str:
        """Which epoch and step this is."""
        now = self.progress
        if now.steps is None:
            return _("epoch {epoch}/{epochs}  step {step}").format(**vars(now))
        return _("epoch {epoch}/{epochs}  step {step}/{steps}").format(**vars(now))

    def time_left(self) -> str:
        """How long the rest takes at the speed so far; nothing where an epoch's length is unknown."""
        now = self.progress
        if now.steps is None or not self.updates:
            return ""
        rest = (now.epochs - now.epoch + 1) * now.steps - now.step
        return _("{clock} left").format(clock=clock(rest * self._elapsed() / self.updates))

    def numbers(self) -> str:
        """Loss, metrics, learning rate and speed."""
        shown = [f"{label(name)} {written(name, value)}" for name, value in self.values.items()]
        speed = _("{speed:,.0f} samples/s").format(speed=self.samples / self._elapsed())
        return " · ".join([*shown, speed])

    def _elapsed(self) -> float:
        return max(time.monotonic() - self.started, 1e-6)


def live_view(position: Position, console: Console) -> Live | None:
    """A display that redraws `position` by itself; None where there is no screen to draw on."""
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    return Live(position, console=console, transient=True, refresh_per_second=8)
