"""What more data would bring: the same training with a quarter and with half of its samples, and on from there.

The errors of many models fall with the number of samples as a power of it (Hestness et al. 2017, "Deep Learning Scaling
is Predictable, Empirically"), so three points on the curve tell where twice the data would lie.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from koubai.doctor.experiments.experiment import Experiment
from koubai.doctor.treatment import Training
from koubai.i18n import _

__all__ = ["WORTH", "more_data", "with_share"]

_SHARES = (0.25, 0.5, 1.0)
WORTH = 0.02  # of skill: what two seeds of a sound training differ by


def more_data(training: Training, watch: Callable[[int, int], None] = lambda done, of: None) -> Experiment:
    """Estimate what twice the data would bring.

    Each training makes as many steps as the whole one, so that only the data differ.

    Args:
        training: before its first step.
        watch: is told after each training how many are done, and how many there are.

    Example:
        >>> training = koubai.doctor.Training.of(model, nn.CrossEntropyLoss(), optimizer, (x, y), (x_val, y_val))
        >>> print(koubai.doctor.more_data(training).words)
    """
    curves, results = {}, {}
    for done, share in enumerate(_SHARES, 1):
        part = with_share(training, share)
        name = _("{samples:,} samples").format(samples=len(part.train[0]))
        result = part.run()[0]
        curves[name], results[name] = result.losses, result.skill
        watch(done, len(_SHARES))
    title = _("The same training with less data")
    return Experiment(
        "data", title, "epoch", curves, results, _words(list(results.values()), len(training.train[0]))
    )


def with_share(training: Training, share: float, seed: int = 0) -> Training:
    """Return the training with some of its samples, drawn at random, and as many steps.

    Args:
        training: before its first step.
        share: of the samples.
        seed: decides which.
    """
    x, y = training.train
    count = max(2, round(share * len(x)))
    places = np.sort(np.random.default_rng(seed).permutation(len(x))[:count])
    return training.but(train=(x[places], y[places]), epochs=max(1, round(training.epochs / share)))


def _words(skills: list[float], samples: int) -> str:
    now, then = skills[-1], _extrapolated(skills)
    if then is None:
        return _(
            "The skill does not grow with the data, so twice of them would bring little: {now:.2f} now."
        ).format(now=now)
    sentence = _(
        "With twice the data, {samples:,} samples, the skill would be about {then:.2f}, {now:.2f} now."
    )
    told = sentence.format(samples=2 * samples, then=then, now=now)
    return (
        told if then - now > WORTH else told + " " + _("That is hardly worth it: change the model instead.")
    )


def _extrapolated(skills: list[float]) -> float | None:
    """Return the skill for twice the data by a power law through the errors; None if they do not fall."""
    errors = np.array([1 - skill for skill in skills])
    if not np.isfinite(errors).all() or (errors <= 1e-6).any():
        return None
    slope = float(np.polyfit(np.log(_SHARES), np.log(errors), 1)[0])
    return None if slope >= 0 else float(1 - errors[-1] * 2**slope)
