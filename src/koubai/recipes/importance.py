"""How much a model relies on each column: what it loses when the column is shuffled (Breiman 2001)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data.draw import permutation
from koubai.engine.random import Generator
from koubai.i18n import N_
from koubai.recipes.exhibit import Bars

Arrays = tuple[NDArray[Any], ...]

_ROUNDS = 3  # shuffles, whose losses are averaged
_MOST = 20  # columns that are shown


def permutation_importance(
    score: Callable[[Arrays], float],
    inputs: Arrays,
    columns: Mapping[str, Sequence[Sequence[int]]],
    generator: Generator,
) -> Bars:
    """The loss of score for each column, the largest first.

    Args:
        score: how good the model is on some inputs; more is better.
        inputs: what the model takes, each (N, width).
        columns: for each name the places in each of the inputs that are shuffled together.
        generator: where the orders are drawn from.
    """
    whole, rows = score(inputs), len(inputs[0])
    orders = [permutation(rows, generator) for _round in range(_ROUNDS)]
    lost = {
        name: whole - float(np.mean([score(_shuffled(inputs, places, order)) for order in orders]))
        for name, places in columns.items()
    }
    names = sorted(lost, key=lambda name: -lost[name])[:_MOST]
    return Bars(
        title=N_("How much it relies on each column"),
        note=N_("What the result loses when the cells of the column are shuffled; 0: nothing."),
        names=tuple(names),
        values=np.array([lost[name] for name in names]),
    )


def _shuffled(inputs: Arrays, places: Sequence[Sequence[int]], order: NDArray[np.int64]) -> Arrays:
    changed = tuple(array.copy() for array in inputs)
    for array, original, own in zip(changed, inputs, places):
        array[:, list(own)] = original[order][:, list(own)]
    return changed
