"""The plain detector to beat: how far a value lies out in a normal distribution over the values before it.

NAB's own detector of this name, with its published settings; its published score checks our scoring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.special import erfc

Values = NDArray[np.float64]

_WINDOW, _STEP = 6400, 100  # values looked back at; once there are so many, the window moves on in such steps
_LEAST = 1e-6  # the deviation of values that are all alike
_DIGITS = 12  # of a published score


def windowed_gaussian(values: Values) -> Values:
    """1 minus the probability of lying as far out on that side, for each value; 0 for the first.

    Args:
        values: in order of time (N,).
    """
    places = np.arange(len(values))
    starts = np.maximum(0, (places - _WINDOW) // _STEP * _STEP)
    ends = np.minimum(places, starts + _WINDOW)
    means, stds = _moments(values, starts, ends)
    far = koubai.tensor(np.abs(values - means) / stds / np.sqrt(2))
    tails = 0.5 * np.asarray(erfc(far).numpy(), np.float64)
    return np.asarray(np.round(np.where(places > 0, 1 - tails, 0.0), _DIGITS))


def _moments(values: Values, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[Values, Values]:
    """Mean and standard deviation of values[start:end], for each pair."""
    middle = values.mean()
    sums, squares = (np.concatenate([[0.0], np.cumsum((values - middle) ** power)]) for power in (1, 2))
    counts = np.maximum(ends - starts, 1)
    means = (sums[ends] - sums[starts]) / counts
    variances = (squares[ends] - squares[starts]) / counts - means**2
    return means + middle, np.maximum(np.sqrt(np.maximum(variances, 0)), _LEAST)
