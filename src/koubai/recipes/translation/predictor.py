"""Translates a sentence: what a run keeps for it, the search, and where the model looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import koubai
from koubai.data import Vocabulary
from koubai.i18n import N_, _
from koubai.models import Translator
from koubai.recipes.beam_search import Hypothesis
from koubai.recipes.exhibit import Exhibit, HeatMap, Table, Texts
from koubai.recipes.predictor import Predictor
from koubai.recipes.special_tokens import BEGIN, END, SPECIAL, Words
from koubai.recipes.translation.words import LONGEST, english, japanese
from koubai.recipes.writing import SearchOptions, written

__all__ = ["TranslationPredictor"]


class TranslationPredictor(Predictor):
    """Translates a sentence.

    Attributes:
        direction: "en-ja" or "ja-en".
        source: the words it reads.
        target: the words it writes.
    """

    options = SearchOptions
    direction: Literal["en-ja", "ja-en"]
    source: Vocabulary
    target: Vocabulary

    def answer(  # type: ignore[override]
        self, model: Translator, source: str, options: SearchOptions
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
        self, model: Translator, sentences: Sequence[Words], options: SearchOptions
    ) -> list[list[Hypothesis]]:
        """The best translations of each sentence, the best first."""
        return written(model, [self.source.ids(words) for words in sentences], options, LONGEST - 1)

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
