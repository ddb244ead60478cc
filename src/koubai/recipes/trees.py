"""Gradient-boosted trees, what a network for tables has to stand beside; scikit-learn's, where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = tuple[NDArray[np.float64], NDArray[np.int64]]

_CATEGORIES = 255  # that scikit-learn can tell apart; columns with more are taken as numbers


def boosted_trees(known: Columns, truth: NDArray[Any], asked: Columns, seed: int) -> NDArray[Any] | None:
    """What histogram-based gradient boosting with its default settings answers (Ke et al. 2017).

    Args:
        known: numbers with NaN for missing ones (N, …) and codes of words (N, …), to learn from.
        truth: classes (N,) from 0, or values (N, 1).
        asked: the same columns of other rows.
        seed: the same seed gives the same trees.

    Returns:
        probabilities (N, classes), or values (N, 1); None without scikit-learn.
    """
    try:
        from sklearn import ensemble
    except ImportError:
        return None
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    with threadpool_limits(1, "openmp"):  # on a busy machine its threads would wait for each other
        return _fitted_answers(ensemble, known, truth, asked, seed)


def _fitted_answers(
    ensemble: Any, known: Columns, truth: NDArray[Any], asked: Columns, seed: int
) -> NDArray[Any]:
    numbers, codes = known
    few = [False] * numbers.shape[1] + (codes.max(axis=0, initial=0) < _CATEGORIES).tolist()
    options = {"categorical_features": few, "random_state": seed % 2**32}
    learnt, new = np.hstack(known), np.hstack(asked)
    if truth.ndim == 2:
        model = ensemble.HistGradientBoostingRegressor(**options).fit(learnt, truth[:, 0])
        return np.asarray(model.predict(new))[:, None]
    model = ensemble.HistGradientBoostingClassifier(**options).fit(learnt, truth)
    chances = np.zeros((len(new), int(truth.max()) + 1))
    chances[:, model.classes_] = model.predict_proba(new)
    return chances
