"""A table of the answers that came nearest to what was wanted, and of those that came least near."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from koubai.recipes.exhibit import Table

__all__ = ["best_and_worst"]

_LISTED = 6  # of the best, and of the worst
_LONGEST = 300  # characters of a cell


def best_and_worst(
    title: str, score: str, scores: Sequence[float], columns: Mapping[str, Sequence[str]]
) -> Table:
    """Answers in the order of their scores, those in the middle left out.

    Args:
        title: of the table.
        score: the name of the score, 0 to 100.
        scores: of each answer, the higher the better.
        columns: what is shown of each answer, by the title of the column.
    """
    order = np.argsort(np.negative(scores), kind="stable").tolist()
    rows = [(f"{scores[k]:.0f}", *(_short(column[k]) for column in columns.values())) for k in order]
    if len(rows) > 2 * _LISTED:
        rows = [*rows[:_LISTED], ("…",) * (1 + len(columns)), *rows[-_LISTED:]]
    return Table(title=title, header=(score, *columns), rows=tuple(rows))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
