"""Beam search: the likeliest sentences of a model that says one token after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hypothesis", "beam_search"]

Array = NDArray[Any]
Step = Callable[[NDArray[np.int64], NDArray[np.int64]], Array]


class Hypothesis(NamedTuple):
    """A sentence that was found.

    Attributes:
        tokens: without its beginning and its end.
        log_probability: of all tokens together, the end among them.
    """

    tokens: list[int]
    log_probability: float


def beam_search(
    step: Step,
    samples: int,
    *,
    begin: int,
    end: int,
    longest: int,
    width: int = 5,
    length_penalty: float = 1.0,
) -> list[list[Hypothesis]]:
    """Go on with the best beginnings, token by token, until none of them can become better than what is finished.

    Finished sentences are compared by log p / ((5 + length) / 6)^penalty (Wu et al. 2016, section 7), since each token
    more makes a sentence less probable.

    Args:
        step: `step(tokens, parents)` gives the log-probabilities of what comes next (N · width, V), when beginning b
            goes on from what beginning `parents[b]` was, with the token `tokens[b]`.
        samples: N.
        begin: the first token.
        end: the last token.
        longest: tokens of a sentence at most.
        width: beginnings that are kept for each sample.
        length_penalty: 0 prefers short sentences, 1 and more long ones.

    Returns:
        for each sample at most `width` hypotheses, the best first.
    """
    searches = [_Search(width, end, length_penalty) for _ in range(samples)]
    parents = np.arange(samples * width)
    tokens = np.full(samples * width, begin)
    for _place in range(longest):
        rows = step(tokens, parents).reshape(samples, width, -1)  # (N, width, V)
        chosen = [search.go_on(row) for search, row in zip(searches, rows)]
        tokens = np.concatenate([own for own, _ in chosen])
        parents = np.concatenate([number * width + before for number, (_, before) in enumerate(chosen)])
        if all(search.is_over for search in searches):
            break
    return [search.best() for search in searches]


class _Search:
    """The search for one sample's sentence."""

    def __init__(self, width: int, end: int, penalty: float) -> None:
        self.width, self.end, self.penalty = width, end, penalty
        self.open: list[list[int]] = [[] for _ in range(width)]
        self.scores = np.array([0.0, *[-np.inf] * (width - 1)])  # all begin alike, so one is enough
        self.finished: list[Hypothesis] = []

    def go_on(self, logs: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Keep the best beginnings, one token longer: their last tokens, and what each came from."""
        totals = self.scores[:, None] + logs  # (width, V)
        count = min(2 * self.width, totals.size)  # so many that enough are left when all others end
        best = np.argpartition(-totals, count - 1, axis=None)[:count]
        best = best[np.argsort(-totals.flat[best], kind="stable")]
        kept: list[tuple[int, int, float]] = []
        for before, token in zip(*np.unravel_index(best, totals.shape)):
            score = float(totals[before, token])
            if token == self.end and np.isfinite(score) and len(kept) < self.width:
                self.finished.append(Hypothesis(self.open[before], score))
            elif token != self.end and len(kept) < self.width:
                kept.append((int(before), int(token), score))
        kept += [(0, self.end, -np.inf)] * (self.width - len(kept))  # a vocabulary of a few tokens
        self.open = [[*self.open[before], token] for before, token, _ in kept]
        self.scores = np.array([score for _, _, score in kept])
        return np.array([token for _, token, _ in kept]), np.array([before for before, _, _ in kept])

    @property
    def is_over(self) -> bool:
        """Whether there are enough finished sentences, and no beginning is better than them as it is."""
        if len(self.finished) < self.width:
            return False
        reached = max(self._rated(Hypothesis(row, score)) for row, score in zip(self.open, self.scores))
        return reached <= max(map(self._rated, self.finished))

    def best(self) -> list[Hypothesis]:
        """What was finished, or, if nothing was, the beginnings; the best first."""
        found = self.finished or [
            Hypothesis(row, float(score)) for row, score in zip(self.open, self.scores) if np.isfinite(score)
        ]
        return sorted(found, key=self._rated, reverse=True)[: self.width]

    def _rated(self, hypothesis: Hypothesis) -> float:
        return float(hypothesis.log_probability / ((5 + len(hypothesis.tokens) + 1) / 6) ** self.penalty)
