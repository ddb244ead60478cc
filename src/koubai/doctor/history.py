"""What the doctor has seen of a training so far: the loss of each step, vital signs, the values of epochs."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from koubai.doctor.framework import Array
from koubai.doctor.vital_signs import Signs

__all__ = ["History"]


@dataclass
class History:
    """A training as it was seen.

    Attributes:
        batch_size: samples per step.
        epochs: how many epochs it is to have, 0 if that is not known.
        losses: of each step; the first one's loss is that of the untrained model.
        signs: vital signs of the steps that were measured.
        values: of each finished epoch by name, as `Trainer.history`.
        ended: whether no more steps will come.
        error: what ended it early.
        evaluated_in_training_mode, trained_in_evaluation_mode: forward passes in the wrong mode, of models with
            dropout or batch statistics.
        same_gradient: steps whose gradient began as that of the step before, which had not been cleared.
    """

    batch_size: int = 0
    epochs: int = 0
    losses: array[float] = field(default_factory=lambda: array("d"))
    signs: list[Signs] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)
    ended: bool = False
    error: BaseException | None = None
    same_gradient: int = 0
    evaluated_in_training_mode: int = 0
    trained_in_evaluation_mode: int = 0

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.losses)

    @property
    def diverges(self) -> bool:
        """Whether the loss stands above where it began, after enough steps to tell."""
        if len(self.losses) < 20:
            return False
        few = max(3, 64 // max(1, self.batch_size))  # steps, of 64 samples at least
        first = float(np.mean(self.losses[:few]))
        last = float(np.median(self.losses[-max(few, len(self.losses) // 10) :]))
        return bool(np.isfinite(first) and last > 1.5 * abs(first))

    def smooth(self, windows: int = 20) -> Array:
        """Return the medians of the losses over so many equal stretches, fewer if there are fewer steps."""
        losses = np.frombuffer(self.losses) if self.losses else np.zeros(0)
        parts = np.array_split(losses, min(windows, len(losses))) if len(losses) else []
        with np.errstate(invalid="ignore"):
            return np.array([np.median(part) for part in parts])
