"""Where an epoch of a hand-written loop ends: when all samples went by, or when the loop evaluates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Epochs"]


@dataclass
class Epochs:
    """Gathers the losses of an epoch.

    Attributes:
        values: of each finished epoch by name, as `Trainer.history`.
        samples: how many an epoch has; 0 if that is not known.
    """

    values: dict[str, list[Any]]
    samples: int = 0
    _seen: int = 0
    _losses: list[float] = field(default_factory=list)
    _evaluated: list[float] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether all samples went by; then it is to be told by `end`."""
        return 0 < self.samples <= self._seen

    def step(self, loss: float, samples: int) -> None:
        """Count a step."""
        self._losses.append(loss)
        self._seen += samples

    def evaluated(self, loss: float) -> None:
        """Note a loss that was computed without gradients."""
        if not self.samples and self._losses:
            self._evaluated.append(loss)

    def goes_on(self) -> None:
        """Note that training goes on: if it was interrupted by an evaluation, an epoch has ended."""
        if self._evaluated:
            self.end(float(np.mean(self._evaluated)))

    def end(self, validation_loss: float | None) -> None:
        """Note the values of an epoch."""
        self.values.setdefault("loss", []).append(float(np.mean(self._losses)))
        if validation_loss is not None:
            self.values.setdefault("val_loss", []).append(validation_loss)
        self._seen, self._losses, self._evaluated = 0, [], []
