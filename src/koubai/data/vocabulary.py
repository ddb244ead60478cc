"""A vocabulary: the tokens a model knows, each with a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Vocabulary"]


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their numbers: token number i is `tokens[i]`.

    Attributes:
        tokens: all different; the special ones first.
        unknown: the number of what stands for any other token, or None where there must be no other.

    Example:
        >>> letters = Vocabulary.of("banana")
        >>> letters.ids("nab").tolist()
        [2, 0, 1]
    """

    tokens: tuple[str, ...]
    unknown: int | None = None

    @classmethod
    def of(
        cls,
        tokens: Iterable[str],
        special: Sequence[str] = (),
        unknown: str | None = None,
        least: int = 1,
    ) -> Vocabulary:
        """Take the tokens of a text, in the order of their code points.

        Args:
            tokens: the text's tokens; a string is taken apart into characters.
            special: tokens of the model's own, such as the one for an end, that come first.
            unknown: the special token that stands for all others, or None.
            least: how often a token has to be in the text.
        """
        often = sorted(token for token, count in Counter(tokens).items() if count >= least)
        every = (*special, *(token for token in often if token not in special))
        return cls(every, None if unknown is None else every.index(unknown))

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._places

    def ids(self, tokens: Iterable[str]) -> NDArray[np.int64]:
        """The tokens' numbers.

        Raises:
            KeyError: a token is not in the vocabulary, and there is nothing that stands for it.
        """
        places = self._places
        if self.unknown is None:
            return np.array([places[token] for token in tokens], np.int64)
        return np.array([places.get(token, self.unknown) for token in tokens], np.int64)

    def words(self, ids: ArrayLike) -> list[str]:
        """The tokens of these numbers (N,)."""
        return [self.tokens[number] for number in np.asarray(ids).tolist()]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}
