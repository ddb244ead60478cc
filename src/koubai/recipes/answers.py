"""Answers for labelled rows: the trivial one that a model has to beat, and those that were most wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORST = 12  # how many mistakes are shown


def constant_answer(known: NDArray[Any], outputs: NDArray[Any]) -> NDArray[Any]:
    """The best answer that is the same for every sample: the classes' frequencies, or the mean.

    Args:
        known: classes (N,) of the training part, or its values (N, outputs).
        outputs: answers (M, classes) or (M, outputs) whose shape it is to have.
    """
    if known.dtype.kind == "i":
        row = np.bincount(known, minlength=outputs.shape[1]) / len(known)
    else:
        row = known.mean(axis=0)
    return np.broadcast_to(row, outputs.shape)


def worst_answers(outputs: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.int64]:
    """The wrong classes with the least belief in the truth, or the values missed by most; worst first (K,).

    Args:
        outputs: probabilities (N, classes), or values (N, outputs).
        truth: classes (N,), or values (N, outputs).
    """
    if truth.ndim == 1:
        missed = 1 - outputs[np.arange(len(truth)), truth]
        candidates = np.flatnonzero(outputs.argmax(axis=1) != truth)
    else:
        missed = np.abs(outputs - truth).max(axis=1)
        candidates = np.arange(len(truth))
    return candidates[np.argsort(-missed[candidates], kind="stable")][:_WORST]
