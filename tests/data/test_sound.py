"""Sound files of all kinds of WAV become one channel at the rate that is wanted; what is none is refused."""

import struct
import wave

import numpy as np
import pytest

from koubai.data import read_sound, resample

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4410) / 44100)


def write(path, samples, rate=44100, width=2):
    """Samples (T, channels) as PCM."""
    if width == 1:
        content = (np.round(samples * 127) + 128).astype(np.uint8).tobytes()
    else:
        whole = np.round(samples * (2 ** (8 * width - 1) - 1)).astype("<i4")
        content = whole.reshape(-1)[:, None].view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(content)
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_whole_numbers_of_every_width(tmp_path, width):
    read, rate = read_sound(write(tmp_path / "tone.wav", TONE[:, None], width=width))
    assert rate == 44100
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, TONE, atol=1.5 / 2 ** (8 * width - 1) + 1e-6)


def test_stereo_becomes_the_mean(tmp_path):
    both = np.stack([TONE, np.zeros_like(TONE)], 1)
    np.testing.assert_allclose(read_sound(write(tmp_path / "two.wav", both))[0], TONE / 2, atol=1e-4)


def test_another_rate_keeps_the_tone_and_drops_what_does_not_fit(tmp_path):
    pytest.importorskip("scipy")
    high = 0.3 * np.sin(2 * np.pi * 9000 * np.arange(4410) / 44100)  # above half of 8 kHz
    read, rate = read_sound(write(tmp_path / "tone.wav", (TONE + high)[:, None]), 8000)
    assert (rate, len(read)) == (8000, 800)
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(800) / 8000)
    np.testing.assert_allclose(read[80:-80], wanted[80:-80], atol=0.02)
    assert len(resample(np.zeros(8000), 8000, 16000)) == 16000


def test_without_scipy_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scipy.signal", None)
    with pytest.raises(ImportError, match=r"44100 to 8000 Hz needs SciPy.*koubai\[speech\]"):
        read_sound(write(tmp_path / "tone.wav", TONE[:, None]), 8000)


def test_floats_are_read_by_soundfile(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "float.wav", TONE, 44100, subtype="FLOAT")
    np.testing.assert_allclose(read_sound(tmp_path / "float.wav")[0], TONE, atol=1e-6)


def test_without_soundfile_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    (tmp_path / "x.flac").write_bytes(b"fLaC")
    with pytest.raises(ValueError, match=r"x.flac is not a WAV file of whole numbers.*koubai\[speech\]"):
        read_sound(tmp_path / "x.flac")


def test_what_is_no_sound(tmp_path):
    (tmp_path / "text.wav").write_text("This is not a sound.")
    (tmp_path / "empty.wav").write_bytes(b"")
    for name in ("text.wav", "empty.wav"):
        with pytest.raises(ValueError, match=f"{name} is not a"):
            read_sound(tmp_path / name)
    with pytest.raises(ValueError, match="holds no sound"):
        read_sound(write(tmp_path / "none.wav", np.zeros((0, 1))))
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_sound(tmp_path / "missing.wav")


def test_a_file_that_was_cut_off_gives_what_is_there(tmp_path):
    path = write(tmp_path / "tone.wav", np.stack([TONE, TONE], 1))
    path.write_bytes(path.read_bytes()[:-1001])
    assert len(read_sound(path)[0]) == 4410 - 251


@pytest.mark.parametrize(("place", "kind"), [(24, "<I"), (22, "<H"), (34, "<H")])
def test_a_header_of_zeros(tmp_path, place, kind):
    """No samples per second, no channels, no bits in a sample."""
    path = write(tmp_path / "tone.wav", TONE[:, None])
    content = bytearray(path.read_bytes())
    content[place : place + struct.calcsize(kind)] = struct.pack(kind, 0)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"tone\.wav"):
        read_sound(path, 8000)
