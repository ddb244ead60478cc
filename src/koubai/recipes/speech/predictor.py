"""Answers for a sound of the user's: the likeliest digits, or what is said in letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import koubai
from koubai.data import read_sound
from koubai.i18n import N_, _
from koubai.nn import Module
from koubai.nn import functional as F
from koubai.recipes.exhibit import Bars, Exhibit, Lines, Texts
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.speech.sounds import WORDS, Wave, equally_loud, of_length

_BATCH = 64  # sounds per forward pass
NO_LETTER = 0  # what a speller says where no new letter begins


class SpeechOptions(AnswerOptions):
    """What an answer for a sound can be told."""

    beam: int = Field(
        8,
        ge=1,
        description=N_(
            "how many beginnings of the text the search keeps; 1 takes the best letter at each time"
        ),
    )


class SpeechPredictor(Predictor):
    """Everything between a sound and an answer but the network.

    Attributes:
        model: which network: "cnn" names one digit, "crnn" spells several.
        rate: samples per second of the sounds it learnt from.
        length: their samples.
        letters: what the numbers of the crnn's classes mean; that of `NO_LETTER` is unused.
    """

    options: ClassVar[type[AnswerOptions]] = SpeechOptions

    model: Literal["cnn", "crnn"]
    rate: int
    length: int
    letters: str = "_ " + "".join(sorted(set("".join(WORDS))))

    def encoded(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Texts as the numbers of their letters (N, longest), filled up with `NO_LETTER`."""
        numbers = np.full((len(texts), max(map(len, texts))), NO_LETTER, np.int64)
        for row, text in zip(numbers, texts):
            row[: len(text)] = [self.letters.index(letter) for letter in text]
        return numbers

    def decoded(self, numbers: Sequence[int]) -> str:
        """The text of letters' numbers, words divided by single spaces."""
        text = "".join(self.letters[k] for k in numbers if k != NO_LETTER)
        return " ".join(text.split())

    def log_probabilities(self, model: Module, waves: NDArray[Any]) -> NDArray[Any]:
        """Run the model in batches on sounds (N, T): (N, 10) for digits, (N, letters, times) for spelling."""
        model.eval()
        with koubai.no_grad():
            parts = [
                F.log_softmax(model(koubai.tensor(waves[i : i + _BATCH])), dim=1).numpy()
                for i in range(0, len(waves), _BATCH)
            ]
        return np.concatenate(parts)

    def spelled(self, logs: NDArray[Any], beam: int) -> list[str]:
        """What log-probabilities (N, letters, times) most probably say."""
        rows = koubai.tensor(logs.transpose(2, 0, 1))  # (times, N, letters)
        if beam == 1:
            numbers, _counts = F.ctc_greedy_decode(rows, blank=NO_LETTER)
            return [self.decoded(row) for row in numbers.tolist()]
        found = F.ctc_beam_decode(rows, beam_width=beam, blank=NO_LETTER)
        return [self.decoded(hypotheses[0].labels) for hypotheses in found]

    def answer(self, model: Module, source: str, options: SpeechOptions) -> Sequence[Exhibit]:
        """Each digit's probability; or the text, and when each of its letters was heard."""
        wave = self._heard(source)
        logs = self.log_probabilities(model, wave[None])[0]
        return [_digits(logs)] if self.model == "cnn" else [*self._text(logs, len(wave), options.beam)]

    def _heard(self, source: str) -> Wave:
        """The sound of a file as the network takes it; only the speller takes long ones."""
        wave, _rate = read_sound(source, self.rate)
        if not np.abs(wave).max() > 0:
            raise ValueError(_("{path} holds nothing but silence.").format(path=source))
        wave = equally_loud(wave)
        return wave if self.model == "crnn" and len(wave) > self.length else of_length(wave, self.length)

    def _text(self, logs: NDArray[Any], samples: int, beam: int) -> tuple[Texts, Lines]:
        (text,) = self.spelled(logs[None], beam)
        shown = sorted({*text} - {" "}, key=text.index)
        heard = {letter: np.exp(logs[self.letters.index(letter)]) for letter in shown}
        seconds = np.linspace(0.0, samples / self.rate, logs.shape[1])
        words = Texts(passages=((N_("what is said"), text or "–"),))
        return words, Lines(
            title=N_("When each letter is heard"), curves=heard, places=seconds, axis=N_("seconds")
        )


def _digits(logs: NDArray[Any]) -> Bars:
    """The digits with their probabilities, the likeliest first."""
    order = np.argsort(-logs, kind="stable")
    return Bars(title=N_("What is said"), names=tuple(WORDS[k] for k in order), values=np.exp(logs[order]))
