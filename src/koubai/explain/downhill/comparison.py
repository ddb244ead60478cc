"""Descents side by side: every optimizer, or every batch size, at a ladder of learning rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from koubai.explain.downhill.descent import OPTIMIZERS, Path, Verdict, descend, judged, optimizer_title
from koubai.explain.downhill.surface import Array, Surface
from koubai.i18n import _

__all__ = ["BATCHES", "RATES", "Descents", "Triple", "along", "compare_batches", "compare_optimizers"]

RATES = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Learning rates from far too small to far too large."""
BATCHES = (None, 32, 1)
"""Samples for an update: all, a mini-batch, one."""
_MANY = 500  # updates, with which a page is still light
_CLEARLY = 10  # times smaller than the right one


class Triple(NamedTuple):
    """Learning rates of one walker that are too small, right and too large; None where the ladder has none."""

    small: float | None
    right: float
    large: float | None


@dataclass(frozen=True)
class Descents:
    """Paths on one surface.

    Attributes:
        surface: where.
        title: what is compared, in the user's language.
        paths: for each walker, by its name in the user's language, its path at each learning rate.
    """

    surface: Surface
    title: str
    paths: Mapping[str, Mapping[float, Path]]

    @property
    def rates(self) -> list[float]:
        """The learning rates."""
        return list(next(iter(self.paths.values())))

    def rates_of(self, name: str) -> Triple:
        """Learning rates that are too small, right and too large.

        The right one arrives first; where none arrives it ends lowest. Too small is one of at most a tenth of
        it that is still on its way at the end, too large one above it that swings or diverges.

        Args:
            name: of the walker.
        """
        paths = self.paths[name]
        right = min(paths, key=lambda rate: _merit(paths[rate]))
        small = [rate for rate in paths if _CLEARLY * rate <= right * 1.001 and _is_slow(paths[rate])]
        large = [rate for rate in paths if rate > right and paths[rate].verdict in _TOO_FAR]
        return Triple(max(small, default=None), right, min(large, default=None))


_TOO_FAR = (Verdict.SWINGS, Verdict.DIVERGES)


def _is_slow(path: Path) -> bool:
    return path.verdict in (Verdict.SLOW, Verdict.FLAT)


def _merit(path: Path) -> tuple[bool, float]:
    return path.arrival is None, path.losses[-1] if path.arrival is None else path.arrival


def compare_optimizers(
    surface: Surface,
    names: Iterable[str] = OPTIMIZERS,
    rates: Sequence[float] = RATES,
    *,
    steps: int | None = None,
) -> Descents:
    """Let optimizers walk on a surface, each at every learning rate, with the gradient of the whole loss.

    Args:
        surface: where.
        names: keys of `OPTIMIZERS`.
        rates: the learning rates.
        steps: updates; the surface's own number by default.

    Raises:
        ValueError: there is no such optimizer.
    """
    paths = {
        optimizer_title(name): {rate: descend(surface, name, rate, steps=steps) for rate in rates}
        for name in names
    }
    return Descents(surface, _("optimizers"), paths)


def compare_batches(
    surface: Surface,
    sizes: Sequence[int | None] = BATCHES,
    rates: Sequence[float] = RATES,
    *,
    optimizer: str = "sgd",
    steps: int | None = None,
    seed: int = 0,
) -> Descents:
    """Let one optimizer walk with gradients of all samples, of mini-batches and of single samples.

    Args:
        surface: where; its loss is a mean over samples.
        sizes: of the batches; None for all samples.
        rates: the learning rates.
        optimizer: a key of `OPTIMIZERS`.
        steps: updates; by default as many as one epoch has in batches of one, but at most 500.
        seed: decides the order of the samples.

    Raises:
        ValueError: the loss is not a mean over samples, or a batch is larger than the data.
    """
    updates = min(surface.samples, _MANY) if steps is None else steps
    paths = {
        _batch_title(size): {
            rate: descend(surface, optimizer, rate, steps=updates, batch=size, seed=seed) for rate in rates
        }
        for size in sizes
    }
    return Descents(surface, _("batch sizes"), paths)


def _batch_title(size: int | None) -> str:
    if size is None:
        return _("batch")
    return _("one sample") if size == 1 else _("mini-batch of {size}").format(size=size)


def along(surface: Surface, points: Array, title: str) -> Descents:
    """A path that was walked elsewhere, such as a training's, as something to show on a surface.

    Args:
        surface: where it lies.
        points: its points, (updates + 1, 2).
        title: what walked it.
    """
    return Descents(surface, title, {title: {0.0: judged(surface, points)}})
