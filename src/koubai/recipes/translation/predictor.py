"""Translates a sentence: what a run keeps for it, the search, and where the model looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import koubai
from koubai.data import Vocabulary
from koubai.i18n import N_, _
from koubai.models import Translator
from koubai.recipes.exhibit import Exhibit, HeatMap, Table, Texts
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.translation.beam_search import Hypothesis, beam_search
from koubai.recipes.translation.words import (
    BEGIN,
    END,
    LONGEST,
    PADDING,
    SPECIAL,
    UNKNOWN,
    Words,
    english,
    japanese,
    padded,
)

__all__ = ["TranslationOptions", "TranslationPredictor"]

_BATCH = 50  # sentences that are translated together


class TranslationOptions(AnswerOptions):
    """How a translation is searched for."""

    beam: int = Field(5, ge=1, le=100, description=N_("beginnings that the search goes on with"))
    length_penalty: float = Field(
        1.0, ge=0, allow_inf_nan=False, description=N_("0 prefers short translations, 1 and more long ones")
    )


class TranslationPredictor(Predictor):
    """Translates a sentence.

    Attributes:
        direction: "en-ja" or "ja-en".
        source: the words it reads.
        target: the words it writes.
    """

    options = TranslationOptions
    direction: Literal["en-ja", "ja-en"]
    source: Vocabulary
    target: Vocabulary

    def answer(  # type: ignore[override]
        self, model: Translator, source: str, options: TranslationOptions
    ) -> tuple[Exhibit, ...]:
        """The translation, the runners-up, and where the model looked."""
        words = self.cut(source)
        found = self.translated(model, [words], options)[0]
        rows = tuple((self.joined(self.words_of(one)), f"{one.log_probability:.2f}") for one in found)
        return (
            Texts(passages=((" ".join(words), rows[0][0]),)),
            Table(header=(N_("found"), N_("log probability")), rows=rows),
            self.map_of(model, words, found[0]),
        )

    def cut(self, sentence: str) -> list[str]:
        """The words of a sentence, as those of the corpus are cut.

        Raises:
            ValueError: there is none, there are too many, or none of them is known.
        """
        words = english(sentence) if self.direction == "en-ja" else japanese(sentence, self.source)
        if not words:
            raise ValueError(_("There is nothing to translate: give a sentence."))
        if len(words) >= LONGEST:
            problem = _("The sentence has {count} words; the model takes at most {most}.")
            raise ValueError(problem.format(count=len(words), most=LONGEST - 1))
        if not any(word in self.source for word in words if word.isalnum()):
            problem = _("The model knows none of these words: {words}")
            raise ValueError(problem.format(words=" ".join(words)))
        return words

    def joined(self, words: Words) -> str:
        """Words as a sentence."""
        return ("" if self.direction == "en-ja" else " ").join(words)

    def words_of(self, hypothesis: Hypothesis) -> list[str]:
        """The words of a hypothesis."""
        return self.target.words(hypothesis.tokens)

    def translated(
        self, model: Translator, sentences: Sequence[Words], options: TranslationOptions
    ) -> list[list[Hypothesis]]:
        """The best translations of each sentence, the best first."""
        found: list[list[Hypothesis]] = []
        with koubai.no_grad():
            for start in range(0, len(sentences), _BATCH):
                found += self._search(model, sentences[start : start + _BATCH], options)
        return found

    def _search(
        self, model: Translator, sentences: Sequence[Words], options: TranslationOptions
    ) -> list[list[Hypothesis]]:
        rows = koubai.tensor(padded([self.source.ids(words) for words in sentences]))
        memory, padding = (
            each.repeat_interleave(options.beam, 0) for each in model.encode(rows)
        )  # (N · beam, S, E), (N · beam, S)
        cache, length = model.new_cache(len(memory)), 0

        def step(tokens: NDArray[np.int64], parents: NDArray[np.int64]) -> NDArray[Any]:
            nonlocal length
            for layer in cache:
                layer.reorder(koubai.tensor(parents))
            read = model.decode(koubai.tensor(tokens[:, None]), memory, padding, cache, length)  # (B, 1, V)
            length += 1
            logs = np.array(koubai.log_softmax(read[:, 0], -1).numpy())
            logs[:, [PADDING, BEGIN, UNKNOWN]] = -np.inf
            return logs

        return beam_search(
            step,
            len(sentences),
            begin=BEGIN,
            end=END,
            longest=LONGEST - 1,
            width=options.beam,
            length_penalty=options.length_penalty,
        )

    def map_of(self, model: Translator, words: Words, found: Hypothesis) -> HeatMap:
        """Which words of the source were looked at while each word was written."""
        source = koubai.tensor(self.source.ids(words))
        with koubai.no_grad():
            values = model.attention(source, koubai.tensor([BEGIN, *found.tokens])).numpy()
        rows = (*self.words_of(found), SPECIAL[END])
        return HeatMap(
            title=N_("Where the model looks while it writes"),
            note=N_("Rows: the words it writes. Columns: the words it reads."),
            values=values,
            rows=rows,
            columns=tuple(words),
        )
