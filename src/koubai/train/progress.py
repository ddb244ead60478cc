"""Where a training stands: epoch, step, samples, loss, learning rate and time, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Progress"]


@dataclass
class Progress:
    """Where a training stands. All counts begin at 1 with the first epoch or step; 0 is "not begun".

    Attributes:
        epoch: The epoch under way.
        epochs: How many epochs were asked for.
        step: The step of this epoch under way, or the last one done.
        steps: How many steps an epoch has; None if the data do not say.
        updates: How many updates were made since the training began.
        samples: How many samples of this epoch were used.
        total_samples: How many samples an epoch has; None if the data do not say.
        loss: The loss of the last step.
        lr: The learning rate of the last step (of the optimizer's first group).
        seconds: How long this epoch has taken, without interruptions.
        phase: What of the epoch is under way: its training, its validation, or nothing any more.
    """

    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int | None = None
    updates: int = 0
    samples: int = 0
    total_samples: int | None = None
    loss: float = float("nan")
    lr: float = float("nan")
    seconds: float = 0.0
    phase: Literal["training", "validation", "done"] = "done"

    def next_epoch(self) -> None:
        """Begin the next epoch."""
        self.epoch += 1
        self.step, self.samples, self.seconds, self.phase = 0, 0, 0.0, "training"
