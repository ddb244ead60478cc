"""What kind of question the targets ask, and how well answers answer it.

A skill is 0 for the best answer that is the same for all samples, and 1 for right answers throughout: R² for numbers,
for classes the share of the majority class's errors that are avoided (or, if it is more, of errors where all classes
count alike, for those who weigh rare classes up).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from koubai.doctor.framework import Array

__all__ = ["Task", "are_signs", "labels_of", "noise_of", "skill", "task_of"]

Task = Literal["classes", "binary", "multilabel", "numbers"]


def task_of(target: Array, answers: tuple[int, ...]) -> Task:
    """Return the kind of question.

    Args:
        target: the targets: (N,), (N, 1) or (N, K), or class numbers (N, ...) of places in a sequence or an image.
        answers: the shape of the model's outputs, (N, C) or (N, C, ...).
    """
    target = np.asarray(target)
    outputs = answers[1] if len(answers) > 1 else 1
    if target.dtype.kind in "iub" and target.ndim >= 1 and _may_be_classes(target, answers, outputs):
        few = target.size and outputs == 1 and set(np.unique(target)) <= {0, 1}
        return "binary" if few else "classes"
    if target.ndim > 1 and target.shape[-1] == outputs > 1 and _are_shares(target):
        return "classes"
    if not np.isin(target, (0, 1)).all() and not are_signs(target):
        return "numbers"
    if target.ndim < 2 or target.shape[-1] == 1:
        return "binary"
    return "multilabel"


def _may_be_classes(target: Array, answers: tuple[int, ...], outputs: int) -> bool:
    each_place = len(answers) == target.ndim + 1 and answers[2:] == target.shape[1:]
    return target.ndim == 1 or each_place or outputs > target.shape[-1]


def _are_shares(target: Array) -> bool:
    """Whether rows are probabilities of classes: one-hot, smoothed, mixed, or another model's."""
    return bool(target.min(initial=0) >= 0 and np.allclose(target.sum(-1), 1, atol=1e-3))


def are_signs(target: Array) -> bool:
    """Whether targets say yes and no by 1 and -1, as those of a hinge loss."""
    return bool(np.isin(target, (-1, 1)).all() and target.min(initial=1) < 0 < target.max(initial=-1))


def labels_of(target: Array) -> Array:
    """Return class numbers, also of one-hot rows, and 0 and 1 of signs."""
    target = np.asarray(target)
    if are_signs(target):
        return np.asarray(target.reshape(-1) > 0).astype(np.int64)
    if target.ndim > 1 and target.shape[-1] > 1 and target.dtype.kind == "f":
        return np.asarray(target.argmax(-1))
    return target.reshape(-1).astype(np.int64)


def skill(task: Task, answers: Array, target: Array, threshold: float = 0.5) -> float:
    """Return how much better answers are than the best constant, at most 1.

    It is -inf if answers are not finite, and NaN if they are no answers to these targets one by one, as those of a loss
    that aligns sequences are none.

    Args:
        task: the kind of question.
        answers: the model's outputs, (N, ...).
        target: the right answers.
        threshold: what divides yes from no.
    """
    answers, target = np.asarray(answers, np.float64), np.asarray(target)
    if not np.isfinite(answers).all():
        return -np.inf
    if task == "numbers":
        return _explained(answers, np.asarray(target, np.float64))
    if task == "classes":
        return _avoided(_classes(answers), labels_of(target))
    right = np.asarray(target).reshape(len(target), -1) > 0.5
    said = answers.reshape(len(answers), -1) > threshold
    if said.shape != right.shape and 1 not in (said.shape[1], right.shape[1]):
        return np.nan
    said = np.broadcast_to(said, np.broadcast_shapes(said.shape, right.shape))
    right = np.broadcast_to(right, said.shape)
    varied = [column for column in range(right.shape[1]) if len(np.unique(right[:, column])) > 1]
    each = [_avoided(said[:, column].astype(int), right[:, column].astype(int)) for column in varied]
    return float(np.mean(each)) if each else 0.0


def noise_of(task: Task, target: Array) -> float:
    """Return the standard deviation of a skill that is judged on these targets, at most: of shares of few samples.

    The share of n samples that are recognised is known to 1 / sqrt(4 n); balanced, the rarest class counts most.
    """
    if task not in ("classes", "binary") or not len(target):
        return float(1 / np.sqrt(max(1, len(target))))
    counts = np.unique(labels_of(target), return_counts=True)[1]
    classes = max(2, len(counts))
    return float(np.sqrt((0.25 / counts).sum()) / (classes - 1))


def _classes(answers: Array) -> Array:
    """Return the class that scores (N, C) or (N, C, ...) say, of one score the nearest number."""
    if answers.ndim == 1 or answers.shape[1] == 1:
        return np.asarray(np.rint(answers.reshape(-1)))
    return np.asarray(answers.argmax(1).reshape(-1))


def _explained(answers: Array, target: Array) -> float:
    target = target.reshape(len(target), -1)
    answers = answers.reshape(len(answers), -1)
    if len(answers) != len(target) or (
        answers.shape != target.shape and 1 not in (answers.shape[1], target.shape[1])
    ):
        return np.nan
    spread = ((target - target.mean(0)) ** 2).mean(0)
    with np.errstate(over="ignore"):
        wrong = ((answers - target) ** 2).mean(0)
    if not (spread > 0).any():
        return 0.0
    wrong, spread = np.broadcast_arrays(wrong, spread)
    varied = spread > 0
    return float(np.mean(1 - wrong[varied] / spread[varied]))


def _avoided(said: Array, right: Array) -> float:
    """Return the share of the best constant's errors that are avoided, all samples or all classes counting alike."""
    if len(said) != len(right) or not len(right):
        return np.nan
    classes, counts = np.unique(right, return_counts=True)
    majority = counts.max() / len(right)
    if majority == 1:
        return 0.0
    plain = (np.mean(said == right) - majority) / (1 - majority)
    recall = np.mean([np.mean(said[right == k] == k) for k in classes])
    balanced = (recall - 1 / len(classes)) / (1 - 1 / len(classes))
    return float(max(plain, balanced))  # who weighs rare classes up pays for it in plain accuracy
