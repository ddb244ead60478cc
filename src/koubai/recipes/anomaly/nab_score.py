"""The rules by which the Numenta Anomaly Benchmark scores detectors of anomalies in series.

A detector gives each value a score; what reaches a threshold, one for all series, is a detection. The first detection
in each window of an anomaly counts, the more the earlier; detections outside cost, the less the closer behind a window;
a missed window costs. Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly
Benchmark" (2015), https://arxiv.org/abs/1510.03336; in details as version 1.1 of
https://github.com/numenta/NAB does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from koubai.data import LabelledSeries

Values = NDArray[np.float64]

_PROBATION, _LONGEST = 0.15, 750  # the share that a detector may learn from unscored, and its most values


class Profile(NamedTuple):
    """What a user of a detector minds most; a window that is found right at its start counts 1.

    Attributes:
        false_alarm: what a detection far from all windows costs.
        miss: what a window without a detection costs.
    """

    false_alarm: float
    miss: float


PROFILES = {
    "nab_score": Profile(0.11, 1.0),
    "nab_low_fp": Profile(0.22, 1.0),
    "nab_low_fn": Profile(0.11, 2.0),
}
"""NAB's three profiles: standard, reward low false positives, reward low false negatives."""


class NABScore(NamedTuple):
    """How good a detector is.

    Attributes:
        score: 0 for a detector that says nothing, 100 for a perfect one.
        threshold: from which score on a value is a detection; infinite where saying nothing is best.
    """

    score: float
    threshold: float


def probation(count: int) -> int:
    """How many values at a series' beginning a detector may learn from before it is scored."""
    return int(min(_PROBATION * count, _LONGEST))


def best_score(series: Sequence[LabelledSeries], scores: Sequence[Values], profile: Profile) -> NABScore:
    """The score at the threshold that is best for the whole corpus.

    Args:
        series: the corpus.
        scores: for each series those that a detector gives its values.
        profile: what is minded most.
    """
    steps = [step for pair in zip(series, scores, strict=True) for step in _steps(*pair, profile)]
    levels, gains = (np.concatenate(part) for part in zip(*steps))
    order = np.argsort(-levels, kind="stable")
    levels, totals = levels[order], np.cumsum(gains[order])
    last = np.append(levels[1:] != levels[:-1], True)  # equal scores are detected together
    best = int(np.argmax(totals[last]))
    if totals[last][best] <= 0:
        return NABScore(0.0, float("inf"))
    return NABScore(_normalised(totals[last][best], series, profile), float(levels[last][best]))


def score_at(
    series: Sequence[LabelledSeries], scores: Sequence[Values], profile: Profile, threshold: float
) -> float:
    """The score at a given threshold; arguments as for `best_score`."""
    steps = (step for pair in zip(series, scores, strict=True) for step in _steps(*pair, profile))
    gained = sum(float(gains[levels >= threshold].sum()) for levels, gains in steps)
    return _normalised(gained, series, profile)


def detections(series: LabelledSeries, scores: Values, threshold: float) -> NDArray[np.int64]:
    """The places that are detected, none of them on probation."""
    return np.flatnonzero((scores >= threshold) & (np.arange(len(series)) >= probation(len(series))))


def _normalised(gained: float, series: Sequence[LabelledSeries], profile: Profile) -> float:
    """Gained over what saying nothing gets, as a percentage of what can be gained."""
    return 100 * gained / (sum(len(one.windows) for one in series) * (1 + profile.miss))


def _steps(series: LabelledSeries, scores: Values, profile: Profile) -> Iterator[tuple[Values, NDArray[Any]]]:
    """Scores, and what is gained (or lost, below 0) as the threshold sinks to each of them."""
    scored = np.arange(len(series)) >= probation(len(series))
    outside = scored.copy()
    for start, end in series.windows:
        outside[start : end + 1] = False
        inside = np.arange(start, end + 1)
        inside = inside[scored[inside]]
        if len(inside):
            yield _window_steps(scores[inside], _early(inside, start, end), profile.miss)
    yield scores[outside], profile.false_alarm * _late(series)[outside]


def _window_steps(scores: Values, worth: Values, miss: float) -> tuple[Values, Values]:
    """As the threshold sinks, the first detection moves forward, from one record among the scores to the one before."""
    before = np.append(-np.inf, np.maximum.accumulate(scores)[:-1])
    records = np.flatnonzero(scores > before)[::-1]
    return scores[records], np.diff(worth[records], prepend=-miss)


def _early(places: NDArray[np.int64], start: int, end: int) -> Values:
    """What a detection inside a window is worth: 1 at its start, little at its end."""
    return _sigmoid(-(end - places + 1) / (end - start + 1)) / _sigmoid(np.array(-1.0))


def _late(series: LabelledSeries) -> Values:
    """What a detection behind the last window so far is worth: 0 at its end, -1 far away or before any window."""
    worth = np.full(len(series), -1.0)
    for start, end in series.windows:
        behind = np.arange(end + 1, len(series))
        distances = (behind - end) / max(end - start, 1)
        worth[end + 1 :] = np.where(distances > 3, -1.0, _sigmoid(np.minimum(distances, 3)))
    return worth


def _sigmoid(position: NDArray[Any]) -> Values:
    """NAB's scaled sigmoid of the position relative to a window's end, in lengths of the window."""
    return np.asarray(2 / (1 + np.exp(5 * position)) - 1)
