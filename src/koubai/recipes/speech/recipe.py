"""Speech recognition of digits: `koubai train speech` names one, with `--model crnn` it spells several in a row."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field

import koubai
from koubai import nn
from koubai.data import Recordings, TensorDataset, spoken_digits
from koubai.data.labelled import part_indices
from koubai.engine.tensor import Tensor
from koubai.i18n import N_
from koubai.nn import functional as F
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.speech.judge import judge_digits, judge_spelling
from koubai.recipes.speech.networks import SpellingNetwork, digit_network
from koubai.recipes.speech.predictor import NO_LETTER, SpeechPredictor
from koubai.recipes.speech.sounds import WORDS, NoiseAndShift, Utterances, stacked, utterances
from koubai.recipes.task import Task

_SECONDS = {"cnn": 1.0, "crnn": 2.4}  # of a sound that the network learns from
_VALIDATION = 0.1  # the share of the training recordings that is held out to watch the training
_TEST_UTTERANCES, _TEST_SEED = 300, 0  # the same for every run


class SpeechSettings(Settings):
    """Settings of a network for speech."""

    model: Literal["cnn", "crnn"] = Field(
        "cnn", description=N_("cnn names the digit of a recording, crnn spells several digits in a row")
    )
    bands: int = Field(40, ge=4, description=N_("bands of the mel spectrum"))
    hidden: int = Field(
        128, ge=2, description=N_("channels of the convolutions and units of the recurrent layer")
    )
    dropout: float = Field(
        0.1, ge=0, lt=1, description=N_("share of channels left out at random while training")
    )
    noise: float = Field(0.2, ge=0, description=N_("largest loudness of added noise; a recording's is 1"))
    shift: float = Field(
        0.1, ge=0, description=N_("move training sounds at random by up to this many seconds")
    )
    utterances: int = Field(
        3000, ge=1, description=N_("crnn: how many utterances are joined from the recordings")
    )
    digits: int = Field(4, ge=1, description=N_("crnn: digits of an utterance at most"))


def speech_task(settings: SpeechSettings) -> Task:
    """Digits or utterances of the Free Spoken Digit Dataset."""
    return task_of(settings, spoken_digits())


def task_of(settings: SpeechSettings, recordings: Recordings) -> Task:
    """The task with any recordings; those with small takes are its test part."""
    rest, test = recordings.part(~recordings.in_test), recordings.part(recordings.in_test)
    train, validation = (rest.part(k) for k in part_indices(rest.digits, _VALIDATION, settings.seed))
    length = round(_SECONDS[settings.model] * recordings.rate)
    predictor = SpeechPredictor(model=settings.model, rate=recordings.rate, length=length)
    shift = NoiseAndShift(round(settings.shift * recordings.rate), settings.noise)
    make = _digits_task if settings.model == "cnn" else _spelling_task
    return make(settings, predictor, (train, validation, test), shift)


def _digits_task(
    settings: SpeechSettings,
    predictor: SpeechPredictor,
    parts: tuple[Recordings, Recordings, Recordings],
    augment: NoiseAndShift,
) -> Task:
    train, validation, test = ((stacked(part.waves, predictor.length), part.digits) for part in parts)
    return Task(
        train=TensorDataset(*train),
        validation=TensorDataset(*validation),
        test=TensorDataset(test[0], parts[2].speakers, test[1]),
        loss=nn.CrossEntropyLoss(),
        judge=partial(judge_digits, predictor, parts[2].names, train[1]),
        predictor=predictor,
        headline="accuracy",
        metrics=("accuracy",),
        augment=augment,
    )


def _spelling_task(
    settings: SpeechSettings,
    predictor: SpeechPredictor,
    parts: tuple[Recordings, Recordings, Recordings],
    augment: NoiseAndShift,
) -> Task:
    counts = (settings.utterances, max(1, round(_VALIDATION * settings.utterances)), _TEST_UTTERANCES)
    seeds = (settings.seed, settings.seed, _TEST_SEED)
    joined: list[Utterances] = [
        utterances(part, count, settings.digits, predictor.length, seed)
        for part, count, seed in zip(parts, counts, seeds)
    ]
    train, validation, test = joined
    return Task(
        train=TensorDataset(train.waves, predictor.encoded(train.texts)),
        validation=TensorDataset(validation.waves, predictor.encoded(validation.texts)),
        test=TensorDataset(test.waves, test.speakers, predictor.encoded(test.texts)),
        loss=spelling_loss,
        judge=partial(judge_spelling, predictor, parts[2].names, train.texts),
        predictor=predictor,
        headline="word_error_rate",
        augment=augment,
    )


def spelling_loss(scores: Tensor, letters: Tensor) -> Tensor:
    """Connectionist temporal classification: all ways to place the letters in time (Graves et al. 2006).

    Args:
        scores: of each letter at each time (N, letters, times).
        letters: numbers of the text's letters (N, longest), filled up with `NO_LETTER`.
    """
    logs = F.log_softmax(scores, 1).permute(2, 0, 1)  # (times, N, letters)
    times, samples = logs.shape[:2]
    lengths = (letters != NO_LETTER).sum(1)
    return F.ctc_loss(logs, letters, koubai.full((samples,), times), lengths, NO_LETTER, zero_infinity=True)


def speech_network(settings: SpeechSettings, predictor: SpeechPredictor) -> nn.Module:
    """The network that the settings ask for."""
    if settings.model == "cnn":
        model = digit_network(settings.bands, settings.hidden, len(WORDS), settings.dropout)
    else:
        letters = len(predictor.letters)
        model = SpellingNetwork(settings.bands, settings.hidden, letters, settings.dropout)
    nn.init.match_activations(model)
    return model


SPEECH = Recipe(
    "speech",
    N_("spoken digits of 6 speakers, 3,000 recordings, from their sound"),
    speech_task,
    speech_network,
    SpeechPredictor,
    SpeechSettings,
    {"epochs": 20, "batch_size": 32, "schedule": "one-cycle", "lr": 0.003},
)
