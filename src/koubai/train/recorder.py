"""Writes a training into its run record while it goes on, and takes it up again from there."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from koubai.i18n import _
from koubai.train.events import Callback
from koubai.train.record_error import writing

if TYPE_CHECKING:
    from koubai.train.record import RunRecord
    from koubai.train.trainer import Trainer

__all__ = ["Recorder"]

_FLUSH_SECONDS = 0.5


class Recorder(Callback):
    """Records steps, epochs and checkpoints. It has to be the last callback, to see what all others did.

    Args:
        record: Where to.
        resume: Whether to go on from the newest checkpoint. Without one the run begins at the beginning.
        every_steps: Updates between two checkpoints, None for no limit.
        every_seconds: Seconds between two checkpoints, None for no limit.
    """

    def __init__(
        self,
        record: RunRecord,
        resume: bool = False,
        every_steps: int | None = None,
        every_seconds: float | None = 60.0,
    ) -> None:
        if every_steps is not None and every_steps < 1:
            raise ValueError(f"checkpoint_steps has to be at least 1, got {every_steps}")
        self.record = record
        self.resume = resume
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self._begun = False  # until then nothing is written: the run may be another process's
        self._rows: list[tuple[Any, ...]] = []
        self._flushed = self._saved = time.monotonic()
        self._saved_at: tuple[Any, ...] = ()

    def on_fit_start(self, trainer: Trainer) -> None:
        """Take the run for this process, and load its newest checkpoint or write the first."""
        self._take()
        trainer.run = self.record
        if self.resume and self.record.checkpoints.names():
            stored = self.record.checkpoints.newest()
            trainer.load_state_dict({"model": stored.model, **stored.training})
            with writing(self.record.folder):
                self._rewind(trainer, stored.name)
            trainer.notify("on_resume")
        else:
            with writing(self.record.folder):
                self._save(trainer)
        self._begun = True
        with writing(self.record.folder):
            self._write_result(trainer, "running")

    def _take(self) -> None:
        self.record.check_exists()
        if not self.record.lock.acquire():
            problem = _("{folder} is being trained by another process")
            raise ValueError(problem.format(folder=self.record.folder))
        if not self.resume and self.record.checkpoints.names():
            self.record.lock.release()
            problem = _("{folder} has been trained already: go on with resume=True, or create another run")
            raise ValueError(problem.format(folder=self.record.folder))

    def _rewind(self, trainer: Trainer, checkpoint: str) -> None:
        """Remove what was recorded after the checkpoint, for it will be recorded again."""
        self.record.checkpoints.drop_after(checkpoint)
        finished = len(trainer.history.get("loss", ()))
        self.record.journal.rewind(trainer.progress.updates, finished)

    def on_step_end(self, trainer: Trainer) -> None:
        """Note the step, and write a checkpoint when it is time."""
        p = trainer.progress
        self._rows.append((p.updates, p.epoch, p.samples, p.loss, p.lr, p.seconds))
        with writing(self.record.folder):
            if not trainer.ahead and self._is_due(p.updates):
                self._save(trainer)
            elif time.monotonic() - self._flushed > _FLUSH_SECONDS:
                self._flush()

    def steps_ahead(self, trainer: Trainer) -> int:
        """Return how many steps there are to the next checkpoint that is due by their number."""
        every = self.every_steps
        return sys.maxsize if every is None else every - trainer.progress.updates % every

    def on_validation_start(self, trainer: Trainer) -> None:
        """Write a checkpoint if one is due: the validation may take long."""
        if self._is_due(0):
            with writing(self.record.folder):
                self._save(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Note the epoch's values, and write a checkpoint."""
        with writing(self.record.folder):
            self._flush({trainer.progress.epoch: trainer.logs})
            self._save(trainer, trainer.best.improved)
            self._write_result(trainer, "running")

    def on_fit_end(self, trainer: Trainer) -> None:
        """Keep the final weights and the result."""
        with writing(self.record.folder):
            self.record.write_weights(trainer.model)
            self._write_result(trainer, "finished")

    def on_interrupt(self, trainer: Trainer) -> None:
        """Write a last checkpoint if the state is consistent, as it is after a first Ctrl-C."""
        if not self._begun:
            return
        with writing(self.record.folder):
            if trainer.between_steps and self._saved_at != _moment(trainer):
                self._save(trainer)
            self._flush()
            self._write_result(trainer, "interrupted")

    def on_error(self, trainer: Trainer) -> None:
        """Say in the result what went wrong, if it can still be written."""
        with suppress(OSError, sqlite3.Error):
            if not self._begun:
                return
            self._flush()
            self._write_result(trainer, "failed", error=f"{type(trainer.error).__name__}: {trainer.error}")

    def on_close(self, trainer: Trainer) -> None:
        """Let go of the run."""
        trainer.run = None
        self.record.lock.release()

    def _is_due(self, updates: int) -> bool:
        if self.every_steps is not None and updates and updates % self.every_steps == 0:
            return True
        return self.every_seconds is not None and time.monotonic() - self._saved >= self.every_seconds

    def _save(self, trainer: Trainer, is_best: bool = False) -> None:
        """Write a checkpoint, after the metrics that belong before it."""
        self._flush()
        state = trainer.state_dict()
        model = state.pop("model")
        self.record.checkpoints.save(model, state, is_best)
        self._saved = time.monotonic()
        self._saved_at = _moment(trainer)

    def _flush(self, epochs: dict[int, dict[str, Any]] | None = None) -> None:
        self.record.journal.add(self._rows, epochs)
        self._rows = []
        self._flushed = time.monotonic()

    def _write_result(self, trainer: Trainer, status: str, **more: Any) -> None:
        self.record.write_result({"status": status, **trainer.result, **more})


def _moment(trainer: Trainer) -> tuple[Any, ...]:
    return (trainer.progress.updates, trainer.progress.phase)
