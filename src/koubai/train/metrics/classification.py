"""Metrics that follow from the confusion matrix: accuracy, precision, recall, F1, and the matrix itself.

All of them accumulate one matrix of counts (row: true class, column: predicted class) and differ only in
what they read from it. Conventions are scikit-learn's: averages run over the classes that occur among the
targets or the predictions, and 0/0 counts as 0.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from koubai.engine.tensor import Tensor
from koubai.train.metrics.metric import Array, Metric, MetricValue, as_array

__all__ = ["F1", "Accuracy", "ConfusionMatrix", "CountingMetric", "Precision", "Recall", "predicted_classes"]

Average = Literal["macro", "micro", "weighted", "binary"]
_TOGETHER = 1 << 16  # elements of outputs that wait at most
AVERAGES: tuple[Average, ...] = ("macro", "micro", "weighted", "binary")


def predicted_classes(output: Array, target: Array, logits: bool) -> Array:
    """Return the class that each row of `output` votes for, in the shape of `target`.

    Args:
        output: Scores `(N, C, ...)` for targets `(N, ...)`, one score per target (the positive class's),
            or classes already (integers).
        target: The classes, `(N, ...)`.
        logits: Whether a single score means "positive" above 0 (a logit) or above 0.5 (a probability).
    """
    per_class = output.ndim == target.ndim + 1
    votes = output.argmax(axis=1) if per_class and output.shape[1] > 1 else output  # (N, C, ...) -> (N, ...)
    votes = votes[:, 0] if votes.ndim == target.ndim + 1 else votes
    if votes.shape != target.shape:
        raise ValueError(
            f"a classification metric got outputs of shape {list(output.shape)} and targets of shape "
            f"{list(target.shape)}; it needs scores (N, C, ...) or one score per target, and targets (N, ...)"
        )
    return votes if votes.dtype.kind in "iub" else np.asarray(votes > (0.0 if logits else 0.5))


def _as_labels(target: Array) -> Array:
    """Return `target` as integer classes; floats are welcome as long as they are whole numbers."""
    labels = target.astype(np.int64)
    if target.dtype.kind == "f" and not np.array_equal(labels, target):
        raise ValueError("a classification metric needs whole-number targets (classes), not probabilities")
    return labels


def _kind_of(output: Any, target: Any) -> Any:
    """What makes batches alike; None where one cannot wait: arrays may change, floats may be no classes, and what is on
    another device is fetched at once.
    """
    if not isinstance(output, Tensor) or not isinstance(target, Tensor):
        return None
    scores, labels = output.payload, target.payload
    if not labels.shape or labels.dtype.kind not in "iub" or scores.__class__ is not np.ndarray:
        return None
    return scores.dtype, scores.shape[1:], labels.dtype, labels.shape[1:]


class CountingMetric(Metric):
    """A metric read from the confusion matrix.

    Args:
        logits: For models with one score per target: whether it is a logit (positive above 0) or a
            probability (positive above 0.5).
        ignore_index: Targets with this value do not count, as in `CrossEntropyLoss`.
    """

    accumulators = ("counts",)

    def __init__(self, *, logits: bool = False, ignore_index: int = -100) -> None:
        self.logits = logits
        self.ignore_index = ignore_index
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self._counts = np.zeros((0, 0), np.int64)
        self._waiting: list[tuple[Array, Array]] = []
        self._elements = 0
        self._kind: Any = None

    @property
    def counts(self) -> Array:
        """How often each true class (row) was taken for each class (column)."""
        self._add_waiting()
        return self._counts

    @counts.setter
    def counts(self, counts: Array) -> None:
        self.reset()
        self._counts = counts

    def update(self, output: Any, target: Any) -> None:
        """Add one batch of scores `(N, C, ...)`, single scores `(N, ...)` or classes, and its targets.

        Small batches that look like the one before wait, to be counted together.
        """
        kind = _kind_of(output, target)
        if kind is None or kind != self._kind:
            self._add_waiting()
            self._add(as_array(output), as_array(target))
            self._kind = kind
            return
        self._waiting.append((output.payload, target.payload))  # which no change in place reaches
        self._elements += output.payload.size
        if self._elements >= _TOGETHER:
            self._add_waiting()

    def _add_waiting(self) -> None:
        waiting, self._waiting, self._elements = self._waiting, [], 0
        if waiting:
            outputs, targets = zip(*waiting)
            self._add(np.concatenate(outputs), np.concatenate(targets))

    def _add(self, scores: Array, wanted: Array) -> None:
        predicted = _as_labels(predicted_classes(scores, wanted, self.logits)).ravel()
        labels = _as_labels(wanted).ravel()
        counted = labels != self.ignore_index
        classes = scores.shape[1] if scores.ndim == wanted.ndim + 1 else 0
        self._count(labels[counted], predicted[counted], max(classes, 2))

    def _count(self, labels: Array, predicted: Array, classes: int) -> None:
        if labels.size and min(labels.min(), predicted.min()) < 0:
            raise ValueError(
                f"{self.name} needs classes counted from 0, got {min(labels.min(), predicted.min())}"
            )
        size = max(classes, len(self._counts), 1 + max(labels.max(initial=0), predicted.max(initial=0)))
        counts = np.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)
        counts[: len(self._counts), : len(self._counts)] += self._counts
        self._counts = counts

    def _require_samples(self) -> None:
        if not self.counts.sum():
            raise ValueError(f"{self.name} has seen no samples")


class ConfusionMatrix(CountingMetric):
    """How often each true class (row) was taken for each class (column), as nested lists of integers."""

    name = "confusion_matrix"

    def compute(self) -> MetricValue:
        """Return the counts, `(C, C)`."""
        counts: list[Any] = self.counts.tolist()
        return counts


class Accuracy(CountingMetric):
    """The share of predictions that are right."""

    name = "accuracy"

    def compute(self) -> MetricValue:
        """Return the share of right predictions, 0 to 1."""
        self._require_samples()
        return float(np.trace(self.counts) / self.counts.sum())


class _PerClassMetric(CountingMetric):
    """A ratio of counts for each class, averaged over the classes.

    Args:
        average: `"macro"` (each class counts the same), `"micro"` (each sample counts the same),
            `"weighted"` (each class by its number of samples), `"binary"` (class 1 only) or None
            (a list with one value per class).
        logits: As for `CountingMetric`.
        ignore_index: As for `CountingMetric`.
    """

    def __init__(
        self, average: Average | None = "macro", *, logits: bool = False, ignore_index: int = -100
    ) -> None:
        if average is not None and average not in AVERAGES:
            raise ValueError(f"average must be {', '.join(AVERAGES)} or None, got {average!r}")
        self.average = average
        if average in ("micro", "weighted", "binary"):
            self.name = f"{self.name}_{average}"
        super().__init__(logits=logits, ignore_index=ignore_index)

    def _ratio(self, hits: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        """Return numerator and denominator, from true positives, predictions and targets per class."""
        raise NotImplementedError

    def compute(self) -> MetricValue:
        """Return the average over the classes, 0 to 1, or the list of all classes' values."""
        self._require_samples()
        hits, predicted, actual = np.diag(self.counts), self.counts.sum(axis=0), self.counts.sum(axis=1)
        numerator, denominator = self._ratio(hits, predicted, actual)
        if self.average == "micro":
            return float(numerator.sum() / denominator.sum())
        values = np.divide(numerator, denominator, out=np.zeros(len(hits)), where=denominator > 0)
        if self.average is None:
            per_class: list[Any] = values.tolist()
            return per_class
        return float(np.average(values, weights=self._weights(predicted, actual)))

    def _weights(self, predicted: Array, actual: Array) -> Array:
        if self.average == "binary":
            return np.asarray(np.arange(len(actual)) == 1)
        return actual if self.average == "weighted" else np.asarray(predicted + actual > 0)


class Precision(_PerClassMetric):
    """Of the samples taken for a class, the share that is of that class: TP / (TP + FP)."""

    name = "precision"

    def _ratio(self, hits: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return hits, predicted


class Recall(_PerClassMetric):
    """Of the samples of a class, the share that was found: TP / (TP + FN)."""

    name = "recall"

    def _ratio(self, hits: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return hits, actual


class F1(_PerClassMetric):
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN)."""

    name = "f1"

    def _ratio(self, hits: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return 2 * hits, predicted + actual
