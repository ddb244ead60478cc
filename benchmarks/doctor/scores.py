"""How good a model's outputs are, in NumPy; whatever is not a number, or has no bounds, is as bad as can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["METRICS", "metric_word", "score", "worst"]

Array = np.ndarray[Any, Any]

BOUND = 1e15  # larger outputs are those of a training that diverged
WORST_R2 = -99.0


def score(metric: str, output: Array, target: Array) -> float:
    """Return the value of a metric such as "accuracy (held out)"; what is in brackets does not matter here.

    Raises:
        ValueError: there is no such metric.
    """
    compute = _metric(metric)
    if not np.isfinite(output).all() or np.abs(output).max(initial=0) > BOUND:
        return worst(metric)
    return float(compute(output.astype(np.float64), target.astype(np.float64)))


def worst(metric: str) -> float:
    """Return the worst value of a metric."""
    return WORST_R2 if _metric(metric) in (_r2, _r2_of_all) else 0.0


def metric_word(name: str) -> str:
    """Return the part of a metric's name that says what is computed, which is in `METRICS`."""
    return name.split("(")[0].strip().lower()


def _metric(name: str) -> Callable[[Array, Array], float]:
    word = metric_word(name)
    if word not in METRICS:
        raise ValueError(f"there is no metric {name!r}; there are {', '.join(METRICS)}")
    return METRICS[word]


def _predicted(output: Array, target: Array) -> Array:
    """Return classes: the largest of several outputs, else whether the only one is nearer to the upper target."""
    if output.ndim > 1 and output.shape[1] > 1:
        return output.argmax(1)
    return (output.reshape(len(output)) > (0.0 if target.min() < 0 else 0.5)).astype(int)


def _wanted(target: Array) -> Array:
    if target.ndim > 1 and target.shape[1] > 1:
        return target.argmax(1)
    return np.maximum(target.reshape(len(target)), 0).astype(int)  # of -1 and 1, the targets of a hinge


def _accuracy(output: Array, target: Array) -> float:
    return float((_predicted(output, target) == _wanted(target)).mean())


def _balanced_accuracy(output: Array, target: Array) -> float:
    """Return the mean over the classes of how many of each were found."""
    right, wanted = _predicted(output, target) == _wanted(target), _wanted(target)
    return float(np.mean([right[wanted == label].mean() for label in np.unique(wanted)]))


def _exact_match(output: Array, target: Array) -> float:
    return float(((output > 0.5) == (target > 0.5)).all(axis=1).mean())


def _exact_match_of_logits(output: Array, target: Array) -> float:
    return float(((output > 0) == (target > 0.5)).all(axis=1).mean())


def _accuracy_of_logits(output: Array, target: Array) -> float:
    return float(((output.reshape(len(output)) > 0) == (target.reshape(len(target)) > 0.5)).mean())


def _r2(output: Array, target: Array) -> float:
    """Return the mean over the columns of the share of variance that is explained, at least `WORST_R2`."""
    output, target = output.reshape(len(output), -1), target.reshape(len(target), -1)
    output, target = np.broadcast_arrays(output, target)
    left = ((output - target) ** 2).sum(0)
    whole = ((target - target.mean(0)) ** 2).sum(0)
    return max(WORST_R2, float((1 - left / np.maximum(whole, 1e-12)).mean()))


def _r2_of_all(output: Array, target: Array) -> float:
    """Return R² with all columns as one, some of which may be constant."""
    left, whole = ((output - target) ** 2).sum(), ((target - target.mean(0)) ** 2).sum()
    return max(WORST_R2, float(1 - left / max(whole, 1e-12)))


METRICS: dict[str, Callable[[Array, Array], float]] = {
    "accuracy": _accuracy,
    "accuracy of logits": _accuracy_of_logits,
    "balanced accuracy": _balanced_accuracy,
    "exact-match accuracy": _exact_match,
    "exact-match accuracy of logits": _exact_match_of_logits,
    "r2": _r2,
    "r2 of all": _r2_of_all,
}
