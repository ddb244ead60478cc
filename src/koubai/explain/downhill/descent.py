"""One way down a surface: an optimizer of `koubai.optim` that trains two numbers, and where it came by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import numpy as np

import koubai
from koubai import optim
from koubai.engine.tensor import Tensor
from koubai.explain.downhill.surface import Array, Surface
from koubai.i18n import N_, _
from koubai.optim.optimizer import Optimizer

__all__ = ["OPTIMIZERS", "Path", "Verdict", "descend", "judged", "optimizer_title"]

Maker = Callable[[list[Tensor], float], Optimizer]
_LOST = 1e3  # sizes of the map: so far away nothing comes back
_ARRIVED = 1e-2  # of the loss above the lowest that there was at the start
_FLAT = 2e-2  # of the slope at the start
_TURNING = 0.4  # share of sharp turns

OPTIMIZERS: dict[str, tuple[str, Maker]] = {
    "sgd": ("SGD", lambda points, lr: optim.SGD(points, lr=lr)),
    "momentum": (N_("momentum"), lambda points, lr: optim.SGD(points, lr=lr, momentum=0.9)),
    "nesterov": ("Nesterov", lambda points, lr: optim.SGD(points, lr=lr, momentum=0.9, nesterov=True)),
    "adagrad": ("Adagrad", lambda points, lr: optim.Adagrad(points, lr=lr)),
    "rmsprop": ("RMSprop", lambda points, lr: optim.RMSprop(points, lr=lr)),
    "adam": ("Adam", lambda points, lr: optim.Adam(points, lr=lr)),
}
"""What each optimizer is called, and how it is made. All options but the learning rate are its defaults; γ is 0.9."""


def optimizer_title(name: str) -> str:
    """What an optimizer is called, in the user's language.

    Args:
        name: a key of `OPTIMIZERS`.

    Raises:
        ValueError: there is none of this name.
    """
    return _(OPTIMIZERS[_known(name)][0])


class Verdict(StrEnum):
    """How a descent ended."""

    ARRIVES = "arrives"
    SLOW = "slow"
    FLAT = "flat"
    SWINGS = "swings"
    DIVERGES = "diverges"

    @property
    def words(self) -> str:
        """In the user's language."""
        return _(_VERDICTS[self])

    @property
    def mark(self) -> str:
        """A sign for it."""
        return {"arrives": "✓", "slow": "…", "flat": "–", "swings": "~", "diverges": "✗"}[self]


_VERDICTS = {
    Verdict.ARRIVES: N_("arrives"),
    Verdict.SLOW: N_("on its way"),
    Verdict.FLAT: N_("stuck where it is flat"),
    Verdict.SWINGS: N_("swings"),
    Verdict.DIVERGES: N_("diverges"),
}


@dataclass(frozen=True)
class Path:
    """A descent.

    Attributes:
        points: before the first update and after each, (updates + 1, 2). It ends early where it is lost.
        losses: the whole loss at each of them, (updates + 1,).
        samples: that the whole loss is the mean over; 1 where it is not one.
        batch: samples that an update looks at.
        verdict: how it ended.
        arrival: the first update after which the loss was as good as lowest; None if there was none.
    """

    points: Array
    losses: Array
    samples: int
    batch: int
    verdict: Verdict
    arrival: int | None

    @property
    def updates(self) -> int:
        """How many updates there were."""
        return len(self.points) - 1

    @property
    def epoch_updates(self) -> int:
        """How many updates use every sample once."""
        return -(-self.samples // self.batch)

    @property
    def epochs(self) -> float:
        """How often all samples were used."""
        whole, rest = divmod(self.updates, self.epoch_updates)
        return whole + rest * self.batch / self.samples

    @property
    def uphill(self) -> float:
        """The share of updates that raised the whole loss."""
        return float(np.mean(np.diff(self.losses) > 0)) if self.updates else 0.0

    @property
    def turning(self) -> float:
        """The share of updates that turned back: by more than a right angle from the one before (zigzag)."""
        return _turning(self.points)


def descend(
    surface: Surface,
    optimizer: str | Maker = "sgd",
    lr: float = 0.01,
    *,
    steps: int | None = None,
    batch: int | None = None,
    seed: int = 0,
) -> Path:
    """Let an optimizer walk on a surface.

    Args:
        surface: where.
        optimizer: a key of `OPTIMIZERS`, or a function that makes one for a list of tensors and a learning rate.
        lr: the learning rate.
        steps: updates; the surface's own number by default.
        batch: samples for each update: None for all (batch gradient descent), 1 (stochastic), or a mini-batch.
        seed: decides the order of the samples.

    Returns:
        the path.

    Raises:
        ValueError: there is no such optimizer, or the batch is larger than the data.

    Example:
        >>> path = descend(surface("bowl"), "adam", lr=0.5)
        >>> path.verdict, path.points[-1]
    """
    make = OPTIMIZERS[_known(optimizer)][1] if isinstance(optimizer, str) else optimizer
    point = koubai.tensor(surface.start, dtype=koubai.float64, requires_grad=True)
    walker = make([point], lr)
    walked = [surface.start]
    for rows in islice(surface.batches(batch, seed), surface.steps if steps is None else steps):
        walker.zero_grad()
        surface.loss(point[0], point[1], rows).backward()
        walker.step()
        place = np.array(point.detach().numpy())
        if not np.isfinite(place).all():
            break
        walked.append(tuple(place))
        if np.abs(place - surface.start).max() > _LOST * surface.size:
            break
    return judged(surface, np.array(walked, np.float64), batch)


def _known(name: str) -> str:
    if name not in OPTIMIZERS:
        message = _("There is no optimizer {name}; there are {names}.")
        raise ValueError(message.format(name=name, names=", ".join(OPTIMIZERS)))
    return name


def judged(surface: Surface, points: Array, batch: int | None = None) -> Path:
    """Say how good a way is.

    Args:
        surface: where it lies.
        points: its points, (updates + 1, 2).
        batch: samples that an update looked at; None for all.
    """
    losses = surface.at(points)
    above = losses - surface.lowest
    outside = np.flatnonzero(~(above <= _ARRIVED * above[0]))  # what only passes by has not arrived
    arrival = int(outside[-1]) + 1 if len(outside) else 0
    samples = surface.samples or 1
    verdict = _verdict(surface, points, above)
    return Path(
        points, losses, samples, batch or samples, verdict, arrival if arrival < len(points) else None
    )


def _verdict(surface: Surface, points: Array, above: Array) -> Verdict:
    far = np.abs(points[-1] - surface.start).max() > _LOST * surface.size
    if far or not np.isfinite(above[-1]) or above[-1] > above[0]:
        return Verdict.DIVERGES
    if above[-1] <= _ARRIVED * above[0]:
        return Verdict.ARRIVES
    if _turning(points[len(points) // 2 :]) > _TURNING:
        return Verdict.SWINGS
    slopes = [float(np.linalg.norm(surface.gradient(points[end]))) for end in (0, -1)]
    return Verdict.FLAT if slopes[1] < _FLAT * slopes[0] else Verdict.SLOW


def _turning(points: Array) -> float:
    moves = np.diff(points, axis=0)
    if len(moves) < 2:
        return 0.0
    return float(np.mean((moves[1:] * moves[:-1]).sum(axis=1) < 0))
