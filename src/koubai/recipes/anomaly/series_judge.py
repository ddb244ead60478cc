"""How good the detector of series is, by NAB's rules, beside the detectors that NAB has published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from koubai.data import LabelledSeries, TensorDataset
from koubai.i18n import N_, _
from koubai.nn import Module
from koubai.recipes.anomaly.nab_score import (
    PROFILES,
    Values,
    best_score,
    detections,
    probation,
    score_at,
)
from koubai.recipes.anomaly.series import ERRORS, Found, SeriesDetector, drawn
from koubai.recipes.anomaly.windowed_gaussian import windowed_gaussian
from koubai.recipes.exhibit import Exhibit, Lines, Table
from koubai.recipes.outcome import Outcome

# From README.md and results/final_results.json of https://github.com/numenta/NAB: standard profile, reward low false
# positives, reward low false negatives.
PUBLISHED = {
    "ARTime": (74.9, 65.2, 80.4),
    "Numenta HTM": (70.1, 63.1, 74.3),
    "CAD OSE": (69.9, 67.0, 73.2),
    "Numenta TM": (64.6, 56.7, 69.2),
    "earthgecko Skyline": (58.2, 46.2, 63.8),
    "KNN CAD": (58.0, 43.4, 64.8),
    "Relative Entropy": (54.6, 47.6, 58.8),
    "Random Cut Forest": (51.7, 38.4, 59.7),
    "Twitter ADVec": (47.1, 33.6, 53.5),
    "Windowed Gaussian": (39.6, 20.9, 47.4),
    "Etsy Skyline": (35.7, 27.1, 44.5),
    "Bayesian Changepoint": (17.7, 3.2, 32.2),
    "EXPoSE": (16.4, 3.2, 26.9),
    "Random": (11.0, 1.2, 19.5),
    "Null": (0.0, 0.0, 0.0),
}

_SHOWN = (
    "realKnownCause/nyc_taxi",
    "realKnownCause/machine_temperature_system_failure",
    "realTraffic/speed_7578",
    "realAWSCloudwatch/ec2_disk_write_bytes_1ef3de",
    "realTweets/Twitter_volume_AAPL",
)
_HEADER = (N_("detector"), N_("standard"), N_("low false alarms"), N_("low misses"))


def judge_series(
    detector: SeriesDetector, corpus: Sequence[LabelledSeries], model: Module, test: TensorDataset
) -> Outcome:
    """NAB's scores of the trained networks.

    Args:
        detector: of the run.
        corpus: all series, in the order of the networks.
        model: the trained networks.
        test: the numbers of the series to judge (N,).
    """
    places = np.sort(test.tensors[0].numpy())
    series = [corpus[k] for k in places]
    found = [detector.found(detector.only(model, int(k)), corpus[k]) for k in places]
    scores = [one.scores for one in found]
    others = {
        error: [detector.found(detector.only(model, int(k)), corpus[k], error).scores for k in places]
        for error in ERRORS
        if error != detector.error
    }
    threshold = best_score(series, scores, PROFILES["nab_score"]).threshold
    metrics = _scored(series, scores)
    return Outcome(
        headline="nab_score",
        metrics={**metrics, "nab_transferred": _transferred(series, scores), "threshold": threshold},
        baseline=_scored(series, [windowed_gaussian(one.values) for one in series]),
        baseline_name=N_("NAB's windowed Gaussian"),
        samples=len(series),
        exhibits=(
            _scoreboard(metrics),
            *_plots(series, found, threshold),
            _designs(detector.error, metrics, {error: _scored(series, own) for error, own in others.items()}),
            _by_series(series, scores, threshold),
        ),
        answers={"scores": np.concatenate(scores), "lengths": np.array([len(one) for one in series])},
    )


def series_threshold(
    detector: SeriesDetector, corpus: Sequence[LabelledSeries], model: Module
) -> SeriesDetector:
    """The detector with the threshold that is best for the whole corpus, as NAB chooses it."""
    scores = [detector.found(detector.only(model, k), one).scores for k, one in enumerate(corpus)]
    threshold = best_score(corpus, scores, PROFILES["nab_score"]).threshold
    return detector.model_copy(update={"threshold": threshold if np.isfinite(threshold) else None})


def _scored(series: Sequence[LabelledSeries], scores: Sequence[Values]) -> dict[str, float]:
    return {name: float(best_score(series, scores, profile).score) for name, profile in PROFILES.items()}


def _transferred(series: Sequence[LabelledSeries], scores: Sequence[Values]) -> float:
    """The standard score when each half of the series is judged with the threshold that is best for the other half."""
    profile, total, counted = PROFILES["nab_score"], 0.0, 0
    for half in (0, 1):
        own, other = slice(half, None, 2), slice(1 - half, None, 2)
        threshold = best_score(series[other], scores[other], profile).threshold
        windows = sum(len(one.windows) for one in series[own])
        if windows:
            total += windows * score_at(series[own], scores[own], profile, threshold)
            counted += windows
    return total / max(1, counted)


def _scoreboard(metrics: dict[str, float]) -> Table:
    """The published detectors and this one, the best first."""
    rows: list[tuple[Any, ...]] = [*((name, *own) for name, own in PUBLISHED.items())]
    rows.append((_("→ this run"), *metrics.values()))
    rows.sort(key=lambda row: -row[1])
    return Table(
        title=N_("NAB's scoreboard"),
        header=_HEADER,
        rows=tuple((row[0], *(f"{value:.1f}" for value in row[1:])) for row in rows),
        note=N_(
            "The others as NAB has published them (github.com/numenta/NAB). All thresholds are chosen on the same "
            "series; so were the constants of this detector, and of others."
        ),
    )


def _designs(error: str, metrics: dict[str, float], others: dict[str, dict[str, float]]) -> Table:
    rows = (
        (name, *(f"{value:.1f}" for value in own.values()))
        for name, own in ({error: metrics} | others).items()
    )
    header = (N_("error"), *_HEADER[1:])
    return Table(title=N_("By which error is judged"), header=header, rows=tuple(rows))


def _plots(series: Sequence[LabelledSeries], found: Sequence[Found], threshold: float) -> list[Lines]:
    """Some well-known series, or the first with anomalies where those are not there."""
    places = [k for k, one in enumerate(series) if one.name in _SHOWN]
    chosen = places or [k for k, one in enumerate(series) if one.windows][: len(_SHOWN)]
    return [lines for k in chosen for lines in drawn(series[k], found[k], threshold)]


def _by_series(series: Sequence[LabelledSeries], scores: Sequence[Values], threshold: float) -> Exhibit:
    rows = []
    for one, own in zip(series, scores):
        places = detections(one, own, threshold)
        inside = [(places >= start) & (places <= end) for start, end in one.windows]
        hits = sum(bool(hit.any()) for hit in inside)
        false = len(places) - sum(int(hit.sum()) for hit in inside)
        rows.append((one.name, len(one) - probation(len(one)), len(one.windows), hits, false))
    header = (N_("series"), N_("values judged"), N_("anomalies"), N_("found"), N_("false alarms"))
    return Table(title=N_("By series"), header=header, rows=tuple(rows))
