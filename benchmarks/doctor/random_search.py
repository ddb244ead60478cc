"""Random search with the same number of trials: what a treatment has to beat.

It draws what practitioners turn first: learning rate, optimizer, batch size, activation, initialisation, epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from doctor.examination import judged, training_of
from doctor.setup import Subject
from koubai import optim
from koubai.doctor.treatment import MENU, Training

__all__ = ["search"]

_OPTIMIZERS = (optim.SGD, optim.RMSprop, optim.Adam)
_CHANGES = ("relu", "leaky_relu", "he_initialisation", "batch_norm", "wider", "clip")


def search(subject: Subject, seed: int, trials: int = 3) -> float:
    """Return the score of the best of random changes."""
    setup = subject.make(seed, False)
    random = np.random.default_rng(seed)
    tried = [_trial(_drawn(training_of(setup), random)) for _ in range(trials)]
    return judged(setup, max(tried, key=lambda trial: trial.skill))


class _Trial:
    def __init__(self, training: Training, skill: float, model: Any) -> None:
        self.training, self.skill, self.model = training, skill, model


def _trial(training: Training) -> _Trial:
    try:
        result, model = training.run()
    except (RuntimeError, ValueError, IndexError):
        return _Trial(training, -np.inf, training.model)
    return _Trial(training, result.skill, model)


def _drawn(training: Training, random: np.random.Generator) -> Training:
    for name in _some(_CHANGES, random):
        training = MENU[name].apply(training)
    kind = _OPTIMIZERS[random.integers(len(_OPTIMIZERS))]
    rate = 10 ** random.uniform(-4, -1)
    batch = int(2 ** random.integers(3, 8))
    epochs = int(training.epochs * 10 ** random.uniform(0, 1))
    return training.with_optimizer(kind, lr=rate).but(batch_size=batch, epochs=epochs)


def _some(names: Sequence[str], random: np.random.Generator) -> list[str]:
    """Return each name with a chance of a quarter, in order."""
    return [name for name in names if random.random() < 0.25]
