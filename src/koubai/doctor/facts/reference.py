"""What simple models reach on the same samples: what a training that is no better has not been worth.

Both judge each sample from all others, so that neither can learn it by heart.
"""

from __future__ import annotations

import numpy as np

from koubai.doctor.facts.task import Task, are_signs, labels_of, skill
from koubai.doctor.framework import Array

__all__ = ["linear_skill", "neighbour_skill", "vote"]

_NEIGHBOURS = 5  # few enough for a hundred samples, enough for a vote


def linear_skill(task: Task, features: Array, target: Array, rank: int | None = None) -> float:
    """Return the skill of a linear model (ridge regression, the best of three strengths, leaving each sample out).

    Args:
        task: the kind of question.
        features: (N, F).
        target: (N,) or (N, K).
        rank: with how many numbers in between, as in a model with a narrow layer; None is no limit. What is to be
            reproduced through them is best kept by its principal components.

    The residual of a sample that was left out is a / diag((K + λI)⁻¹), with a = (K + λI)⁻¹ y (Rasmussen and Williams
    2006, section 5.4.2).
    """
    z, wanted = _standard(features), _columns(task, target)
    centre = wanted.mean(0)
    kernel = z @ z.T / z.shape[1] + 1.0  # the constant stands for the bias
    answers = (
        _of_rank(_left_out(kernel, wanted - centre, strength), rank) + centre for strength in _STRENGTHS
    )
    return max(skill(task, answer, target) for answer in answers)


def _of_rank(answers: Array, rank: int | None) -> Array:
    """Return the nearest answers that a few numbers for each sample can give (reduced-rank regression)."""
    if rank is None or rank >= min(answers.shape):
        return answers
    left, sizes, right = np.linalg.svd(answers, full_matrices=False)
    return np.asarray((left[:, :rank] * sizes[:rank]) @ right[:rank])


_STRENGTHS = (1e-3, 1e-1, 10.0)


def neighbour_skill(task: Task, features: Array, target: Array) -> float:
    """Return the skill of the mean over the nearest neighbours (Cover and Hart 1967), leaving each sample out."""
    if len(features) < 4 * _NEIGHBOURS:
        return -np.inf
    wanted = _columns(task, target)
    return skill(task, wanted[_nearest(features, _NEIGHBOURS)].mean(1), target)


def vote(features: Array, labels: Array, asked: Array | None = None) -> Array:
    """Return the most frequent label among the five nearest samples of each asked one, by default of each other."""
    mean, spread = features.mean(0), features.std(0) + 1e-12
    z, q = (features - mean) / spread, ((features if asked is None else asked) - mean) / spread
    distance = (q**2).sum(1)[:, None] - 2 * q @ z.T + (z**2).sum(1)
    if asked is None:
        np.fill_diagonal(distance, np.inf)
    nearest = np.argpartition(distance, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    return np.asarray(np.eye(int(labels.max()) + 1)[labels][nearest].sum(1).argmax(1))


def _nearest(features: Array, count: int) -> Array:
    """Return for each sample the places of the others that are nearest to it, (N, count)."""
    z = _standard(features)
    distance = (z**2).sum(1)[:, None] - 2 * z @ z.T + (z**2).sum(1)
    np.fill_diagonal(distance, np.inf)
    return np.asarray(np.argpartition(distance, count, axis=1)[:, :count])


def _left_out(kernel: Array, wanted: Array, strength: float) -> Array:
    inverse = np.linalg.inv(kernel + strength * np.eye(len(kernel)))
    return wanted - (inverse @ wanted) / np.diag(inverse)[:, None]


def _standard(features: Array) -> Array:
    spread = features.std(0)
    varied = spread > 1e-12 * (np.abs(features).max(0) + 1e-300)
    return (
        np.asarray((features[:, varied] - features.mean(0)[varied]) / spread[varied])
        if varied.any()
        else np.zeros((len(features), 1))
    )


def _columns(task: Task, target: Array) -> Array:
    if task == "classes":
        labels = labels_of(target)
        return np.eye(int(labels.max()) + 1)[np.maximum(labels, 0)]
    numbers = target > 0 if are_signs(target) else target
    return np.asarray(numbers, np.float64).reshape(len(target), -1)
