"""A short trial: a copy of the patient goes on training for a few steps, with another learning rate or batch size."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.doctor.facts.anatomy import dropping
from koubai.doctor.looking import looking
from koubai.doctor.patient import Patient, Sample

__all__ = ["BETTER", "Trial", "go_on", "trained"]

BETTER = 0.1  # of the loss, in one trial against another: more than the noise between two

# Adam's averages are corrected for their bias, and those of momentum 0.9 hold ten steps.
STEPS = 100
SECONDS = 1.0  # for models so large that this many steps take longer
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


def go_on(patient: Patient, sample: Sample, factor: float, batch_size: int, dropout: bool = True) -> Trial:
    """Train a copy of the model for some steps and return the loss before and after.

    Args:
        patient: model, loss and optimizer; none is changed.
        sample: what to train on.
        factor: what the learning rate is multiplied by.
        batch_size: samples of each step.
        dropout: whether layers drop what they drop.
    """
    steps = STEPS if factor >= 1 else SLOW_STEPS
    later = trained(
        patient,
        sample,
        factor=factor,
        batch_size=batch_size,
        steps=steps,
        seconds=SECONDS,
        dropout=dropout,
    )
    return Trial(_loss(patient, sample), float("nan") if later is None else _loss(later, sample))


def _loss(patient: Patient, sample: Sample) -> float:
    return patient.loss_of(patient.output(sample), sample.target)


def trained(
    patient: Patient,
    sample: Sample,
    *,
    factor: float,
    batch_size: int,
    steps: int,
    seconds: float,
    dropout: bool = True,
) -> Patient | None:
    """Return the patient as it is after some more steps; None if the loss refused, or was not finite any more.

    Args:
        patient: model, loss and optimizer; none is changed.
        sample: what to train on.
        factor: what the learning rate is multiplied by.
        batch_size: samples of each step.
        steps: how many, unless the time runs out before.
        seconds: how long that may take, of the time that this thread computes.
        dropout: whether layers drop what they drop.
    """
    framework = patient.framework
    random = framework.random_state(patient.model)
    model, optimizer = framework.twin(patient.model, patient.optimizer, lr=lambda lr: float(lr) * factor)
    copied, order = Patient(model, patient.loss, optimizer), np.random.default_rng(0)
    model.train()
    for layer in [] if dropout else dropping(model):
        layer.eval()
    framework.seed(0)
    deadline = time.thread_time() + seconds  # of this thread: on a busy machine the same is found
    try:
        with looking(), np.errstate(all="ignore"):
            for _ in range(steps):
                chosen = order.permutation(len(sample))[: max(1, batch_size)].tolist()
                if not _step(copied, sample.take(chosen)):
                    return None
                if time.thread_time() > deadline:
                    break
        return copied
    finally:
        framework.load_random_state(patient.model, random)


class _NoStep(Exception):
    """The loss is not finite, or leads to no parameter."""


def _step(patient: Patient, batch: Sample) -> bool:
    """Make one step, unless the loss is not finite, or refuses what it is given."""

    def gradients() -> Any:  # which an optimizer that looks along a line asks for more than once
        patient.optimizer.zero_grad()
        loss = patient.loss(patient.model(*batch.inputs, **batch.options), batch.target)
        if not np.isfinite(float(loss)) or not loss.requires_grad:
            raise _NoStep
        loss.backward()
        return loss

    try:
        patient.optimizer.step(gradients)
    except (_NoStep, RuntimeError, ValueError, IndexError):
        return False
    return True
