"""Metrics: exact over an epoch, whatever the batches; one class each, and one table of their names.

`make_metric("accuracy")` looks a name up in `METRICS`; a metric of one's own subclasses `Metric`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial

from koubai.train.metrics.classification import (
    AVERAGES,
    F1,
    Accuracy,
    ConfusionMatrix,
    Precision,
    Recall,
)
from koubai.train.metrics.metric import Metric, MetricValue
from koubai.train.metrics.ranking import ROCAUC, TopKAccuracy
from koubai.train.metrics.regression import R2, MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError

__all__ = [
    "F1",
    "METRICS",
    "R2",
    "ROCAUC",
    "Accuracy",
    "ConfusionMatrix",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "MetricValue",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "TopKAccuracy",
    "make_metric",
]

METRICS: dict[str, Callable[..., Metric]] = {
    "accuracy": Accuracy,
    "top_3_accuracy": partial(TopKAccuracy, 3),
    "top_5_accuracy": TopKAccuracy,
    "precision": Precision,
    "recall": Recall,
    "f1": F1,
    **{
        f"{name}_{average}": partial(metric, average)
        for name, metric in (("precision", Precision), ("recall", Recall), ("f1", F1))
        for average in AVERAGES
    },
    "roc_auc": ROCAUC,
    "confusion_matrix": ConfusionMatrix,
    "mse": MeanSquaredError,
    "rmse": RootMeanSquaredError,
    "mae": MeanAbsoluteError,
    "r2": R2,
}


def make_metric(metric: str | Metric, *, logits: bool = False) -> Metric:
    """Return a metric by its name in `METRICS`; a `Metric` is returned as it is.

    Args:
        metric: A name, or a ready metric.
        logits: Passed to metrics that need to know whether the model's outputs are logits or probabilities.

    Raises:
        ValueError: There is no metric of this name.
    """
    if isinstance(metric, Metric):
        return metric
    if metric not in METRICS:
        raise ValueError(
            f"no metric is called {metric!r}; there are {', '.join(METRICS)}, and for any number of guesses "
            "koubai.train.metrics.TopKAccuracy(k) in place of a name"
        )
    make = METRICS[metric]
    made = make(logits=logits) if "logits" in inspect.signature(make).parameters else make()
    made.name = metric
    return made
