"""Translates between English and Japanese: a Transformer with beam search, judged by BLEU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field

import koubai
from koubai.data import ParallelTexts, TensorDataset, Vocabulary, small_parallel_enja
from koubai.i18n import N_, _
from koubai.models import Translator
from koubai.nn import CrossEntropyLoss
from koubai.recipes.characters import text_of
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.special_tokens import PADDING, SPECIAL, Words, padded, shifted
from koubai.recipes.task import Task
from koubai.recipes.translation.bleu import require_sacrebleu
from koubai.recipes.translation.judge import Pairs, judged
from koubai.recipes.translation.predictor import TranslationPredictor
from koubai.recipes.translation.words import LONGEST, english

__all__ = ["TRANSLATE", "TranslationSettings"]

_HELD_OUT = (
    0.05  # the share of the user's own sentences that is for validation; as much again is for the test
)


class TranslationSettings(Settings):
    """Settings of a translation."""

    corpus: str = Field(
        "small-parallel-enja",
        description=N_(
            "small-parallel-enja, or a file of your own with an English sentence, a tab and its Japanese on each line"
        ),
    )
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


def _parts(settings: TranslationSettings) -> list[Pairs]:
    """Sentences to train, to validate and to test, in the direction that was asked for."""
    known = settings.corpus == "small-parallel-enja"
    parts = small_parallel_enja() if known else _own(Path(settings.corpus))
    return [
        (part.english, part.japanese) if settings.direction == "en-ja" else (part.japanese, part.english)
        for part in parts
    ]


def _own(path: Path) -> list[ParallelTexts]:
    """The user's sentences, divided at random; Japanese without spaces is cut into characters.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is not two sentences, one is too long, or there are too few.
    """
    if not path.is_file():
        problem = _("There is no corpus {name!r}: give small-parallel-enja, or a file of your own.")
        raise FileNotFoundError(problem.format(name=str(path)))
    pairs = [
        _pair(path, number, line) for number, line in enumerate(text_of(path).splitlines(), 1) if line.strip()
    ]
    held_out = int(_HELD_OUT * len(pairs))
    if not held_out:
        raise ValueError(
            _("{path} has {count} sentences; at least 20 are needed.").format(path=path, count=len(pairs))
        )
    order = koubai.randperm(len(pairs), generator=koubai.Generator().manual_seed(0)).tolist()
    ends = (order[2 * held_out :], order[:held_out], order[held_out : 2 * held_out])
    return [ParallelTexts(*(tuple(pairs[place][side] for place in part) for side in (0, 1))) for part in ends]


def _pair(path: Path, number: int, line: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    first, tab, second = line.partition("\t")
    sentences = tuple(english(first)), tuple(second.split() if " " in second.strip() else second.strip())
    if not (tab and all(sentences)) or max(map(len, sentences)) >= LONGEST:
        problem = _(
            "{path}, line {number}: expected an English sentence, a tab and its Japanese, "
            "each of at most {most} words."
        )
        raise ValueError(problem.format(path=path, number=number, most=LONGEST - 1))
    return sentences


def _task(settings: TranslationSettings) -> Task:
    require_sacrebleu()
    parts = _parts(settings)
    source, target = (
        Vocabulary.of((word for words in side for word in words), SPECIAL, "<unk>", settings.least)
        for side in parts[0]
    )
    predictor = TranslationPredictor(direction=settings.direction, source=source, target=target)
    length = 1 + max(len(words) for part in parts for side in part for words in side)
    train, validation, test = (_numbered(predictor, *part, length) for part in parts)
    return Task(
        train=train,
        validation=validation,
        test=test,
        loss=CrossEntropyLoss(ignore_index=PADDING, label_smoothing=settings.label_smoothing),
        judge=partial(judged, predictor, parts[0], parts[2]),
        predictor=predictor,
        headline="bleu",
    )


def _numbered(
    predictor: TranslationPredictor, sources: Sequence[Words], targets: Sequence[Words], length: int
) -> TensorDataset:
    """What is read (N, S), what was written before (N, T), and what is to be written (N, T)."""
    written = [predictor.target.ids(words) for words in targets]
    return TensorDataset(
        padded([predictor.source.ids(words) for words in sources], length),
        *shifted(written, length),
    )


def _model(settings: TranslationSettings, predictor: TranslationPredictor) -> Translator:
    return Translator(
        len(predictor.source),
        len(predictor.target),
        settings.features,
        settings.heads,
        settings.layers,
        settings.dropout,
        LONGEST,
    )


TRANSLATE = Recipe(
    "translate",
    N_("translates between English and Japanese, 50,000 short sentences: a Transformer"),
    _task,
    _model,
    TranslationPredictor,
    TranslationSettings,
    {
        "epochs": 10,
        "batch_size": 64,
        "optimizer": "adamw",
        "lr": 0.002,
        "schedule": "one-cycle",
        "weight_decay": 0.01,
        "clip_norm": 1.0,
    },
)
