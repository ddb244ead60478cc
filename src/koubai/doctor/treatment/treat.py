"""Trials: prescriptions against the untreated training, with the same seed and batches, and the winner once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.doctor.finding import Finding
from koubai.doctor.treatment.menu import MENU
from koubai.doctor.treatment.prescription import prescriptions
from koubai.doctor.treatment.training import Training

__all__ = ["Proof", "Treated", "treat"]

_ENOUGH = 0.02  # of skill: what two trainings of different seeds differ by anyway


@dataclass(frozen=True)
class Treated:
    """One trial.

    Attributes:
        remedies: names in `MENU`.
        skill: of the treated training.
        training: it, before its first step.
        model: what was trained.
    """

    remedies: tuple[str, ...]
    skill: float
    training: Training
    model: Any


@dataclass(frozen=True)
class Proof:
    """What the trials showed.

    Attributes:
        untreated: the skill of the training as it was.
        trials: in the order in which they were made.
        confirmed: pairs of skills, untreated and treated, on fresh seeds.
    """

    untreated: float
    trials: tuple[Treated, ...]
    confirmed: tuple[tuple[float, float], ...]

    @property
    def best(self) -> Treated | None:
        """The best trial, if it is better than the untreated training, also on fresh seeds."""
        if not self.trials:
            return None
        best = max(self.trials, key=lambda trial: trial.skill)
        better = best.skill > self.untreated + _ENOUGH
        return best if better and all(after > before for before, after in self.confirmed) else None


def treat(training: Training, findings: Sequence[Finding], *, trials: int = 3, fresh: int = 1) -> Proof:
    """Try remedies for findings, and prove the best.

    Args:
        training: before its first step.
        findings: what was found in it.
        trials: how many prescriptions to try at most; none is tried after one that leaves nothing to wish for.
        fresh: with how many further seeds the best is confirmed.

    Returns:
        the trials, and what fresh seeds said.
    """
    untreated = training.run()[0].skill
    made: list[Treated] = []
    for remedies in prescriptions(findings)[:trials]:
        made.append(_trial(training, remedies))
        if made[-1].skill > 0.99:
            break
    best = max(made, key=lambda trial: trial.skill)
    seeds = range(1, 1 + fresh) if best.skill > untreated + _ENOUGH else ()
    confirmed = tuple((training.run(seed)[0].skill, best.training.run(seed)[0].skill) for seed in seeds)
    return Proof(untreated, tuple(made), confirmed)


def _trial(training: Training, remedies: Sequence[str]) -> Treated:
    treated = training
    for name in remedies:
        treated = MENU[name].apply(treated)
    try:
        result, model = treated.run()
    except (RuntimeError, ValueError, IndexError):  # the remedy does not fit this model
        return Treated(tuple(remedies), -np.inf, treated, treated.model)
    return Treated(tuple(remedies), result.skill, treated, model)
