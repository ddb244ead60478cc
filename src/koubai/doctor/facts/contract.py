"""What a loss expects of outputs, and what range outputs come from; found by asking, so that any function will do.

A loss that does not change when all scores of a row grow by the same amount contains a softmax; one that does not
change when output and target move together measures a distance; and so on. No name is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from koubai.doctor.framework import Array

__all__ = ["Expects", "Range", "expects", "range_of", "range_of_layer"]

Expects = Literal["numbers", "scores", "log_probabilities", "probabilities", "logits", "unknown"]
Range = Literal["constant", "distribution", "log_distribution", "unit", "symmetric", "positive", "free"]

_EQUAL = 1e-4  # float32 sums over a few hundred samples agree to this


def expects(loss: Callable[[Array, Array], float], shape: tuple[int, ...], target: Array) -> Expects:
    """Return what a loss takes its first argument for.

    Args:
        loss: the loss of arrays, NaN where it refuses them.
        shape: of the model's output.
        target: targets that fit it.
    """
    random = np.random.default_rng(0)
    z = random.normal(size=shape).astype(np.float32)
    p = random.uniform(0.1, 0.9, size=shape).astype(np.float32)
    plain = loss(z, target)
    if target.dtype.kind == "f" and _same(loss(z + 3, target + np.float32(3)), plain):
        return "numbers"
    if len(shape) > 1 and shape[1] > 1:
        row = random.normal(size=(shape[0], 1, *[1] * (len(shape) - 2))).astype(np.float32)
        if _same(loss(z + row, target), plain):
            return "scores"
        shift = loss(z + 1, target) - plain
        if np.isfinite(shift) and _same(loss(z + 2, target) - plain, 2 * shift):
            return "log_probabilities"
    if np.isfinite(loss(p, target)) and (
        _is_bounded(loss, p, target) or _same(loss(3 * p, target), loss(p, target))
    ):
        return "probabilities"  # which are cut off at 0 and 1, or made to add up to 1
    if np.isfinite(plain) and np.isin(target, (0, 1)).all() and _same(loss(-z, 1 - target), plain):
        return "logits"
    return "unknown"


def _is_bounded(loss: Callable[[Array, Array], float], p: Array, target: Array) -> bool:
    """Whether what lies below 0, and what lies above 1, is refused, or counts as 0 and 1.

    Both sides have to be asked: a loss for counts takes the logarithm too, but of numbers without an upper end.
    """
    return all(_ends(loss(p + sign * 2, target), loss(p + sign * 4, target)) for sign in (-1, 1))


def _ends(far: float, farther: float) -> bool:
    return not np.isfinite(far) or _same(far, farther)


_OF_LAYER: dict[str, Range] = {
    "Sigmoid": "unit",
    "Hardsigmoid": "unit",
    "Tanh": "symmetric",
    "Hardtanh": "symmetric",
    "Softsign": "symmetric",
    "Softmax": "distribution",
    "LogSoftmax": "log_distribution",
    "ReLU": "positive",
    "Linear": "free",
}


def range_of_layer(kind: str, outputs: int) -> Range | None:
    """Return the range of a last layer of a known kind; None if it has to be found out."""
    if kind == "Softmax" and outputs == 1:
        return "constant"
    return _OF_LAYER.get(kind)


def range_of(answers: Array, driven: Array) -> Range:
    """Return what range outputs come from.

    Args:
        answers: outputs for the samples.
        driven: outputs for the same samples, some of them made a hundred times larger, which shows the bounds.
    """
    both = np.concatenate([answers, driven]).astype(np.float64)
    both = both[np.isfinite(both).reshape(len(both), -1).all(1)]
    if not len(both):
        return "free"
    if both.ndim > 1 and both.shape[1] > 1 and both.min() >= 0 and np.allclose(both.sum(1), 1, atol=1e-4):
        return "distribution"
    if (
        both.ndim > 1
        and both.shape[1] > 1
        and both.max() <= 0
        and np.allclose(np.exp(both).sum(1), 1, atol=1e-4)
    ):
        return "log_distribution"
    if np.ptp(both) == 0:
        return "constant"
    if both.min() >= 0 and both.max() <= 1 and both.max() > 0.5:
        return "unit"
    if both.min() >= -1 and both.max() <= 1 and both.min() < -0.5:
        return "symmetric"
    return "positive" if both.min() >= 0 and (both == 0).any() else "free"


def _same(one: float, other: float) -> bool:
    return bool(np.isfinite(one) and np.isfinite(other) and abs(one - other) <= _EQUAL * (1 + abs(one)))
