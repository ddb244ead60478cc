"""The time of a training, foretold from short ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from koubai.doctor.vital_signs import EVERY
from koubai.plan.pilot import Pilot
from koubai.plan.workload import Workload

__all__ = ["Prediction", "predict", "step_seconds"]


@dataclass(frozen=True)
class Prediction:
    """How long a training takes, in seconds.

    Attributes:
        step: a step.
        epoch: an epoch with its validation.
        total: all epochs, and what comes before and after them.
    """

    step: float
    epoch: float
    total: float


def predict(workload: Workload, pilots: Sequence[Pilot]) -> Prediction:
    """Return how long a training takes, with any batch size.

    Args:
        workload: the training.
        pilots: what short ones took. If none had the batch size of the workload, the time of a step follows a line
            through two of them.
    """
    pilot = next((p for p in pilots if p.batch_size == workload.batch_size), pilots[0])
    step = step_seconds(pilots, workload.batch_size)
    rest = workload.samples % workload.batch_size
    last = pilot.last if pilot.batch_size == workload.batch_size else step_seconds(pilots, rest)
    whole = workload.samples // workload.batch_size
    steps = whole * step + (last if rest else 0.0)
    looks = workload.steps / EVERY * pilot.measured * step / pilot.step
    epoch = steps + looks + pilot.epoch + pilot.validation
    return Prediction(step, epoch, pilot.first + workload.epochs * epoch + pilot.end)


def step_seconds(pilots: Sequence[Pilot], batch_size: int) -> float:
    """Return the seconds of a step, t = a + b · batch, through what was measured."""
    for pilot in pilots:
        if pilot.batch_size == batch_size:
            return pilot.step
    if len(pilots) < 2:
        return pilots[0].step * max(batch_size / pilots[0].batch_size, 0.1)
    one, other = sorted(pilots[:2], key=lambda pilot: pilot.batch_size)
    slope = max((other.step - one.step) / (other.batch_size - one.batch_size), 0.0)
    fixed = max(one.step - slope * one.batch_size, 0.0)
    if batch_size > other.batch_size:  # through the larger one, so that what is not a line errs little
        return other.step + slope * (batch_size - other.batch_size)
    return fixed + slope * batch_size
