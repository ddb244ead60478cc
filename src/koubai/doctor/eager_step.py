"""A step of `Trainer` that runs eagerly, measured while it is made; compiled ones are rehearsed instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from koubai.doctor.vital_signs import Observer
from koubai.train import Rehearsal

if TYPE_CHECKING:
    from koubai.train import Trainer

__all__ = ["EagerStep"]


class EagerStep:
    """The step that is about to be made.

    Args:
        trainer: whose step it is.
        observer: measures it.
    """

    def __init__(self, trainer: Trainer, observer: Observer) -> None:
        self.trainer = trainer
        self.observer = observer
        self._rehearsal = Rehearsal(trainer, trainer.batches)
        observer.begin()

    def measured(self) -> dict[str, Any]:
        """Return what was measured, once the step is made."""
        observer, model = self.observer, self.trainer.model
        observer.end()
        gradients = observer.gradients()
        with observer.framework.undisturbed(model):
            later = self._rehearsal.again()
            measured = observer.measured(gradients, observer.gradients())
        return {**measured, "loss": self.trainer.progress.loss, "later": later}
