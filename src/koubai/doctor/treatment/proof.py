"""What trials showed: the untreated training, each trial, and the pairs of fresh seeds, also as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from koubai.doctor.treatment.training import Training

__all__ = ["ENOUGH", "NOTHING_TO_WISH_FOR", "Coming", "Proof", "Treated", "Trial"]

NOTHING_TO_WISH_FOR = 0.99  # of skill
ENOUGH = 0.02  # of skill: what two trainings of different seeds differ by anyway


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of one short training.

    Attributes:
        remedies: names in `MENU`; none for the untreated training.
        skill: what it came to (see `facts.task`); -inf if it diverged or could not run.
        losses: the training loss of each epoch.
        seconds: how long it took.
        fits: whether it could run at all: a remedy may not fit a model.
        same_loss: whether its losses can be compared with those of the untreated training.
        changes: the options that it changed, such as "lr: 30 → 3".
        part: of its epochs that it was trained for: those that do worse than others are not gone on with.
    """

    remedies: tuple[str, ...]
    skill: float
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    fits: bool = True
    same_loss: bool = True
    changes: tuple[str, ...] = ()
    part: float = 1.0

    @property
    def settled(self) -> bool:
        """Whether more epochs would tell nothing new: it had all, or leaves nothing to wish for."""
        return self.part == 1 or self.skill > NOTHING_TO_WISH_FOR


@dataclass(frozen=True, kw_only=True)
class Treated(Trial):
    """A trial with what was tried.

    Attributes:
        training: it, before its first step.
        model: what was trained.
    """

    training: Training
    model: Any


class Coming(NamedTuple):
    """What is trained next: these remedies, with this seed; seed 0 is that of the trials."""

    remedies: tuple[str, ...]
    seed: int = 0


T = TypeVar("T", bound=Trial)


@dataclass(frozen=True)
class Proof(Generic[T]):
    """What the trials showed.

    Attributes:
        before: the training as it was.
        trials: one for each prescription, with the seed and the batches of the untreated one (seed 0).
        confirmed: pairs of skills, untreated and treated, on the fresh seeds 1, 2, ...
        causes: what was found, by names in `CAUSES`.
        coming: what is trained next; None when all is done.
    """

    before: T
    trials: tuple[T, ...] = ()
    confirmed: tuple[tuple[float, float], ...] = ()
    causes: tuple[str, ...] = ()
    coming: Coming | None = None

    @property
    def untreated(self) -> float:
        """The skill of the training as it was."""
        return self.before.skill

    @property
    def leading(self) -> T | None:
        """The settled trial with the highest skill, if it is better than the untreated training."""
        settled = [trial for trial in self.trials if trial.settled]
        best = max(settled or self.trials, key=lambda trial: trial.skill, default=None)
        return best if best is not None and best.skill > self.untreated + ENOUGH else None

    @property
    def best(self) -> T | None:
        """The best trial, if it is better than the untreated training, also on fresh seeds."""
        return self.leading if all(after > before for before, after in self.confirmed) else None

    @property
    def proven(self) -> bool:
        """Whether there is a best trial and fresh seeds have confirmed it."""
        return self.coming is None and bool(self.confirmed) and self.best is not None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, in which null stands for what is no finite number."""
        best = self.best
        pairs = [
            {"seed": seed, "untreated": _finite(before), "treated": _finite(after)}
            for seed, (before, after) in enumerate(self.confirmed, 1)
        ]
        return {
            "causes": list(self.causes),
            "complete": self.coming is None,
            "proven": self.proven,
            "winner": None if best is None else list(best.remedies),
            "untreated": _plain(self.before),
            "trials": [_plain(trial) for trial in self.trials],
            "confirmed": pairs,
        }

    @staticmethod
    def from_json(saved: dict[str, Any]) -> Proof[Trial]:
        """Return what was written down, without the trainings and the models."""
        pairs = [(_skill(pair["untreated"]), _skill(pair["treated"])) for pair in saved["confirmed"]]
        return Proof(
            _trial(saved["untreated"]),
            tuple(_trial(trial) for trial in saved["trials"]),
            tuple(pairs),
            tuple(saved["causes"]),
            None if saved["complete"] else Coming(()),
        )


def _plain(trial: Trial) -> dict[str, Any]:
    values = {name: getattr(trial, name) for name in Trial.__dataclass_fields__}
    losses = [_finite(loss) for loss in trial.losses]
    return {**values, "seed": 0, "skill": _finite(trial.skill), "losses": losses}


def _trial(saved: dict[str, Any]) -> Trial:
    values = {name: saved[name] for name in Trial.__dataclass_fields__ if name in saved}
    losses = tuple(math.nan if loss is None else loss for loss in saved["losses"])
    texts = {name: tuple(saved[name]) for name in ("remedies", "changes")}
    return Trial(**{**values, **texts, "skill": _skill(saved["skill"]), "losses": losses})


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _skill(saved: float | None) -> float:
    return -math.inf if saved is None else saved
