"""What counting alone says of the next token: the n-grams of a text, smoothed. Language models have to beat it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NGrams", "histories"]

Ids = NDArray[np.int64]


class NGrams:
    """Frequencies of tokens after histories of 0 to n − 1 tokens, each order smoothed with the one below.

    p(c | h) = (count(h c) + kinds(h) p(c | h′)) / (count(h) + kinds(h)), where h′ is h without its oldest token and
    kinds(h) is how many different tokens follow h: Witten and Bell 1991, "The zero-frequency problem". The first order
    falls back on 1 / tokens.

    Args:
        history: what stood before (M, n − 1), the oldest token first.
        following: what followed (M,).
        tokens: how many different tokens there are.
    """

    def __init__(self, history: Ids, following: Ids, tokens: int) -> None:
        self.tokens = tokens
        self._orders = [
            _Counts(*self._keys(history, following, order)) for order in range(history.shape[1] + 1)
        ]

    def probabilities(self, history: Ids, following: Ids) -> NDArray[np.float64]:
        """The probability of what followed, by unigrams, bigrams and so on: (n, M)."""
        p = np.full(len(following), 1 / self.tokens)
        rows = []
        for order, counts in enumerate(self._orders):
            p = counts.smoothed(*self._keys(history, following, order), p)
            rows.append(p)
        return np.stack(rows)

    def _keys(self, history: Ids, following: Ids, order: int) -> tuple[Ids, Ids]:
        """A number for each history of `order` tokens, and for it with what followed."""
        place = np.zeros(len(following), np.int64)
        for column in range(history.shape[1] - order, history.shape[1]):
            place = place * self.tokens + history[:, column]
        return place, place * self.tokens + following


class _Counts:
    """How often each history was there, how many different tokens followed it, and how often each did."""

    def __init__(self, history: Ids, whole: Ids) -> None:
        self.wholes, first, self.often = np.unique(whole, return_index=True, return_counts=True)
        self.histories, place = np.unique(history[first], return_inverse=True)
        self.kinds = np.bincount(place)
        self.totals = np.bincount(place, weights=self.often)

    def smoothed(self, history: Ids, whole: Ids, below: NDArray[np.float64]) -> NDArray[np.float64]:
        """Witten and Bell's formula, with the order below."""
        often = _looked_up(self.wholes, self.often, whole)
        kinds, total = (_looked_up(self.histories, values, history) for values in (self.kinds, self.totals))
        known = total > 0
        p = (often + kinds * below) / np.where(known, total + kinds, 1)
        return np.asarray(np.where(known, p, below))


def _looked_up(keys: Ids, values: NDArray[Any], wanted: Ids) -> NDArray[np.float64]:
    """The values of the wanted keys; 0 for a key that is not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.asarray(np.where(keys[places] == wanted, values[places], 0.0))


def histories(sequence: Ids, order: int, tokens: int) -> tuple[Ids, Ids]:
    """The histories of a long sequence (M, n − 1) and what followed them (M,), for n-grams up to `order`.

    With very many tokens n is smaller, so that a number of 64 bits can stand for an n-gram.
    """
    while order > 1 and tokens**order >= 2**63:
        order -= 1
    runs = np.lib.stride_tricks.sliding_window_view(sequence, order)  # (M, n)
    return runs[:, :-1], runs[:, -1]
