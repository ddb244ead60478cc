"""The beginnings of series to learn from, and all that follows to be judged by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from koubai.data import LabelledSeries, TensorDataset
from koubai.recipes.anomaly.detector import Case
from koubai.recipes.anomaly.series import SeriesDetector
from koubai.recipes.anomaly.series_judge import judge_series, series_threshold
from koubai.recipes.anomaly.settings import AnomalySettings
from koubai.recipes.choices import resolved


def series_case(settings: AnomalySettings, corpus: Sequence[LabelledSeries]) -> Case:
    """The case of any series whose anomalies are known.

    Raises:
        ValueError: a series is too short.
    """
    chosen = resolved(settings)
    assert chosen.lr is not None
    detector = SeriesDetector(
        names=tuple(one.name for one in corpus),
        window=chosen.window,
        hidden=chosen.shape.hidden,
        code=chosen.shape.code,
        error=chosen.error,
        epochs=chosen.epochs,
        batch_size=chosen.batch_size,
        lr=chosen.lr,
        seed=chosen.seed,
    )
    return Case(
        detector=detector,
        train=detector.training(corpus),
        validation=None,
        test=TensorDataset(np.arange(len(corpus))),
        judge=partial(judge_series, detector, corpus),
        calibrated=partial(series_threshold, detector, corpus),
        headline="nab_score",
    )
