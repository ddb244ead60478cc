"""Texts as words or characters, how those become a text again, and numbers for words that no vocabulary has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from koubai.data import Vocabulary
from koubai.data.text import Tokenizer
from koubai.recipes.special_tokens import UNKNOWN, Words
from koubai.recipes.tokens import TOKENIZERS, Cut

__all__ = ["CUTS", "ENDS", "cut_text", "extended", "wide_ids"]

ENDS = frozenset(".!?。！？")  # tokens that end a sentence

_WORD = re.compile(r"\w+(?:[-'.,:/]\w+)*|[^\w\s]")  # well-known, o'clock, 3.5 and 10:30 are one word each
_LEFT, _RIGHT = re.compile(r" (?=[,.;:!?)\]%])"), re.compile(r"(?<=[(\[]) ")  # spaces that nobody writes


def _joined(words: Words) -> str:
    return _RIGHT.sub("", _LEFT.sub("", " ".join(words)))


CUTS: dict[Cut, Tokenizer] = {
    "words": Tokenizer(_WORD.findall, _joined),
    "characters": TOKENIZERS["characters"],
}


def cut_text(text: str, cut: Cut) -> list[str]:
    """Small letters, full-width ones as the usual ones, cut into words or characters."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").lower()
    return CUTS[cut].tokenize(plain)


def extended(words: Iterable[str], vocabulary: Vocabulary) -> list[str]:
    """The words of a text that are not in the vocabulary, in their order: they are numbered after its tokens."""
    return list(dict.fromkeys(word for word in words if word not in vocabulary))


def wide_ids(words: Words, vocabulary: Vocabulary, others: Words) -> NDArray[np.int64]:
    """The numbers of words of the vocabulary, and of those of `others` after them; the rest is unknown."""
    ids = vocabulary.ids(words)
    places = {word: len(vocabulary) + place for place, word in enumerate(others)}
    return np.array(
        [places.get(word, int(k)) if k == UNKNOWN else k for word, k in zip(words, ids)], np.int64
    )
