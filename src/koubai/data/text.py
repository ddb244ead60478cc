"""Augmentation for texts: synonyms, deletion, swaps, paraphrases, in any language a tokenizer can cut.

Wei and Zou, 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification
Tasks".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.data.draw import chance, permutation, positions
from koubai.data.transform import Transform, probability
from koubai.engine.random import Generator


@dataclass(frozen=True)
class Tokenizer:
    """Cuts a text into tokens and joins them again.

    Args:
        tokenize: makes a list of tokens of a text.
        join: makes a text of a list of tokens.

    Example:
        >>> Tokenizer(my_japanese_analyser, "".join)
    """

    tokenize: Callable[[str], list[str]]
    join: Callable[[list[str]], str]


def split_characters(text: str) -> list[str]:
    """The characters of a text, each with the marks that combine with it, such as a separate dakuten."""
    characters: list[str] = []
    for character in text:
        if characters and unicodedata.category(character).startswith("M"):
            characters[-1] += character
        else:
            characters.append(character)
    return characters


#: Tokens between spaces; joining puts one space between them.
WORDS = Tokenizer(str.split, " ".join)

#: Every character a token: works for Japanese without a dictionary.
CHARACTERS = Tokenizer(split_characters, "".join)


class TextTransform(Transform):
    """The base of text transforms, called with one text or a list of texts: define `change_tokens`.

    Args:
        tokenizer: cuts and joins the texts.
    """

    def __init__(self, tokenizer: Tokenizer = WORDS) -> None:
        self.tokenizer = tokenizer

    def is_batch(self, values: Any) -> bool:
        """Whether `values` are (texts, targets, ...): their first item is no string but a list of them."""
        return isinstance(values, tuple | list) and bool(values) and not isinstance(values[0], str)

    def change(self, inputs: Any, generator: Generator | None) -> Any:
        """The changed text, or the list of changed texts.

        Raises:
            TypeError: when an input is no string.
        """
        if isinstance(inputs, str):
            return self.change_text(inputs, generator)
        wrong = next((text for text in inputs if not isinstance(text, str)), None)
        if wrong is not None:
            raise TypeError(
                f"{type(self).__name__}: expected texts, but one is of type {type(wrong).__name__}"
            )
        return [self.change_text(text, generator) for text in inputs]

    def change_text(self, text: str, generator: Generator | None) -> str:
        """The changed text; an empty one stays as it is."""
        tokens = self.tokenizer.tokenize(text)
        return self.tokenizer.join(self.change_tokens(tokens, generator)) if tokens else text

    def change_tokens(self, tokens: list[str], generator: Generator | None) -> list[str]:
        """The changed tokens of a text that has at least one."""
        raise NotImplementedError(f"{type(self).__name__} has to define change_tokens(tokens, generator)")


class SynonymReplacement(TextTransform):
    """Put synonyms in the place of some tokens.

    Args:
        synonyms: for each token that may be replaced, what may stand there instead.
        p: the probability for each token that has synonyms.
        tokenizer: cuts and joins the texts.

    Example:
        >>> SynonymReplacement({"速い": ["素早い", "高速な"]}, p=0.3, tokenizer=my_tokenizer)
    """

    def __init__(
        self, synonyms: Mapping[str, Sequence[str]], p: float = 0.1, tokenizer: Tokenizer = WORDS
    ) -> None:
        super().__init__(tokenizer)
        self.synonyms = {token: list(others) for token, others in synonyms.items()}
        self.p = probability(p)
        empty = [token for token, others in synonyms.items() if not others or isinstance(others, str)]
        if empty:
            raise ValueError(f"SynonymReplacement: {empty[0]!r} needs a list of at least one synonym")

    def change_tokens(self, tokens: list[str], generator: Generator | None) -> list[str]:
        """Replace each token with probability p by one of its synonyms, all of them equally likely."""
        chosen = chance(len(tokens), self.p, generator)
        options = [self.synonyms.get(token, [token]) for token in tokens]
        picks = positions(np.array([len(option) for option in options]), generator)
        return [
            option[pick] if yes else token for token, option, pick, yes in zip(tokens, options, picks, chosen)
        ]


class RandomDeletion(TextTransform):
    """Leave some tokens out, but never all of them.

    Args:
        p: the probability for each token.
        tokenizer: cuts and joins the texts.
    """

    def __init__(self, p: float = 0.1, tokenizer: Tokenizer = WORDS) -> None:
        super().__init__(tokenizer)
        self.p = probability(p)

    def change_tokens(self, tokens: list[str], generator: Generator | None) -> list[str]:
        """Leave each token out with probability p; one stays if all would go."""
        gone = chance(len(tokens), self.p, generator)
        if gone.all():
            gone[positions(np.array([len(tokens)]), generator)] = False
        return [token for token, out in zip(tokens, gone) if not out]


class RandomSwap(TextTransform):
    """Let two tokens change places, several times.

    Args:
        swaps: how many times.
        tokenizer: cuts and joins the texts.
    """

    def __init__(self, swaps: int = 1, tokenizer: Tokenizer = WORDS) -> None:
        super().__init__(tokenizer)
        self.swaps = swaps

    def change_tokens(self, tokens: list[str], generator: Generator | None) -> list[str]:
        """Swap random pairs; a single token stays where it is."""
        swapped = list(tokens)
        for _ in range(self.swaps if len(tokens) > 1 else 0):
            one, other = permutation(len(tokens), generator)[:2]
            swapped[one], swapped[other] = swapped[other], swapped[one]
        return swapped


class Paraphrase(TextTransform):
    """Say it in other words, by a function of the user's, such as a translation there and back.

    Args:
        function: gives another text for a text.
        p: the probability for each text.

    Raises:
        TypeError: when the function gives something that is not a text.
    """

    def __init__(self, function: Callable[[str], str], p: float = 1.0) -> None:
        super().__init__()
        self.function = function
        self.p = probability(p)

    def change_text(self, text: str, generator: Generator | None) -> str:
        """The function's text with probability p, else the text itself."""
        if not chance(1, self.p, generator)[0]:
            return text
        other = self.function(text)
        if not isinstance(other, str):
            raise TypeError(
                f"Paraphrase: the function gave a {type(other).__name__} for {text!r}, not a text"
            )
        return other
