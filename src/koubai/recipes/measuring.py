"""Metrics by their names, of all answers at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from koubai.train.metrics import make_metric


def measured(names: Iterable[str], outputs: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    """The value of each metric.

    Args:
        names: of metrics in `koubai.train.metrics.METRICS` that are one number.
        outputs: probabilities (N, classes), or values (N, outputs).
        truth: class numbers (N,), or values (N, outputs).
    """
    values = {}
    for name in names:
        metric = make_metric(name)
        metric.update(outputs, truth)
        values[name] = float(metric.compute())  # type: ignore[arg-type]  # none of these gives a list
    return values
