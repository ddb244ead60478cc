"""Writes a headline for a text: what a run keeps for it, and what of the headline was copied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.data import Vocabulary
from koubai.i18n import N_, _
from koubai.models import PointerGenerator
from koubai.recipes.beam_search import Hypothesis
from koubai.recipes.characters import given_text
from koubai.recipes.exhibit import Exhibit, HeatMap, Table, Texts, Tokens
from koubai.recipes.predictor import Predictor
from koubai.recipes.special_tokens import BEGIN, SPECIAL, UNKNOWN, Words
from koubai.recipes.summarise.words import CUTS, cut_text, extended, wide_ids
from koubai.recipes.tokens import Cut
from koubai.recipes.writing import SearchOptions, written

__all__ = ["SummaryPredictor"]

_COLUMNS = 16  # words of the source that a map of the attention shows


class SummaryPredictor(Predictor):
    """Writes headlines.

    Attributes:
        cut: into what texts are cut.
        vocabulary: the words it knows.
        length: words of a text that it reads.
        longest: words of a headline, at most.
    """

    options = SearchOptions
    cut: Cut
    vocabulary: Vocabulary
    length: int
    longest: int

    def answer(  # type: ignore[override]
        self, model: PointerGenerator, source: str, options: SearchOptions
    ) -> tuple[Exhibit, ...]:
        """The headline, the runners-up, and what was copied from where.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the text is empty, or the file is not UTF-8.
        """
        words = self.words(given_text(source))
        found = self.headlines(model, [words], options)[0]
        rows = tuple((self.joined(words, one), f"{one.log_probability:.2f}") for one in found)
        return (
            Texts(passages=(("", rows[0][0]),)),
            Table(header=(N_("found"), N_("log probability")), rows=rows),
            *self.copied(model, words, found[0]),
        )

    def words(self, text: str) -> list[str]:
        """The words of a text that are read."""
        return cut_text(text, self.cut)[: self.length]

    def headlines(
        self, model: PointerGenerator, texts: Sequence[Words], options: SearchOptions
    ) -> list[list[Hypothesis]]:
        """The best headlines of each text, the best first."""
        return written(model, [self._read(words) for words in texts], options, self.longest)

    def headline(self, words: Words, found: Hypothesis) -> list[str]:
        """The words of a headline that was found for a text; those that were copied may be in no vocabulary."""
        tokens = dict(enumerate((*self.vocabulary.tokens, *extended(words, self.vocabulary))))
        return [tokens.get(number, SPECIAL[UNKNOWN]) for number in found.tokens]

    def joined(self, words: Words, found: Hypothesis) -> str:
        """Likewise, as one text."""
        return CUTS[self.cut].join(self.headline(words, found))

    def copied(
        self, model: PointerGenerator, words: Words, found: Hypothesis
    ) -> tuple[Tokens, Tokens, HeatMap]:
        """How much of each word of a headline was copied, from which words of the text, and which from which."""
        headline = self.headline(words, found)
        places, shares = self._copying(model, self._read(words), np.array(found.tokens, np.int64))
        most = np.sort(np.argsort(-places.max(axis=0), kind="stable")[:_COLUMNS])
        title = CUTS[self.cut].join(headline)
        return (
            Tokens(
                title=_("What was copied: {headline}").format(headline=title),
                note=N_(
                    "The redder, the more of the word's probability came from copying it out of the text."
                ),
                words=tuple(headline),
                weights=shares,
                meanings=(N_("red: copied"), ""),
            ),
            Tokens(
                title=N_("The text"),
                note=N_("The redder, the likelier it was to be copied when the model looked at it most."),
                words=tuple(words),
                weights=places.max(axis=0),
                meanings=(N_("red: copied"), ""),
            ),
            HeatMap(
                title=N_("Where it copied from"),
                note=N_("Rows: the words it writes. Columns: the words of the text that it looked at most."),
                values=places[:, most],
                rows=tuple(headline),
                columns=tuple(words[place] for place in most.tolist()),
            ),
        )

    def _read(self, words: Words) -> NDArray[np.int64]:
        return wide_ids(words, self.vocabulary, extended(words, self.vocabulary))

    def _copying(
        self, model: PointerGenerator, source: NDArray[np.int64], target: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The probability of copying each word of the source (T, S), and its share in that of each target (T,)."""
        read, before = koubai.tensor(source), koubai.tensor([BEGIN, *target[:-1]])
        with koubai.no_grad():
            places = model.attention(read, before).numpy()
            logs = model(read.unsqueeze(0), before.unsqueeze(0)).numpy()[0]  # (V + copies, T)
        by_copying = (places * (source == target[:, None])).sum(axis=1)
        return places, by_copying / np.exp(logs[target, np.arange(len(target))])
