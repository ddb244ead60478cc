"""Opens any step of a recorded run again: a run is deterministic, so it can be gone through once more, up to there.

From the newest checkpoint before the step, or from the beginning, the training goes on as it did, without recording
anything; the step itself is made eagerly, with every value kept.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from koubai.default_callbacks import DEFAULT_CALLBACKS
from koubai.i18n import _
from koubai.train.checkpoints import StoredCheckpoint
from koubai.train.events import Callback
from koubai.train.feed import BatchSize
from koubai.train.opened_step import OpenedStep, open_step

if TYPE_CHECKING:
    from koubai.train.record import RunRecord
    from koubai.train.trainer import Trainer

__all__ = ["replay"]


def replay(
    run: RunRecord,
    step: int,
    trainer: Trainer,
    train: Any,
    validation: Any = None,
    *,
    batch_size: BatchSize = 32,
    shuffle: bool = True,
) -> OpenedStep:
    """Make a step of a recorded run again, and return all its values.

    Args:
        run: The record; nothing is written into it.
        step: Which step, 1 for the first update. The one after the last recorded step is the one that broke.
        trainer: A new one, made as the run's was: the same seed, model, loss, optimizer and options.
        train, validation, batch_size, shuffle: As `Trainer.fit` was given them.

    Returns:
        The step: loss before and after, outputs and gradients of all layers, parameters. Its loss is the recorded
        one, to the bit if the run was eager, to the precision of float32 if it was compiled.

    Raises:
        ValueError: The run has no such step, or the training is another one.

    Example:
        >>> opened = koubai.train.replay(RunRecord.open("runs/digits"), 100, make_trainer(), (x, y))
        >>> opened.layers[0].gradient
    """
    losses = dict(zip(*(run.steps()[name] for name in ("step", "loss"))))
    if not 1 <= step <= len(losses) + 1:
        problem = _("the run {run} has the steps 1 to {last}, not {step}")
        raise ValueError(problem.format(run=run.folder, last=len(losses), step=step))
    opening = _Opening(step, losses.get(step), run.checkpoints.before(step))
    trainer.callbacks = [*_without_defaults(trainer.callbacks), opening]
    try:
        trainer.fit(train, validation, step, batch_size=batch_size, shuffle=shuffle)
    except _Opened as opened:
        return opened.step
    problem = _("this is not the training of {run}: it ended before step {step}")
    raise ValueError(problem.format(run=run.folder, step=step))


class _Opened(BaseException):
    """Ends the training where the step was made: nothing that comes after it is wanted."""

    def __init__(self, step: OpenedStep) -> None:
        self.step = step


class _Opening(Callback):
    """Goes on from a checkpoint, and opens a step when it is about to be made."""

    def __init__(self, step: int, recorded: float | None, checkpoint: StoredCheckpoint | None) -> None:
        self.step, self.recorded, self.checkpoint = step, recorded, checkpoint

    def on_fit_start(self, trainer: Trainer) -> None:
        """Load the checkpoint, if there is one."""
        if self.checkpoint is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of callbacks that only look, and are not needed here
                trainer.load_state_dict({"model": self.checkpoint.model, **self.checkpoint.training})

    def on_step_start(self, trainer: Trainer) -> None:
        """Open the step."""
        if trainer.progress.updates == self.step - 1:
            raise _Opened(open_step(trainer, self.recorded))


def _without_defaults(callbacks: list[Callback]) -> list[Callback]:
    """Leave out the callbacks that every Trainer has: they look at trainings, and this one has been looked at."""
    defaults = {type(make()) for make in DEFAULT_CALLBACKS.values()}
    return [callback for callback in callbacks if type(callback) not in defaults]
