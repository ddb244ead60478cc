"""A training as the planner sees it: everything that `Trainer.fit` would be given, with data made up to measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.module import Module
from koubai.optim import Optimizer

__all__ = ["Examples", "Workload"]

_BLOCK = 512  # samples that are drawn; more of them repeat these, for drawing would take longer than training


@dataclass(frozen=True)
class Examples:
    """Samples to measure with, as many as are wanted.

    Attributes:
        inputs, targets: some samples (N, ...), that are repeated.
    """

    inputs: np.ndarray[Any, Any]
    targets: np.ndarray[Any, Any]

    @property
    def sample_bytes(self) -> int:
        """What one sample takes in memory, with its target."""
        return sum(array.nbytes // len(array) for array in (self.inputs, self.targets))

    def take(self, count: int) -> tuple[Tensor, Tensor]:
        """Return so many samples."""
        inputs, targets = (np.resize(a, (count, *a.shape[1:])) for a in (self.inputs, self.targets))
        return koubai.as_tensor(inputs), koubai.as_tensor(targets)


@dataclass(frozen=True)
class Workload:
    """A training to be planned.

    Attributes:
        name: what the user calls it.
        model: to be trained; nothing of it is changed.
        loss: `loss(output, target)`.
        optimizer: makes the optimizer of a model.
        examples: samples like those it will be trained on.
        samples, validation: how many there will be; 0 validation samples for no validation.
        batch_size, epochs: as for `Trainer.fit`.
        validation_batch: samples in a batch of validation.
        trainer: further options of `Trainer`, such as `metrics`.
        augment: changes batches at random, as for `DataLoader`, or None.
    """

    name: str
    model: Module
    loss: Callable[..., Tensor]
    optimizer: Callable[[Module], Optimizer]
    examples: Examples
    samples: int
    validation: int
    batch_size: int
    epochs: int
    validation_batch: int
    trainer: Mapping[str, Any] = field(default_factory=dict)
    augment: Callable[..., Any] | None = None

    @property
    def steps(self) -> int:
        """Updates in an epoch."""
        return math.ceil(self.samples / self.batch_size)

    @property
    def data_bytes(self) -> int:
        """What all samples take in memory."""
        return (self.samples + self.validation) * self.examples.sample_bytes

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    def with_batches_of(self, size: int) -> Workload:
        """Return the same training with another batch size."""
        return replace(self, batch_size=size)
