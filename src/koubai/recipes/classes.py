"""What recipes that tell classes apart have in common: the likeliest classes in words, and which were confused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.i18n import N_
from koubai.recipes.exhibit import Confusion

TOLD = 3
"""How many classes an answer names."""


def likeliest(names: Sequence[str], chances: NDArray[Any], count: int = TOLD) -> list[tuple[str, str]]:
    """The likeliest classes of one sample, the likeliest first, each with its probability in percent.

    Args:
        names: of the classes.
        chances: their probabilities (classes,).
        count: how many, at most.
    """
    order = np.argsort(-chances, kind="stable")[:count]
    return [(names[k], f"{100 * chances[k]:.1f} %") for k in order]


def in_words(names: Sequence[str], chances: NDArray[Any]) -> list[str]:
    """The same as cells of a row, such as "setosa 98.1 %"."""
    return [f"{name} {share}" for name, share in likeliest(names, chances)]


def confusion(names: Sequence[str], truth: NDArray[Any], predicted: NDArray[Any]) -> Confusion:
    """How often each class was taken for each.

    Args:
        names: of the classes.
        truth: class numbers (N,).
        predicted: class numbers (N,).
    """
    counts = np.zeros((len(names),) * 2, np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return Confusion(title=N_("Confusion matrix"), names=tuple(names), counts=counts)
