"""What the recipes for texts share: reading files, refusing what is unknown, losses beside those of n-grams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koubai.data import Vocabulary
from koubai.i18n import N_, _
from koubai.recipes.exhibit import HeatMap, Table
from koubai.recipes.ngram import Ids, NGrams

__all__ = [
    "GRAMS",
    "by_counting",
    "given_text",
    "in_units",
    "losses",
    "require_known",
    "shown",
    "surprise",
    "text_of",
]

GRAMS = (N_("single characters"), N_("bigrams"), N_("trigrams"), N_("4-grams"), N_("5-grams"))
_SHOWN = {"\n": "↵", " ": "␣", "\u3000": "□"}


def text_of(path: Path) -> str:
    """The text of a user's file.

    Raises:
        ValueError: it is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        problem = _("{path} is not a text in UTF-8; save it again in that encoding.")
        raise ValueError(problem.format(path=path)) from None


def given_text(source: str) -> str:
    """The text of a .txt file, or else what the user typed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8, or the text is empty.
    """
    text = text_of(Path(source)) if source.endswith(".txt") else source
    if not text.strip():
        raise ValueError(_("The text is empty."))
    return text


def require_known(text: str, vocabulary: Vocabulary) -> None:
    """See that the model has learnt all characters of a text.

    Raises:
        ValueError: with those that it has not.
    """
    strange = sorted({character for character in text if character not in vocabulary})
    if strange:
        problem = _("The model has not learnt these characters: {characters}")
        raise ValueError(problem.format(characters=" ".join(strange)))


def in_units(nats: float) -> dict[str, float]:
    """A loss per character as the field tells it: in nats, in bits, and as a perplexity."""
    return {"loss": float(nats), "bits_per_character": nats / math.log(2), "perplexity": math.exp(nats)}


def by_counting(train: tuple[Ids, Ids], test: tuple[Ids, Ids], tokens: int) -> list[float]:
    """The loss per character of unigrams, bigrams and so on, in nats.

    Args:
        train: histories (M, n - 1) and what followed (M,), to count.
        test: the same, to predict.
        tokens: how many different tokens there are.
    """
    rows = NGrams(*train, tokens).probabilities(*test)
    return [float(loss) for loss in -np.log(rows).mean(axis=1)]


def losses(counted: Sequence[float], own: float) -> Table:
    """The model's loss below those of n-grams."""
    rows = [*zip(GRAMS, counted, strict=False), (N_("this model"), own)]
    return Table(
        title=N_("Loss per character, beside n-grams counted in the training text and smoothed"),
        header=(N_("what predicts"), N_("nats"), N_("bits"), N_("perplexity")),
        rows=tuple(
            (_(name), f"{nats:.4f}", f"{nats / math.log(2):.4f}", f"{math.exp(nats):.2f}")
            for name, nats in rows
        ),
    )


def surprise(title: str, rows: Sequence[Sequence[str]], nats: NDArray[np.float32]) -> HeatMap:
    """Characters, as dark as each was unexpected.

    Args:
        title: of the exhibit.
        rows: the characters, in rows; short ones end with "".
        nats: minus the logarithm of each character's probability (rows, columns).
    """
    return HeatMap(
        title=title,
        note=N_("The darker, the less the model expected it; ↵ is the end of a line, ␣ a space."),
        values=nats,
        rows=("",) * nats.shape[0],
        columns=("",) * nats.shape[1],
        cells=tuple(tuple(map(shown, row)) for row in rows),
    )


def shown(character: str) -> str:
    """A character as it is seen on a picture: white space by a sign."""
    return _SHOWN.get(character, character)
