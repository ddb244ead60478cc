"""A recipe's training as the doctor's treatment and experiments want it: with arrays, ready to be changed."""

from __future__ import annotations

from typing import Any

from koubai.doctor import treatment
from koubai.recipes.choices import make_schedule
from koubai.recipes.training import Training

__all__ = ["treatable"]


def treatable(training: Training) -> treatment.Training:
    """Return a training that has not begun as one that remedies can change.

    The order of the batches is not that of the run: it is drawn from each trial's own seed.
    """
    chosen, trainer = training.settings, training.trainer
    augment = training.loader.augment
    steps = len(training.loader)

    def scheduler(optimizer: Any) -> Any:
        return make_schedule(chosen, optimizer, steps)

    return treatment.Training.of(
        training.model,
        trainer.loss,
        trainer.optimizer,
        training.task.train,
        training.task.validation,
        batch_size=chosen.batch_size,
        epochs=chosen.epochs,
        trainer={"clip_norm": chosen.clip_norm, "restore_best": True},
        scheduler=None if chosen.schedule == "constant" else scheduler,
        patience=chosen.patience,
        augment=augment,
    )
