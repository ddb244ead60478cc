"""How well scores put anomalies before what is usual, whatever the threshold, and at one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.i18n import N_
from koubai.recipes.exhibit import Lines, Table
from koubai.recipes.measuring import measured

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

_SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # of all samples that are looked into
_POINTS = 400  # of a curve


def ranked(scores: Scores, anomalous: Flags) -> dict[str, float]:
    """The area under the ROC curve, NaN where all samples are of one kind, and the average precision.

    Args:
        scores: the higher, the more anomalous (N,).
        anomalous: which are anomalies (N,).
    """
    recall, precision = _recall_and_precision(scores, anomalous)
    average = float((np.diff(recall, prepend=0.0) * precision).sum())
    if anomalous.all() or not anomalous.any():  # as in a trial of few samples
        return {"roc_auc": float("nan"), "average_precision": average}
    return measured(["roc_auc"], scores, anomalous.astype(np.int64)) | {"average_precision": average}


def decided(alarms: Flags, anomalous: Flags) -> dict[str, float]:
    """Precision, recall and F1 score of alarms (N,)."""
    hits = int((alarms & anomalous).sum())
    said, there = int(alarms.sum()), int(anomalous.sum())
    return {
        "precision": hits / max(1, said),
        "recall": hits / max(1, there),
        "f1": 2 * hits / max(1, said + there),
    }


def curve(scores: Scores, anomalous: Flags) -> Lines:
    """Precision over recall, as the threshold sinks."""
    recall, precision = _recall_and_precision(scores, anomalous)
    chosen = np.unique(np.linspace(0, len(recall) - 1, _POINTS).astype(np.int64))
    return Lines(
        title=N_("Precision and recall"),
        curves={N_("precision"): precision[chosen]},
        places=recall[chosen],
        axis=N_("recall"),
    )


def looked_into(scores: Scores, anomalous: Flags, others: Mapping[str, Scores]) -> Table:
    """How many of the anomalies are among the most anomalous samples, by this model and by others."""
    named = {N_("this model"): scores} | dict(others)
    orders = [np.argsort(-own, kind="stable") for own in named.values()]
    rows: list[tuple[str | int | float, ...]] = []
    for share in _SHARES:
        count = max(1, round(share * len(scores)))
        found = (anomalous[order[:count]].sum() / max(1, anomalous.sum()) for order in orders)
        rows.append((f"{100 * share:g} %", count, *(f"{100 * part:.1f} %" for part in found)))
    return Table(
        title=N_("Anomalies found by looking into the most anomalous"),
        header=(N_("looked into"), N_("samples"), *named),
        rows=tuple(rows),
    )


def _recall_and_precision(scores: Scores, anomalous: Flags) -> tuple[NDArray[Any], NDArray[Any]]:
    """At each threshold that makes a difference, from the highest."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(anomalous[order])
    last = np.append(np.diff(scores[order]) != 0, True)  # equal scores are told together
    places = np.flatnonzero(last)
    return hits[places] / max(1, int(hits[-1])), hits[places] / (places + 1)
