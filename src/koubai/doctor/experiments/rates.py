"""The learning rate divided by 10, as it is, and times 10, from the same weights and on the same batches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from koubai.doctor.experiments.experiment import Experiment
from koubai.doctor.treatment import Training
from koubai.i18n import _
from koubai.train import compare_learning_rates

__all__ = ["rates"]

_NAMES = {0.1: "÷ 10", 1.0: "× 1", 10.0: "× 10"}
_CLEARLY = 0.1  # of the loss: a tenth less is more than what the last batches vary by
_WORTH = 0.02  # of the first loss: what is learnt already can always be learnt a little more surely


def rates(training: Training, steps: int = 200) -> Experiment:
    """Compare three learning rates.

    Args:
        training: before its first step; nothing of it changes.
        steps: of each, at most as many as the training has.
    """
    steps = min(steps, training.steps)
    losses = compare_learning_rates(
        training.model,
        training.loss,
        training.optimizer(training.model.parameters(), **training.options),
        training.batches(),
        factors=tuple(_NAMES),
        steps=steps,
        batch_size=training.batch_size,
    )
    rate = training.options["lr"]
    ends = {factor: _end(values, steps) for factor, values in losses.items()}
    named = {factor: f"{_NAMES[factor]}  {factor * rate:.3g}" for factor in losses}
    return Experiment(
        "rates",
        _("Three learning rates, {steps:,} steps each").format(steps=steps),
        "step",
        {named[factor]: values for factor, values in losses.items()},
        {named[factor]: end for factor, end in ends.items()},
        _words(ends, losses[1.0][0] if losses[1.0] else math.inf),
    )


def _end(losses: Sequence[float], steps: int) -> float:
    """Return the mean loss of the last tenth; infinite if it broke off."""
    last = losses[-max(1, steps // 10) :]
    return math.fsum(last) / len(last) if len(losses) == steps else math.inf


def _words(ends: Mapping[float, float], first: float) -> str:
    best = min(ends, key=lambda factor: ends[factor])
    if math.isinf(ends[best]):
        return _("With all three the loss ceases to be finite: try a rate that is smaller still.")
    if ends[1.0] - ends[best] <= max(_CLEARLY * ends[1.0], _WORTH * first) and math.isfinite(ends[1.0]):
        return _("The learning rate of the run ends lowest, or no other ends clearly lower.")
    if best > 1:
        return _("Ten times the learning rate ends clearly lower: the present one seems too small.")
    return _("A tenth of the learning rate ends clearly lower: the present one seems too large.")
