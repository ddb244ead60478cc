"""Translates between English and Japanese: a Transformer with beam search, judged by BLEU."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import koubai
from koubai.data import ParallelTexts, TensorDataset, Vocabulary, small_parallel_enja
from koubai.i18n import N_, _
from koubai.models import Translator
from koubai.nn import CrossEntropyLoss
from koubai.recipes.beam_search import Hypothesis, beam_search
from koubai.recipes.bleu import require_sacrebleu, scores, sentence_scores, signature
from koubai.recipes.exhibit import Exhibit, HeatMap, Table, Texts
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task

_SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
_PADDING, _BEGIN, _END, _UNKNOWN = range(4)
_LONGEST = 24  # tokens of a sentence, its end among them
_BATCH = 50  # sentences that are translated together
_MAPS, _LISTED = 4, 6  # sentences whose attention is shown, and the best and the worst that are listed
_ENGLISH = re.compile(r"'?[^\W_]+|[^\w\s]")  # as the corpus is cut: i 'm, don 't

Words = Sequence[str]


class TranslationSettings(Settings):
    """Settings of a translation."""

    direction: Literal["en-ja", "ja-en"] = Field("en-ja", description=N_("from which language into which"))
    features: int = Field(128, ge=8, description=N_("numbers that describe a position in the model"))
    heads: int = Field(4, ge=1, description=N_("attention heads of a layer; features is a multiple of it"))
    layers: int = Field(2, ge=1, description=N_("layers of the encoder, and of the decoder"))
    dropout: float = Field(
        0.1, ge=0, lt=1, description=N_("share of activations left out at random while training")
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description=N_("the share of each target's probability that all words get alike")
    )
    least: int = Field(2, ge=1, description=N_("how often a word has to be there to be learnt"))


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
        words = _english(sentence) if self.direction == "en-ja" else _japanese(sentence, self.source)
        if not words:
            raise ValueError(_("There is nothing to translate: give a sentence."))
        if len(words) >= _LONGEST:
            problem = _("The sentence has {count} words; the model takes at most {most}.")
            raise ValueError(problem.format(count=len(words), most=_LONGEST - 1))
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
        rows = koubai.tensor(_padded([self.source.ids(words) for words in sentences]))
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
            logs[:, [_PADDING, _BEGIN, _UNKNOWN]] = -np.inf
            return logs

        return beam_search(
            step,
            len(sentences),
            begin=_BEGIN,
            end=_END,
            longest=_LONGEST - 1,
            width=options.beam,
            length_penalty=options.length_penalty,
        )

    def map_of(self, model: Translator, words: Words, found: Hypothesis) -> HeatMap:
        """Which words of the source were looked at while each word was written."""
        source = koubai.tensor(self.source.ids(words))
        with koubai.no_grad():
            values = model.attention(source, koubai.tensor([_BEGIN, *found.tokens])).numpy()
        rows = (*self.words_of(found), _SPECIAL[_END])
        return HeatMap(
            title=N_("Where the model looks while it writes"),
            note=N_("Rows: the words it writes. Columns: the words it reads."),
            values=values,
            rows=rows,
            columns=tuple(words),
        )


def _english(sentence: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", sentence).replace("’", "'").lower()
    return _ENGLISH.findall(plain)


def _japanese(sentence: str, vocabulary: Vocabulary) -> list[str]:
    """Cut greedily into the longest words that are known; what begins none is a word of its own.

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


def _padded(rows: Sequence[NDArray[np.int64]], length: int | None = None) -> NDArray[np.int64]:
    """Token numbers as a matrix, filled up with padding."""
    whole = np.full((len(rows), length or max(map(len, rows))), _PADDING)
    for number, row in enumerate(rows):
        whole[number, : len(row)] = row
    return whole


def _sides(texts: ParallelTexts, direction: str) -> tuple[Sequence[Words], Sequence[Words]]:
    sides = (texts.english, texts.japanese)
    return sides if direction == "en-ja" else sides[::-1]


def _task(settings: TranslationSettings) -> Task:
    require_sacrebleu()
    parts = [_sides(part, settings.direction) for part in small_parallel_enja()]
    source, target = (
        Vocabulary.of((word for words in side for word in words), _SPECIAL, "<unk>", settings.least)
        for side in parts[0]
    )
    predictor = TranslationPredictor(direction=settings.direction, source=source, target=target)
    length = 1 + max(len(words) for part in parts for side in part for words in side)
    train, validation, test = (_numbered(predictor, *part, length) for part in parts)
    return Task(
        train=train,
        validation=validation,
        test=test,
        loss=CrossEntropyLoss(ignore_index=_PADDING, label_smoothing=settings.label_smoothing),
        judge=partial(_judged, predictor, parts[0], parts[2]),
        predictor=predictor,
        headline="bleu",
    )


def _numbered(
    predictor: TranslationPredictor, sources: Sequence[Words], targets: Sequence[Words], length: int
) -> TensorDataset:
    """What is read (N, S), what was written before (N, T), and what is to be written (N, T)."""
    written = [predictor.target.ids(words) for words in targets]
    return TensorDataset(
        _padded([predictor.source.ids(words) for words in sources], length),
        _padded([np.array([_BEGIN, *row]) for row in written], length),
        _padded([np.array([*row, _END]) for row in written], length),
    )


def _model(settings: TranslationSettings, predictor: TranslationPredictor) -> Translator:
    return Translator(
        len(predictor.source),
        len(predictor.target),
        settings.features,
        settings.heads,
        settings.layers,
        settings.dropout,
        _LONGEST,
    )


Pairs = tuple[Sequence[Words], Sequence[Words]]


def _judged(
    predictor: TranslationPredictor, known: Pairs, pairs: Pairs, model: Translator, test: TensorDataset
) -> Outcome:
    """BLEU beside that of the source itself and of the most similar training sentence's translation."""
    model.eval()
    sources, references = pairs[0][: len(test)], [" ".join(words) for words in pairs[1][: len(test)]]
    found = predictor.translated(model, sources, TranslationOptions())  # type: ignore[call-arg]
    own = [" ".join(predictor.words_of(best)) for best, *_others in found]
    answers = {
        N_("copying the source"): [" ".join(words) for words in sources],
        N_("the translation of the most similar training sentence"): _most_similar(known, sources),
        N_("this model"): own,
    }
    reached = {name: scores(translations, references) for name, translations in answers.items()}
    *baselines, model_name = reached
    hardest = max(baselines, key=lambda name: reached[name]["bleu"])
    return Outcome(
        headline="bleu",
        metrics=reached[model_name],
        baseline=reached[hardest],
        baseline_name=hardest,
        samples=len(test),
        exhibits=(
            _reached(reached),
            _best_and_worst(sources, own, references),
            *(
                predictor.map_of(model, sources[place], found[place][0])
                for place in range(min(_MAPS, len(test)))
            ),
        ),
    )


def _most_similar(known: Pairs, sources: Sequence[Words]) -> list[str]:
    """The translations of the training sentences whose words are most like each source's, rare ones counting more."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    tfidf = TfidfVectorizer(analyzer=list)
    table = tfidf.fit_transform(known[0])  # (training sentences, words)
    nearest = (tfidf.transform(sources) @ table.T).tocsr()  # (N, training sentences)
    return [" ".join(known[1][int(row.argmax())]) for row in nearest]


def _reached(reached: dict[str, dict[str, float]]) -> Table:
    rows = ((_(name), f"{each['bleu']:.2f}", f"{each['chrf']:.2f}") for name, each in reached.items())
    return Table(
        title=N_("Translations of the test sentences, compared with the references"),
        header=(N_("what translates"), "BLEU", "chrF"),
        rows=tuple(rows),
        note=signature(),
    )


def _best_and_worst(sources: Sequence[Words], own: Sequence[str], references: Sequence[str]) -> Table:
    """Sentences in the order of their chrF, those in the middle left out."""
    reached = sentence_scores(own, references)
    order = np.argsort(np.negative(reached), kind="stable").tolist()
    rows = [(f"{reached[k]:.0f}", " ".join(sources[k]), own[k], references[k]) for k in order]
    if len(rows) > 2 * _LISTED:
        rows = [*rows[:_LISTED], ("…",) * 4, *rows[-_LISTED:]]
    header = ("chrF", N_("source"), N_("translation"), N_("reference"))
    return Table(title=N_("Best and worst translations"), header=header, rows=tuple(rows))


TRANSLATE = Recipe(
    "translate",
    N_("translates between English and Japanese, 50,000 short sentences: a Transformer"),
    _task,
    _model,
    TranslationPredictor,
    TranslationSettings,
    {
        "epochs": 8,
        "batch_size": 64,
        "optimizer": "adamw",
        "lr": 0.002,
        "schedule": "one-cycle",
        "weight_decay": 0.01,
        "clip_norm": 1.0,
    },
)
