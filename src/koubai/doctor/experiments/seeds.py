"""How much of a result is chance: the same training with other seeds, and with the learning rate halved and doubled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import mean

import numpy as np

from koubai.doctor.experiments.experiment import Experiment
from koubai.doctor.facts.task import Task, labels_of
from koubai.doctor.framework import Array
from koubai.doctor.treatment import Training
from koubai.doctor.treatment.training import Result
from koubai.i18n import _

__all__ = ["Sensitivity", "sensitivity"]

_FACTORS = (0.5, 2.0)
# Two skills closer than this are called the same: it is what seeds of a sound training differ by (treatment.proof).
_SAME = 0.02
# The range of five equal results is in 95 of 100 cases below so many standard errors (studentised range, 5 means).
_RANGE = 3.86


@dataclass(frozen=True)
class Sensitivity:
    """What a result depends on. It is evidence, no finding.

    Attributes:
        seeds: what each seed came to.
        rates: what the learning rate times 0.5, 1 and 2 came to, all with seed 0.
        noise: how far results may lie apart only because few samples judge them.
        samples: how many judge.
    """

    seeds: Mapping[int, Result]
    rates: Mapping[float, Result]
    noise: float
    samples: int

    @property
    def spread(self) -> float:
        """The highest skill less the lowest, over the seeds."""
        return _spread(self.seeds.values())

    @property
    def stable(self) -> bool:
        """Whether the seeds agree as far as the samples can tell."""
        return self.spread <= self.noise

    @property
    def stable_in_rate(self) -> bool:
        """Whether half and twice the learning rate come to the same as far as the samples can tell."""
        return _spread(self.rates.values()) <= self.noise

    def __str__(self) -> str:
        seeds = (
            _(
                "Stable, as far as {samples} samples can tell: over {count} seeds the skill goes from {low} to {high}."
            )
            if self.stable
            else _(
                "It depends on the seed: over {count} seeds the skill goes from {low} to {high}. Report the mean "
                "and the spread of several seeds, never one run."
            )
        )
        rates = (
            _("Half and twice the learning rate come to the same: {low} to {high}.")
            if self.stable_in_rate
            else _("It depends on the learning rate: half and twice of it go from {low} to {high}.")
        )
        told = seeds.format(count=len(self.seeds), samples=self.samples, **_ends(self.seeds.values()))
        return f"{told}\n{rates.format(**_ends(self.rates.values()))}"

    def experiment(self) -> Experiment:
        """Return it as curves and words."""
        named = {_("seed {seed}").format(seed=seed): result for seed, result in self.seeds.items()}
        named |= {
            _("learning rate × {factor:g}").format(factor=factor): result
            for factor, result in self.rates.items()
            if factor != 1
        }
        return Experiment(
            "seeds",
            _("The same training with other seeds and learning rates"),
            "epoch",
            {name: result.losses for name, result in named.items()},
            {name: result.skill for name, result in named.items()},
            str(self),
        )


def sensitivity(
    training: Training, seeds: int = 5, watch: Callable[[int, int], None] = lambda done, of: None
) -> Sensitivity:
    """Find out how much a result depends on the seed, and on the learning rate within a factor of 2.

    A seed draws the first weights, the order of the samples and dropout. Nothing of the training changes.

    Args:
        training: before its first step, for instance `Training.of(model, loss, optimizer, data, validation)`.
        seeds: how many.
        watch: is told after each training how many are done, and how many there are.

    Raises:
        ValueError: `seeds` is below 2.

    Example:
        >>> training = koubai.doctor.Training.of(model, nn.CrossEntropyLoss(), optimizer, (x, y), epochs=20)
        >>> print(koubai.doctor.sensitivity(training))
    """
    if seeds < 2:
        raise ValueError(_("a spread needs at least 2 seeds, not {seeds}").format(seeds=seeds))
    count = seeds + len(_FACTORS)
    by_seed: dict[int, Result] = {}
    for seed in range(seeds):
        by_seed[seed] = training.run(seed)[0]
        watch(len(by_seed), count)
    by_rate = {1.0: by_seed[0]}
    for factor in _FACTORS:
        by_rate[factor] = training.but(options={"lr": factor * training.options["lr"]}).run()[0]
        watch(seeds + len(by_rate) - 1, count)
    noise, samples = _noise(training, by_seed.values()), len((training.validation or training.train)[1])
    return Sensitivity(by_seed, dict(sorted(by_rate.items())), noise, samples)


def _noise(training: Training, results: Iterable[Result]) -> float:
    """Return the range of five equal results that the number of samples brings."""
    target = (training.validation or training.train)[1]
    skill = min(max(mean(max(result.skill, -1.0) for result in results), 0.0), 1.0)
    return max(_SAME, _RANGE * _standard_error(training.task, skill, target))


def _standard_error(task: Task, skill: float, target: Array) -> float:
    """Return how far n samples tell a skill.

    A share p of wrong answers is known to √(p(1-p)/n), R² to 2R(1-R²)/√n (Olkin and Finn 1995).
    """
    if task == "numbers":
        return 2 * math.sqrt(skill) * (1 - skill) / math.sqrt(len(target))
    counts = np.bincount(labels_of(target)) if task != "multilabel" else np.ones(2)
    beaten = 1 - counts.max() / counts.sum()  # what the best constant answer has wrong
    wrong = (1 - skill) * beaten
    return math.sqrt(wrong * (1 - wrong) / len(target)) / beaten if beaten else 0.0


def _spread(results: Iterable[Result]) -> float:
    skills = [result.skill for result in results]
    if max(skills) == min(skills):  # also if all diverged
        return 0.0
    return max(skills) - min(skills)


def _ends(results: Iterable[Result]) -> dict[str, str]:
    skills = [result.skill for result in results]
    return {"low": _written(min(skills)), "high": _written(max(skills))}


def _written(skill: float) -> str:
    return f"{skill:.2f}" if math.isfinite(skill) else _("diverged")
