"""Sounds as the networks take them: equally loud, of one length, joined to utterances, shifted and made noisy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.data import Recordings, Transform
from koubai.data.draw import derived_generator, positions, uniform
from koubai.data.values import same_kind, to_array
from koubai.engine.random import Generator

Wave = NDArray[np.float32]

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PAUSES = (0.02, 0.15)  # seconds between two digits of an utterance


def equally_loud(wave: Wave) -> Wave:
    """The sound with a root mean square of 1; silence stays silence."""
    loudness = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    return (wave / max(loudness, 1e-6)).astype(np.float32)


def of_length(wave: Wave, length: int) -> Wave:
    """The sound in the middle of silence (length,); of a longer one, the loudest part."""
    if len(wave) > length:
        start = _loudest(wave, length)
        return wave[start : start + length]
    before = (length - len(wave)) // 2
    return np.pad(wave, (before, length - len(wave) - before))


def _loudest(wave: Wave, length: int) -> int:
    """Where the part of this length with the most energy begins."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    return int(np.argmax(energy[length:] - energy[:-length]))


def stacked(waves: Sequence[Wave], length: int) -> Wave:
    """Sounds as rows (N, length), equally loud."""
    return np.stack([of_length(equally_loud(wave), length) for wave in waves])


@dataclass(frozen=True)
class Utterances:
    """Several digits in a row, each utterance by one speaker.

    Attributes:
        waves: (N, length).
        texts: what is said, such as "four two".
        speakers: who says it (N,).
    """

    waves: Wave
    texts: tuple[str, ...]
    speakers: NDArray[np.int64]


def utterances(recordings: Recordings, count: int, most: int, length: int, seed: int) -> Utterances:
    """Join recordings of one speaker at random, with short pauses between them.

    Args:
        recordings: to draw from.
        count: how many utterances.
        most: digits in an utterance, at most.
        length: samples of an utterance; digits that do not fit any more are left out.
        seed: the same seed gives the same utterances.
    """
    generator = derived_generator(seed, "utterances")
    by_speaker = [np.flatnonzero(recordings.speakers == k) for k in range(len(recordings.names))]
    by_speaker = [places for places in by_speaker if len(places)]
    made = [_utterance(recordings, by_speaker, most, length, generator) for _ in range(count)]
    waves, texts, speakers = zip(*made)
    return Utterances(np.stack(waves), texts, np.array(speakers, np.int64))


def _utterance(
    recordings: Recordings, by_speaker: list[NDArray[Any]], most: int, length: int, generator: Generator
) -> tuple[Wave, str, int]:
    own = by_speaker[_draw(len(by_speaker), generator)]
    wave, words = np.zeros(0, np.float32), list[str]()
    for _ in range(1 + _draw(most, generator)):
        place = own[_draw(len(own), generator)]
        pause = round(float(uniform((), generator, *_PAUSES)) * recordings.rate) if words else 0
        longer = np.concatenate([wave, np.zeros(pause, np.float32), equally_loud(recordings.waves[place])])
        if len(longer) > length and words:
            break
        wave = longer
        words.append(WORDS[recordings.digits[place]])
    return of_length(wave, length), " ".join(words), int(recordings.speakers[own[0]])


def _draw(count: int, generator: Generator) -> int:
    return int(positions(np.array(count), generator))


class NoiseAndShift(Transform):
    """Move each sound in time and add white noise, as much as a draw for each sound says.

    Args:
        shift: samples that a sound is moved by, at most; silence comes in.
        noise: largest root mean square of the noise.
    """

    def __init__(self, shift: int, noise: float) -> None:
        self.shift = shift
        self.noise = noise

    def change(self, inputs: Any, generator: Generator | None) -> Any:
        """The changed sounds (N, T)."""
        waves = to_array(inputs)
        count, length = waves.shape
        starts = positions(np.full(count, 2 * self.shift + 1), generator)[:, None]
        padded = np.pad(waves, ((0, 0), (self.shift, self.shift)))
        moved = np.take_along_axis(padded, starts + np.arange(length), axis=1)
        level = uniform(count, generator, 0.0, self.noise).astype(np.float32)[:, None]
        hiss = koubai.randn(count, length, generator=generator, dtype=koubai.float32).numpy()
        return same_kind(moved + level * hiss, inputs)
