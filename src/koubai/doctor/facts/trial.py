"""A short trial: a copy of the patient goes on training for a few steps, with another learning rate or batch size."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.doctor.patient import Patient, Sample

__all__ = ["Trial", "go_on"]

STEPS = (
    100  # enough for Adam's averages (1 / (1 - 0.999) is longer, but its bias is corrected) and for momentum
)
SECONDS = 3.0  # for models so large that this many steps take longer
SLOW_STEPS = 300  # a tenth of the rate needs more of them to get anywhere


@dataclass(frozen=True)
class Trial:
    """What became of the loss on the samples.

    Attributes:
        before, after: the loss of all samples in evaluation mode.
    """

    before: float
    after: float

    @property
    def fall(self) -> float:
        """By which share of itself the loss fell; -inf if it is no number any more."""
        if not np.isfinite(self.after):
            return -np.inf
        return (self.before - self.after) / (abs(self.before) + 1e-12)


def go_on(patient: Patient, sample: Sample, factor: float, batch_size: int) -> Trial:
    """Train a copy of the model for some steps and return the loss before and after.

    Args:
        patient: model, loss and optimizer; none is changed.
        sample: what to train on.
        factor: what the learning rate is multiplied by.
        batch_size: samples of each step.
    """
    framework = patient.framework
    random = framework.random_state(patient.model)
    model, optimizer = framework.twin(patient.model, patient.optimizer, lr=lambda lr: float(lr) * factor)
    copied = Patient(model, patient.loss, optimizer)
    before = copied.loss_of(copied.output(sample), sample.target)
    order = np.random.default_rng(0)
    model.train()
    framework.seed(0)
    try:
        with np.errstate(all="ignore"):
            deadline = time.monotonic() + SECONDS
            for _ in range(STEPS if factor >= 1 else SLOW_STEPS):
                if time.monotonic() > deadline:
                    break
                chosen = order.permutation(len(sample))[: max(1, batch_size)].tolist()
                if not _step(copied, sample.take(chosen)):
                    return Trial(before, float("nan"))
        return Trial(before, copied.loss_of(copied.output(sample), sample.target))
    finally:
        framework.load_random_state(patient.model, random)


class _NoStep(Exception):
    """The loss is not finite, or leads to no parameter."""


def _step(patient: Patient, batch: Sample) -> bool:
    """Make one step, unless the loss is not finite."""

    def gradients() -> Any:  # which an optimizer that looks along a line asks for more than once
        patient.optimizer.zero_grad()
        loss = patient.loss(patient.model(*batch.inputs, **batch.options), batch.target)
        if not np.isfinite(float(loss)) or not loss.requires_grad:
            raise _NoStep
        loss.backward()
        return loss

    try:
        patient.optimizer.step(gradients)
    except _NoStep:
        return False
    return True
