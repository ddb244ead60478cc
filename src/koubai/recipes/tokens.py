"""Texts as numbers: cut into words or characters, each a place in a vocabulary; and random changes to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

import koubai
from koubai.data.text import CHARACTERS, TextTransform, Tokenizer
from koubai.engine.random import Generator

Ids = NDArray[np.int64]
Cut = Literal["words", "characters"]

_SPECIAL = ("", "\ufffd")  # padding, and what stands for a text of which no token is known
_WORD = re.compile(r"\w+|[^\w\s]")


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _characters(text: str) -> list[str]:
    return CHARACTERS.tokenize(" ".join(text.casefold().split()))


TOKENIZERS: dict[Cut, Tokenizer] = {
    "words": Tokenizer(_words, " ".join),
    "characters": Tokenizer(_characters, "".join),
}


class TextCoder(BaseModel):
    """Makes rows of numbers of texts. Capitals are read as small letters, and unknown tokens are left out.

    Attributes:
        cut: into what a text is cut.
        tokens: the vocabulary; number 0 is padding.
        length: tokens of a row; what a text has more is left out.
    """

    model_config = ConfigDict(frozen=True)

    cut: Cut
    tokens: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, texts: Iterable[str], cut: Cut, most: int, length: int) -> TextCoder:
        """Take the most frequent tokens of some texts, of those that occur twice at least.

        Args:
            texts: to learn from.
            cut: into what a text is cut.
            most: tokens, at most.
            length: tokens of a row, at most; fewer where no text has as many.
        """
        rows = [TOKENIZERS[cut].tokenize(text) for text in texts]
        counts = Counter(token for row in rows for token in row)
        often = sorted(
            (token for token in counts if counts[token] > 1), key=lambda token: (-counts[token], token)
        )
        longest = max((len(row) for row in rows), default=1)
        return cls(cut=cut, tokens=(*_SPECIAL, *often[:most]), length=max(1, min(length, longest)))

    def known(self, text: str) -> list[str]:
        """The tokens of a text that are in the vocabulary."""
        return [token for token in TOKENIZERS[self.cut].tokenize(text) if token in self._places]

    def ids(self, texts: Iterable[str]) -> Ids:
        """Rows of numbers (N, length), padded with 0."""
        return self.padded([self.known(text) for text in texts])

    def padded(self, rows: Sequence[Sequence[str]]) -> Ids:
        """Rows of numbers (N, length) from rows of known tokens."""
        places = np.zeros((len(rows), self.length), np.int64)
        for number, row in enumerate(rows):
            own = [self._places[token] for token in row[: self.length]] or [1]
            places[number, : len(own)] = own
        return places

    def row(self, ids: Ids) -> list[str]:
        """The tokens of a row (T,)."""
        return [self.tokens[number] for number in ids[ids > 0].tolist()]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}


class ChangedTokens:
    """Random changes to batches of rows that a coder made.

    Args:
        coder: that made them.
        changes: what is done to each row, one after the other.
    """

    def __init__(self, coder: TextCoder, changes: Sequence[TextTransform]) -> None:
        self.coder, self.changes = coder, changes

    def __call__(self, batch: Any, generator: Generator | None = None) -> Any:
        """Change the first item of a batch (ids, targets)."""
        ids, *others = batch
        rows = [self._changed(self.coder.row(row), generator) for row in ids.numpy()]
        return [koubai.from_numpy(self.coder.padded(rows)), *others]

    def _changed(self, row: list[str], generator: Generator | None) -> list[str]:
        for change in self.changes:
            row = change.change_tokens(row, generator)
        return row
