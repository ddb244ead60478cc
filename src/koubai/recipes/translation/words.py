"""Sentences as words: how English and Japanese are cut."""

from __future__ import annotations

import re
import unicodedata

from koubai.data import Vocabulary

__all__ = ["LONGEST", "english", "japanese"]

LONGEST = 24  # tokens of a sentence, its end among them

_ENGLISH = re.compile(r"'?[^\W_]+|[^\w\s]")  # as the corpus is cut: i 'm, don 't


def english(sentence: str) -> list[str]:
    """Small letters, marks apart, and what follows an apostrophe apart: don't is don and 't."""
    plain = unicodedata.normalize("NFKC", sentence).replace("’", "'").lower()
    return list(_ENGLISH.findall(plain))


def japanese(sentence: str, vocabulary: Vocabulary) -> list[str]:
    """Cut greedily into the longest words that are known; a character that begins none is a word of its own.

    Letters, figures and marks are those of the corpus, full-width ones.
    """
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in sentence.lower())
    longest = max(map(len, vocabulary.tokens))
    words: list[str] = []
    for part in wide.split():
        place = 0
        while place < len(part):
            ends = range(min(len(part), place + longest), place, -1)
            end = next((end for end in ends if part[place:end] in vocabulary), place + 1)
            words.append(part[place:end])
            place = end
    return words
