"""How well speech is understood: each digit, each speaker, each letter; and what was misheard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.data import TensorDataset
from koubai.i18n import N_
from koubai.nn import Module
from koubai.recipes.answers import constant_answer
from koubai.recipes.classes import confusion
from koubai.recipes.edit_distance import character_error_rate, edit_distance, word_error_rate
from koubai.recipes.exhibit import Caption, Exhibit, Pictures, Table
from koubai.recipes.labelled.judge import (
    BASELINES,
    METRICS,
    WORST_TITLE,
    answers_of,
    told,
)
from koubai.recipes.measuring import measured
from koubai.recipes.outcome import Outcome
from koubai.recipes.speech.log_mel import LogMel
from koubai.recipes.speech.predictor import SpeechPredictor
from koubai.recipes.speech.sounds import WORDS

_WORST = 12  # how many misheard sounds are shown
_BANDS = 48  # of the spectrograms
_PIXEL = 2  # pixels of a band and a frame in their pictures
_BEAM = 8

Truth = NDArray[np.int64]


def judge_digits(
    predictor: SpeechPredictor, names: Sequence[str], known: Truth, model: Module, test: TensorDataset
) -> Outcome:
    """How often the digit was understood.

    Args:
        predictor: of the run.
        names: of the speakers.
        known: the digits of the training part (N,).
        model: the trained model.
        test: sounds (N, T), speakers (N,) and digits (N,).
    """
    waves, speakers, truth = (tensor.numpy() for tensor in test.tensors)
    outputs = np.exp(predictor.log_probabilities(model, waves))
    answers = answers_of("classification", outputs, truth)
    right = answers["predicted"] == truth
    captions = [told("classification", WORDS, answers, int(k)) for k in answers["worst"]]
    return Outcome(
        headline="accuracy",
        metrics=measured(METRICS["classification"], outputs, truth),
        baseline=measured(METRICS["classification"], constant_answer(known, outputs), truth),
        baseline_name=BASELINES["classification"],
        samples=len(test),
        exhibits=(
            confusion(WORDS, truth, answers["predicted"]),
            _by_speaker(names, speakers, right),
            *_worst_sounds(waves, speakers, names, answers["worst"], captions),
        ),
        answers={**answers, "speaker": speakers},
    )


def judge_spelling(
    predictor: SpeechPredictor, names: Sequence[str], known: Sequence[str], model: Module, test: TensorDataset
) -> Outcome:
    """How many letters and words were misheard.

    Args:
        predictor: of the run.
        names: of the speakers.
        known: the texts of the training part.
        model: the trained model.
        test: sounds (N, T), speakers (N,) and the letters' numbers (N, longest).
    """
    waves, speakers, numbers = (tensor.numpy() for tensor in test.tensors)
    truths = [predictor.decoded(row) for row in numbers.tolist()]
    logs = predictor.log_probabilities(model, waves)
    texts, greedy = predictor.spelled(logs, _BEAM), predictor.spelled(logs, 1)
    constant = [Counter(known).most_common(1)[0][0]] * len(truths)
    wrong = np.array([edit_distance(text, truth) for text, truth in zip(texts, truths)])
    worst = [int(k) for k in np.argsort(-wrong, kind="stable")[:_WORST] if wrong[k]]
    captions: list[Caption] = [((N_("true"), truths[k]), (N_("predicted"), texts[k])) for k in worst]
    return Outcome(
        headline="word_error_rate",
        metrics={
            **_error_rates(texts, truths),
            "greedy_word_error_rate": word_error_rate(greedy, truths),
            "sentence_accuracy": float(np.mean(wrong == 0)),
        },
        baseline={**_error_rates(constant, truths), "sentence_accuracy": _share_right(constant, truths)},
        baseline_name=N_("always answering the most frequent utterance"),
        samples=len(test),
        smaller_is_better=True,
        exhibits=(
            _by_speaker(names, speakers, wrong == 0),
            *_worst_sounds(waves, speakers, names, worst, captions),
        ),
        answers={"changes": wrong, "speaker": speakers},
    )


def _error_rates(texts: Sequence[str], truths: Sequence[str]) -> dict[str, float]:
    return {
        "word_error_rate": word_error_rate(texts, truths),
        "character_error_rate": character_error_rate(texts, truths),
    }


def _share_right(texts: Sequence[str], truths: Sequence[str]) -> float:
    return float(np.mean([text == truth for text, truth in zip(texts, truths)]))


def _by_speaker(names: Sequence[str], speakers: Truth, right: NDArray[np.bool_]) -> Table:
    rows = (
        (name, int(own.sum()), f"{100 * right[own].mean():.1f} %")
        for k, name in enumerate(names)
        if (own := speakers == k).any()
    )
    header = (N_("speaker"), N_("sounds"), N_("understood"))
    return Table(title=N_("By speaker"), header=header, rows=tuple(rows))


def _worst_sounds(
    waves: NDArray[Any],
    speakers: Truth,
    names: Sequence[str],
    worst: Sequence[int] | Truth,
    captions: Sequence[Caption],
) -> tuple[Exhibit, ...]:
    """Spectrograms of the sounds that were misheard most, low pitches at the bottom."""
    if not len(worst):
        return ()
    logs = LogMel(_BANDS)(koubai.tensor(waves[list(worst)])).numpy()[:, ::-1]  # (K, bands, frames)
    with_speaker = tuple(
        (*caption, (N_("speaker"), names[speakers[k]])) for k, caption in zip(worst, captions)
    )
    note = N_("Spectrograms: time runs to the right, pitch (on the mel scale) upwards; bright is loud.")
    images = logs.repeat(_PIXEL, axis=1).repeat(_PIXEL, axis=2)
    return (Pictures(title=WORST_TITLE, note=note, images=images, captions=with_speaker),)
