"""A power law through measured errors, e(n) = a · n^(−b) + c, and how far it can be trusted.

Errors of many models fall so with the number of samples (Hestness et al. 2017, "Deep Learning Scaling is Predictable,
Empirically"; Rosenfeld et al. 2020, "A Constructive Prediction of the Generalization Error Across Scales"), and losses
with the number of epochs (Domhan et al. 2015, "Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Forecast", "PowerLaw", "fit", "forecast"]

_FLOORS = np.linspace(0.0, 0.98, 50)  # of the smallest error: where c may lie
_DRAWS = 400
_TRUST = (5, 95)  # percent: in nine of ten cases between them
_TINY = 1e-9


@dataclass(frozen=True)
class PowerLaw:
    """e(n) = a · n^(−b) + c.

    Attributes:
        a: what falls.
        b: how fast, never negative.
        c: what stays however large n is.
    """

    a: float
    b: float
    c: float

    def __call__(self, n: float) -> float:
        """Return the error for n."""
        return float(self.a * n**-self.b + self.c)


@dataclass(frozen=True)
class Forecast:
    """A value foretold by a power law.

    Attributes:
        law: through all that was measured.
        at: what it is foretold for.
        value: the law there.
        low, high: between them it lies in nine of ten cases, if the law holds.
    """

    law: PowerLaw
    at: float
    value: float
    low: float
    high: float


def fit(sizes: Sequence[float], errors: Sequence[float]) -> PowerLaw:
    """Return the power law that comes nearest to errors, all of them counting by their ratio to it.

    Args:
        sizes: n, at least two different ones.
        errors: e(n), above 0; there may be several for one size.

    Raises:
        ValueError: if all errors are for one size.
    """
    if len(set(sizes)) < 2:
        raise ValueError(
            f"a power law needs errors for at least two sizes; all {len(sizes)} are for {sizes[0]}"
        )
    n, e = np.asarray(sizes, np.float64), np.maximum(np.asarray(errors, np.float64), _TINY)
    c = _FLOORS[:, None] * e.min()  # (floors, 1)
    x, y = np.log(n), np.log(e - c)  # a line, with the right floor: (points), (floors, points)
    away = x - x.mean()
    slope = np.minimum(y @ away / (away @ away), 0.0)  # where errors grow, there is nothing to gain
    a = np.exp(y.mean(1) - slope * x.mean())
    misses = np.log(e / (a[:, None] * n ** slope[:, None] + c))  # (floors, points)
    best = (misses**2).sum(1).argmin()
    return PowerLaw(float(a[best]), float(abs(slope[best])), float(c[best, 0]))


def forecast(sizes: Sequence[float], errors: Sequence[float], at: float, seed: int = 0) -> Forecast:
    """Return what a power law says for another size, with an interval.

    The interval is that of a bootstrap: the law is drawn again and again through points that miss it as the measured
    ones do.

    Args:
        sizes, errors: as for `fit`.
        at: the size to foretell.
        seed: of the draws.

    Raises:
        ValueError: if all errors are for one size.
    """
    n, e = np.asarray(sizes, np.float64), np.maximum(np.asarray(errors, np.float64), _TINY)
    law = fit(sizes, errors)
    fitted = np.array([law(size) for size in n])
    misses = np.log(e / fitted)
    spread = np.sqrt(len(n) / max(len(n) - 3, 1))  # three numbers were chosen so that misses are small
    random = np.random.default_rng(seed)
    found = []
    for _draw in range(_DRAWS):
        drawn = fitted * np.exp(spread * random.choice(misses, len(n)))
        found.append(fit(n.tolist(), drawn.tolist())(at))
    low, high = np.percentile(found, _TRUST)
    value = law(at)
    return Forecast(law, at, value, min(float(low), value), max(float(high), value))
