"""A few dozen samples over and over: any sound training learns them by heart."""

from __future__ import annotations

import numpy as np

import koubai
from koubai.doctor.experiments.experiment import Experiment
from koubai.doctor.treatment import Training
from koubai.i18n import _
from koubai.train import NonFiniteLoss, overfit_batches

__all__ = ["overfit"]


def overfit(training: Training, samples: int = 32, steps: int = 300) -> Experiment:
    """Train on a few samples drawn at random.

    Args:
        training: before its first step; nothing of it changes.
        samples: how many.
        steps: how often they are seen.
    """
    places = np.random.default_rng(0).permutation(len(training.train[0]))[:samples]
    x, y = (koubai.tensor(part[places]) for part in training.train)
    title = _("{samples} samples to learn by heart, {steps:,} steps").format(samples=len(x), steps=steps)
    optimizer = training.optimizer(training.model.parameters(), **training.options)
    try:
        seen = overfit_batches(
            training.model, training.loss, optimizer, (x, y), steps=steps, batch_size=samples
        )
    except NonFiniteLoss:
        words = _(
            "The loss ceased to be finite: the learning rate is too large, or the loss itself is wrong."
        )
        return Experiment("overfit", title, "step", {}, {}, words)
    first, last = seen.losses[0], seen.losses[-1]
    name = _("loss")
    return Experiment(
        "overfit", title, "step", {name: seen.losses}, {name: last}, _words(seen.passed, first, last)
    )


def _words(passed: bool, first: float, last: float) -> str:
    told = (
        _(
            "It learns them by heart: the loss falls from {first:.3g} to {last:.3g}. Model, loss and labels fit "
            "together."
        )
        if passed
        else _(
            "It does not learn them by heart: the loss goes from {first:.3g} to {last:.3g}. Look for a mistake in the "
            "model, the loss, the labels or the learning rate before training on all data."
        )
    )
    return told.format(first=first, last=last)
