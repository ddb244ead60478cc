"""Metrics that look at the order of the scores: top-k accuracy and the area under the ROC curve.

The area has no small sufficient statistics, so all scores of the epoch are kept.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from koubai.train.metrics.metric import Array, Metric, MetricValue, as_array

__all__ = ["ROCAUC", "TopKAccuracy"]


class TopKAccuracy(Metric):
    """The share of samples whose class is among the `k` highest scores.

    Among equal scores the class with the larger number ranks higher, as in scikit-learn's
    `top_k_accuracy_score`.

    Args:
        k: How many guesses are allowed.
        ignore_index: Targets with this value do not count.
    """

    accumulators = ("hits", "samples")

    def __init__(self, k: int = 5, *, ignore_index: int = -100) -> None:
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self.k = k
        self.ignore_index = ignore_index
        self.name = f"top_{k}_accuracy"
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.hits, self.samples = 0, 0

    def update(self, output: Any, target: Any) -> None:
        """Add one batch of scores `(N, C)` and classes `(N,)`."""
        scores, labels = as_array(output), as_array(target)
        if scores.ndim != 2 or labels.shape != scores.shape[:1]:
            raise ValueError(
                f"{self.name} needs scores (N, C) and classes (N,), got {list(scores.shape)} and {list(labels.shape)}"
            )
        best = np.argsort(scores, axis=1, kind="stable")[:, : -self.k - 1 : -1]  # (N, C) -> (N, k)
        counted = labels != self.ignore_index
        self.hits += int(((best == labels[:, None]).any(axis=1) & counted).sum())
        self.samples += int(counted.sum())

    def compute(self) -> MetricValue:
        """Return the share of hits, 0 to 1."""
        if not self.samples:
            raise ValueError(f"{self.name} has seen no samples")
        return self.hits / self.samples


class ROCAUC(Metric):
    """The probability that a positive sample scores higher than a negative one (ties count half).

    With one score per sample it is the binary area; with scores `(N, C)` each class is taken against the
    rest (one-vs-rest) and the areas are averaged. Computed from ranks: Hanley and McNeil, "The meaning and
    use of the area under a ROC curve" (1982).

    Args:
        average: For `(N, C)` scores: `"macro"`, `"weighted"` (by class frequency) or `"micro"` (all
            sample-class pairs in one ranking).
        logits: Whether `(N, C)` scores are logits, to be turned into probabilities (softmax) before samples
            are compared with each other.
    """

    name = "roc_auc"
    accumulators = ("scores", "labels")

    def __init__(
        self, average: Literal["macro", "weighted", "micro"] = "macro", *, logits: bool = False
    ) -> None:
        if average not in ("macro", "weighted", "micro"):
            raise ValueError(f"average must be macro, weighted or micro, got {average!r}")
        self.average = average
        self.logits = logits
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.scores: list[Array] = []
        self.labels: list[Array] = []

    def update(self, output: Any, target: Any) -> None:
        """Add one batch of scores `(N,)`, `(N, 1)` or `(N, C)` and classes `(N,)`."""
        scores, labels = as_array(output), as_array(target)
        if scores.ndim not in (1, 2) or len(scores) != len(labels) or labels.size != len(labels):
            raise ValueError(
                f"{self.name} needs scores (N,) or (N, C) and classes (N,), "
                f"got {list(scores.shape)} and {list(labels.shape)}"
            )
        self.scores.append(np.array(scores.reshape(len(scores), -1)))
        self.labels.append(np.array(labels.ravel()))

    def compute(self) -> MetricValue:
        """Return the area, 0 to 1.

        Raises:
            ValueError: Only one class occurs, or a class has no samples, so that there is nothing to rank.
        """
        if not self.labels:
            raise ValueError(f"{self.name} has seen no samples")
        scores, labels = np.concatenate(self.scores).astype(np.float64), np.concatenate(self.labels)
        if scores.shape[1] == 1:
            return _binary_area(scores[:, 0], labels == 1)
        return self._one_vs_rest(_softmax(scores) if self.logits else scores, labels)

    def _one_vs_rest(self, scores: Array, labels: Array) -> float:
        member = labels[:, None] == np.arange(scores.shape[1])  # (N,) -> (N, C)
        absent = np.flatnonzero(~member.any(axis=0))
        if absent.size:
            raise ValueError(f"{self.name} is undefined: no sample of class {', '.join(map(str, absent))}")
        if self.average == "micro":
            return _binary_area(scores.ravel(), member.ravel())
        areas = [_binary_area(scores[:, c], member[:, c]) for c in range(scores.shape[1])]
        return float(np.average(areas, weights=member.sum(axis=0) if self.average == "weighted" else None))


def _binary_area(scores: Array, positive: Array) -> float:
    """Return the area from the ranks: (sum of the positives' ranks - its least possible value) / pairs."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        raise ValueError("roc_auc is undefined: all targets are of one class")
    least = positives * (positives + 1) / 2
    return float((_average_ranks(scores)[positive].sum() - least) / (positives * negatives))


def _average_ranks(values: Array) -> Array:
    """Return ranks from 1, equal values sharing the mean of the places they take."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    ranks: Array = (last - (size - 1) / 2)[group.ravel()]
    return ranks


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
