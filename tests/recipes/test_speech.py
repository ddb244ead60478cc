"""speech: names digits and spells them, tells speakers apart in its account, answers for WAV files of all kinds."""

import wave as wav
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import koubai
from koubai.data import Recordings
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.edit_distance import character_error_rate, edit_distance, word_error_rate
from koubai.recipes.exhibit import Bars, Confusion, Lines, Pictures, Table, Texts
from koubai.recipes.speech import recipe as speech
from koubai.recipes.speech.log_mel import LogMel
from koubai.recipes.speech.sounds import NoiseAndShift, equally_loud, of_length, utterances

RATE = 8000


def tone(digit: int, seed: int, rate: int = RATE) -> Any:
    """What "digit" is here: 0.3 s of a pitch of its own."""
    random = np.random.default_rng(seed)
    times = np.arange(round(0.3 * rate)) / rate
    sound = np.sin(2 * np.pi * (300 + 320 * digit) * times + random.uniform(0, 6))
    return (0.3 * sound + 0.01 * random.normal(size=len(times))).astype(np.float32)


def recordings(digits: int = 10) -> Recordings:
    rows = [(d, speaker, take) for d in range(digits) for speaker in range(2) for take in range(16)]
    waves = tuple(tone(d, 100 * speaker + take) for d, speaker, take in rows)
    said, speakers, takes = np.array(rows).T
    return Recordings(waves, said, speakers, takes, ("ann", "bob"), RATE)


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "spoken_digits", recordings)


def training(**settings: Any) -> Training:
    quick = {"epochs": 6, "batch_size": 16, "hidden": 16, "bands": 24, "lr": 0.01, "dropout": 0.0}
    recipe = RECIPES["speech"]
    return Training(recipe, recipe.settings(**quick | settings))


def spelling(**settings: Any) -> Training:
    return training(**{"model": "crnn", "epochs": 1, "utterances": 48, "digits": 2} | settings)


@pytest.fixture(scope="module")
def trained() -> Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "spoken_digits", recordings)
        made = training()
        made.fit()
    return made


def write(path: Path, samples: Any, rate: int = RATE, channels: int = 1) -> str:
    with wav.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(np.repeat(samples, channels) * 32767).astype("<i2").tobytes())
    return str(path)


class TestLogMel:
    def test_it_is_the_formula(self) -> None:
        """Frame by frame with NumPy's transform; the triangle's peak is at its band's centre on the mel scale."""
        sound = np.random.default_rng(0).normal(size=1000).astype(np.float32)
        bands = LogMel(20)(koubai.tensor(sound[None])).numpy()[0]
        hann = np.hanning(201)[:-1]
        powers = np.stack([np.abs(np.fft.rfft(sound[k : k + 200] * hann)) ** 2 for k in range(0, 801, 80)], 1)
        edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 22) / 2595) - 1)
        triangles = np.stack([np.interp(np.arange(101) * 40, edges[k : k + 3], [0, 1, 0]) for k in range(20)])
        np.testing.assert_allclose(bands, np.log(triangles @ powers + 1e-2), rtol=1e-3, atol=1e-3)

    def test_a_higher_tone_is_in_a_higher_band(self) -> None:
        loudest = [LogMel(24)(koubai.tensor(tone(d, 0)[None])).numpy()[0].mean(1).argmax() for d in range(10)]
        assert loudest == sorted(loudest)
        assert len(set(loudest)) == 10

    def test_it_keeps_nothing_in_the_state(self) -> None:
        assert LogMel(24).state_dict() == {}


class TestSounds:
    def test_loudness_and_length(self) -> None:
        loud = equally_loud(tone(3, 0))
        assert np.sqrt(np.mean(loud**2)) == pytest.approx(1, abs=1e-3)
        assert not equally_loud(np.zeros(10, np.float32)).any()
        padded = of_length(loud, 4000)
        assert np.array_equal(padded[800:3200], loud)
        late = np.concatenate([np.zeros(5000, np.float32), loud])
        assert np.square(of_length(late, 2400)).sum() == pytest.approx(np.square(loud).sum())

    def test_utterances_are_of_one_speaker_and_say_what_they_say(self) -> None:
        made = utterances(recordings(), 40, 3, 12000, 0)
        assert made.waves.shape == (40, 12000)
        assert {len(text.split()) for text in made.texts} == {1, 2, 3}
        again, other = utterances(recordings(), 40, 3, 12000, 0), utterances(recordings(), 40, 3, 12000, 1)
        assert made.texts == again.texts != other.texts
        assert set(made.speakers) == {0, 1}
        assert all(len(text.split()) == 1 for text in utterances(recordings(), 9, 3, 2500, 0).texts)

    def test_noise_and_shift(self) -> None:
        waves = np.zeros((20, 500), np.float32)
        waves[:, 250] = 1
        generator = koubai.Generator().manual_seed(0)
        moved = NoiseAndShift(40, 0.0)(waves, generator)
        places = moved.argmax(1)
        assert moved.sum() == 20
        assert 210 <= places.min() < 240 < 260 < places.max() <= 290
        noisy = NoiseAndShift(0, 0.5)(koubai.tensor(waves), generator).numpy()
        assert 0 < (noisy - waves).std() < 0.5


def test_edit_distances() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == edit_distance("abc", "") == 3
    assert word_error_rate(["one two", "six"], ["one three", "six"]) == pytest.approx(1 / 3)
    assert character_error_rate(["on", "six"], ["one", "six"]) == pytest.approx(1 / 6)


def test_digits_are_learnt_and_the_outcome_survives_the_disk(trained: Training, tmp_path: Path) -> None:
    outcome = trained.judge()
    assert outcome.result > outcome.baseline["accuracy"] + 0.5
    matrix, speakers = outcome.exhibits[:2]
    assert isinstance(matrix, Confusion)
    assert isinstance(speakers, Table)
    assert [row[:2] for row in speakers.rows] == [("ann", 50), ("bob", 50)]
    outcome.save(tmp_path)
    assert Outcome.load(tmp_path).metrics == outcome.metrics


def test_misheard_sounds_are_shown() -> None:
    outcome = training(epochs=1, lr=1e-5).judge()
    worst = outcome.exhibits[-1]
    assert isinstance(worst, Pictures)
    assert [name for name, _ in worst.captions[0]] == ["true", "predicted", "certainty", "speaker"]


@pytest.mark.usefixtures("undoctored")
def test_the_same_seed_gives_the_same_bits() -> None:
    for make in (training, spelling):
        losses = [make(epochs=1, seed=seed).fit()["loss"] for seed in (1, 1, 2)]
        assert losses[0] == losses[1] != losses[2]


@pytest.mark.usefixtures("undoctored")
def test_letters_are_learnt_by_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "spoken_digits", lambda: recordings(2))
    monkeypatch.setattr(speech, "_TEST_UTTERANCES", 30)
    made = spelling(epochs=14, digits=1, utterances=128, noise=0.0, lr=0.02)
    made.fit()
    outcome = made.judge()
    assert outcome.headline == "word_error_rate"
    # A steady tone says nothing of where in it a letter is, so whole words are too much to ask of these.
    assert outcome.metrics["character_error_rate"] < 0.6 * outcome.baseline["character_error_rate"]


def test_a_stereo_sound_of_another_rate(trained: Training, tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    predictor = trained.task.predictor
    source = write(tmp_path / "seven.wav", tone(7, 999, 44100), 44100, channels=2)
    (bars,) = predictor.answer(trained.model, source, predictor.options())
    assert isinstance(bars, Bars)
    assert bars.names[0] == "seven"
    assert bars.values.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("beam", [1, 4])
def test_a_long_and_a_short_sound_are_spelled(tmp_path: Path, beam: int) -> None:
    made = spelling()
    predictor = made.task.predictor
    for seconds in (0.3, 4.0):
        sound = np.resize(tone(1, 0), round(seconds * RATE))
        text, heard = predictor.answer(
            made.model, write(tmp_path / "x.wav", sound), predictor.options(beam=beam)
        )
        assert isinstance(text, Texts)
        assert isinstance(heard, Lines)
        assert heard.places is not None
        assert heard.places[-1] == max(seconds, 2.4)


def test_what_is_no_sound_is_refused(trained: Training, tmp_path: Path) -> None:
    predictor = trained.task.predictor
    (tmp_path / "text.wav").write_text("This is not a sound.")
    silence = write(tmp_path / "silence.wav", np.zeros(800))
    for source, words in (
        (str(tmp_path / "text.wav"), "text.wav is not a"),
        (silence, "nothing but silence"),
    ):
        with pytest.raises(ValueError, match=words):
            predictor.answer(trained.model, source, predictor.options())
    with pytest.raises(FileNotFoundError, match="There is no file"):
        predictor.answer(trained.model, "missing.wav", predictor.options())
