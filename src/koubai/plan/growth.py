"""What more data would bring: the training with growing shares of its samples, and on from there by a power law."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from koubai.doctor.experiments.more_data import WORTH, with_share
from koubai.doctor.treatment import Training
from koubai.i18n import _
from koubai.plan.power_law import Forecast, forecast

__all__ = ["Growth", "growth", "growth_trainings"]

SHARES = (0.125, 0.25, 0.5, 1.0)
SEEDS = 3
_FEW = 2000  # samples; of more of them one validation part tells enough
_FEWEST = 20  # samples that anything can be learnt from


@dataclass(frozen=True)
class Growth:
    """Errors by the number of samples, and what twice as many would bring.

    An error is what is left of those of the best constant answer: 1 is no better than it, 0 is perfect.

    Attributes:
        samples: of each training.
        errors: of each training, on the validation samples.
        twice: the error for twice the data; None if no law could be drawn.
    """

    samples: Sequence[int]
    errors: Sequence[float]
    twice: Forecast | None

    @property
    def now(self) -> float:
        """The error with all samples, the mean over the seeds."""
        return float(np.mean([e for n, e in zip(self.samples, self.errors) if n == max(self.samples)]))

    @property
    def sentence(self) -> str:
        """What it says, in the user's language."""
        if self.twice is None:
            return _(
                "What more data would bring cannot be told: there are too few samples, or too many trainings diverged."
            )
        told = _(
            "With twice the data, {samples:,} samples, {then:.1%} of the trivial answer's error would be left "
            "({low:.1%} to {high:.1%}); it is {now:.1%} now."
        ).format(
            samples=int(self.twice.at),
            then=self.twice.value,
            low=self.twice.low,
            high=self.twice.high,
            now=self.now,
        )
        gain = self.now - self.twice.value
        if gain < WORTH:
            return told + " " + _("That is hardly worth it: change the model instead.")
        if self.twice.high > self.now:
            return told + " " + _("Whether it would help at all is uncertain.")
        return told + " " + _("More data would help.")


def growth(training: Training, watch: Callable[[int, int], None] = lambda done, of: None) -> Growth:
    """Train with growing shares of the samples; each training makes as many steps as the whole one.

    Args:
        training: before its first step.
        watch: is told after each training how many are done, and how many there are.
    """
    shares = [share for share in SHARES if share * len(training.train[0]) >= _FEWEST] or [1.0]
    samples, errors = [], []
    for done, (share, seed) in enumerate(((s, k) for s in shares for k in range(SEEDS)), 1):
        part = with_share(_split_anew(training, seed), share, seed)
        error = 1.0 - part.run(seed)[0].skill
        if np.isfinite(error):
            samples.append(len(part.train[0]))
            errors.append(
                max(error, 0.5 / len((part.validation or part.train)[0]))
            )  # 0 of so few is not nothing
        watch(done, len(shares) * SEEDS)
    return Growth(samples, errors, _foretold(samples, errors))


def _split_anew(training: Training, seed: int) -> Training:
    """Return a training whose validation part is another one, and large enough, where there are few samples."""
    if training.validation is None or len(training.train[0]) >= _FEW:
        return training
    x, y = (np.concatenate(parts) for parts in zip(training.train, training.validation))
    places = np.random.default_rng(seed).permutation(len(x))
    held = max(len(training.validation[0]), len(x) // 4)
    rest, new = places[held:], places[:held]
    return training.but(train=(x[rest], y[rest]), validation=(x[new], y[new]))


def growth_trainings() -> int:
    """How many trainings as long as the whole one `growth` makes at most."""
    return len(SHARES) * SEEDS


def _foretold(samples: Sequence[int], errors: Sequence[float]) -> Forecast | None:
    if len(set(samples)) < 3:
        return None
    return forecast(samples, errors, 2 * max(samples))
