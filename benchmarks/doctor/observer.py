"""Where a doctor is plugged into the trainings: subclass `Observer` and hand it to `train` of either side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from doctor.setup import Outcome, Setup

__all__ = ["Observer"]


class Observer:
    """Sees a training from beside it; this one looks away.

    A training by Koubai's `Trainer` asks for `callbacks` only. A loop that is written out, in Koubai or in PyTorch,
    tells it of every step and epoch; hooks on model and optimizer can be set in `start`.
    """

    def start(self, setup: Setup) -> None:
        """Before the first step."""

    def callbacks(self) -> Sequence[Any]:
        """What to give to Koubai's `Trainer`."""
        return ()

    def step(self, loss: float) -> None:
        """After each update of a loop that is written out."""

    def epoch(self) -> None:
        """After each epoch of a loop that is written out."""

    def end(self, outcome: Outcome) -> None:
        """After the training and its evaluation."""
