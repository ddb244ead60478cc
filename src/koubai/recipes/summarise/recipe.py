"""Writes headlines: a Transformer that copies names out of the text, judged by ROUGE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from koubai.data import Headlines, TensorDataset, Vocabulary, headlines_from_csv, made_up_news, xl_sum
from koubai.i18n import N_
from koubai.models import PointerGenerator
from koubai.nn import NLLLoss
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.special_tokens import PADDING, SPECIAL, UNKNOWN, padded, shifted
from koubai.recipes.summarise.judge import judged
from koubai.recipes.summarise.predictor import SummaryPredictor
from koubai.recipes.summarise.rouge import require_rouge
from koubai.recipes.summarise.words import cut_text, extended, wide_ids
from koubai.recipes.task import Task
from koubai.recipes.tokens import Cut

__all__ = ["SUMMARISE", "SummarySettings"]

Parts = tuple[Headlines, Headlines, Headlines]

_LOADERS: dict[str, Callable[[], Parts]] = {
    "made-up": made_up_news,
    "xl-sum-english": partial(xl_sum, "english"),
    "xl-sum-japanese": partial(xl_sum, "japanese"),
}
_LENGTHS: dict[Cut, tuple[int, int]] = {"words": (80, 20), "characters": (240, 40)}


class SummarySettings(Settings):
    """Settings of a writer of headlines."""

    data: Literal["made-up", "xl-sum-english", "xl-sum-japanese"] = Field(
        "made-up",
        description=N_("made-up news that need no download, or articles of the BBC in English or Japanese"),
    )
    file: Annotated[Path, AfterValidator(Path.absolute)] | None = Field(
        None,
        description=N_("your own texts: a CSV file with a column of texts and one of headlines"),
        json_schema_extra={"unset": N_("none")},
    )
    text_column: str = Field("text", description=N_("the column of the texts"))
    headline_column: str = Field("headline", description=N_("the column of the headlines"))
    most: int = Field(40_000, ge=1, description=N_("articles to learn from, at most"))
    tokens: Cut | None = Field(
        None,
        description=N_("cut texts into words, or into characters as for Japanese"),
        json_schema_extra={"unset": N_("characters for xl-sum-japanese, else words")},
    )
    length: int | None = Field(
        None,
        ge=1,
        description=N_("tokens of a text that are read"),
        json_schema_extra={"unset": N_("80 words or 240 characters")},
    )
    longest: int | None = Field(
        None,
        ge=1,
        description=N_("tokens of a headline, at most"),
        json_schema_extra={"unset": N_("20 words or 40 characters")},
    )
    vocabulary: int = Field(10_000, ge=1, description=N_("how many tokens it knows, at most"))
    least: int = Field(3, ge=1, description=N_("how often a token has to be there to be learnt"))
    features: int = Field(128, ge=8, description=N_("numbers that describe a position in the model"))
    heads: int = Field(4, ge=1, description=N_("attention heads of a layer; features is a multiple of it"))
    layers: int = Field(2, ge=1, description=N_("layers of the encoder, and of the decoder"))
    dropout: float = Field(
        0.1, ge=0, lt=1, description=N_("share of activations left out at random while training")
    )


def _parts(settings: SummarySettings) -> Parts:
    """Articles to train, to validate and to test."""
    if settings.file is not None:
        parts = headlines_from_csv(settings.file, settings.text_column, settings.headline_column)
    else:
        parts = _LOADERS[settings.data]()
    train, validation, test = parts
    return train.first(settings.most), validation, test


def _task(settings: SummarySettings) -> Task:
    require_rouge()
    parts = _parts(settings)
    spelt = settings.file is None and settings.data == "xl-sum-japanese"
    cut = settings.tokens or ("characters" if spelt else "words")
    length, longest = _LENGTHS[cut]
    predictor = SummaryPredictor(
        cut=cut,
        vocabulary=_vocabulary(settings, parts[0], cut),
        length=settings.length or length,
        longest=settings.longest or longest,
    )
    train, validation, test = (_numbered(predictor, part) for part in parts)
    words = (train.tensors[-1].numpy() != PADDING).sum(axis=1) - 1  # of each headline, without its end
    return Task(
        train=train,
        validation=validation,
        test=test,
        loss=NLLLoss(ignore_index=PADDING),
        judge=partial(judged, predictor, max(1, round(float(np.mean(words)))), parts[2]),
        predictor=predictor,
        headline="rougeL",
    )


def _vocabulary(settings: SummarySettings, articles: Headlines, cut: Cut) -> Vocabulary:
    """The most frequent tokens of texts and headlines."""
    counts = Counter(
        word for side in (articles.texts, articles.headlines) for text in side for word in cut_text(text, cut)
    )
    often = sorted((word for word in counts if counts[word] >= settings.least), key=lambda w: (-counts[w], w))
    return Vocabulary((*SPECIAL, *often[: settings.vocabulary]), UNKNOWN)


def _numbered(predictor: SummaryPredictor, articles: Headlines) -> TensorDataset:
    """What is read (N, S), what was written before (N, T), and what is to be written (N, T)."""
    sources, targets = [], []
    for text, headline in zip(articles.texts, articles.headlines):
        words = predictor.words(text)
        others = extended(words, predictor.vocabulary)
        sources.append(wide_ids(words, predictor.vocabulary, others))
        told = cut_text(headline, predictor.cut)[: predictor.longest]
        targets.append(wide_ids(told, predictor.vocabulary, others))
    return TensorDataset(padded(sources, predictor.length), *shifted(targets, predictor.longest + 1))


def _model(settings: SummarySettings, predictor: SummaryPredictor) -> PointerGenerator:
    return PointerGenerator(
        len(predictor.vocabulary),
        predictor.length,
        settings.features,
        settings.heads,
        settings.layers,
        settings.dropout,
        max(predictor.length, predictor.longest + 1),
    )


SUMMARISE = Recipe(
    "summarise",
    N_("writes a headline for a text and copies its names: a Transformer with a pointer-generator"),
    _task,
    _model,
    SummaryPredictor,
    SummarySettings,
    {
        "epochs": 6,
        "batch_size": 32,
        "optimizer": "adamw",
        "lr": 0.001,
        "schedule": "one-cycle",
        "weight_decay": 0.01,
        "clip_norm": 1.0,
    },
)
