"""Reads sound files as one channel of real numbers, at the sampling rate that a model wants."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.i18n import _

Wave = NDArray[np.float32]


def read_sound(path: str | Path, rate: int | None = None) -> tuple[Wave, int]:
    """Read a sound file: its channels averaged into one, resampled if asked for.

    WAV files of whole numbers (PCM) need nothing else; WAV of floats, FLAC, Ogg and the like need soundfile, and
    resampling needs SciPy (`pip install 'koubai[speech]'`).

    Args:
        path: the file.
        rate: samples per second to resample to; the file's own if None.

    Returns:
        samples (T,) from -1 to 1, and how many there are in a second.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a sound file, is damaged, or holds no sound.
        ImportError: what it needs is not installed.

    Example:
        >>> wave, rate = koubai.data.read_sound("seven.wav", rate=8000)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(_("There is no file {path}.").format(path=path))
    channels, own_rate = _read(path)  # (T, channels)
    if not len(channels) or not own_rate:
        raise ValueError(_("{path} holds no sound.").format(path=path))
    mono = channels.mean(axis=1, dtype=np.float64)
    if not np.isfinite(mono).all():
        raise ValueError(_("{source} holds NaN or infinite values; remove or fill them.").format(source=path))
    resampled = mono if rate in (None, own_rate) else resample(mono, own_rate, int(rate or 0))
    return resampled.astype(np.float32), rate or own_rate


def resample(samples: NDArray[Any], rate: int, new_rate: int) -> NDArray[Any]:
    """The same sound at another sampling rate, without what the new rate cannot hold (a polyphase filter).

    Args:
        samples: (T,).
        rate: its samples per second.
        new_rate: those of the result.

    Raises:
        ImportError: SciPy is not installed.
    """
    try:
        from scipy.signal import resample_poly
    except ImportError as error:
        raise ImportError(
            _("Resampling from {rate} to {new_rate} Hz needs SciPy: pip install 'koubai[speech]'").format(
                rate=rate, new_rate=new_rate
            )
        ) from error
    ratio = Fraction(new_rate, rate)
    return np.asarray(resample_poly(samples, ratio.numerator, ratio.denominator))


def _read(path: Path) -> tuple[NDArray[Any], int]:
    """Samples (T, channels) and their rate."""
    try:
        with wave.open(str(path), "rb") as file:
            width, rate, channels = file.getsampwidth(), file.getframerate(), file.getnchannels()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:  # not PCM, or no WAV at all
        return _read_by_library(path, error)
    whole = len(content) // (width * channels) * width * channels  # a file cut off ends in mid-sample
    return _from_bytes(content[:whole], width).reshape(-1, channels), rate


def _from_bytes(content: bytes, width: int) -> NDArray[np.float64]:
    """PCM as real numbers: 8 bits have no sign, 16, 24 and 32 have one, the low byte first (RIFF 1991, chapter 3)."""
    if width == 1:
        return (np.frombuffer(content, np.uint8).astype(np.float64) - 128) / 128
    bytes_ = np.frombuffer(content, np.uint8).reshape(-1, width)
    filled = np.zeros((len(bytes_), 4), np.uint8)
    filled[:, 4 - width :] = bytes_  # the missing low bytes are 0
    return filled.view("<i4")[:, 0] / 2.0**31


def _read_by_library(path: Path, reason: Exception) -> tuple[NDArray[Any], int]:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: its C library is missing
        problem = _(
            "{path} is not a WAV file of whole numbers (PCM). If it is another kind of sound file, reading it needs "
            "soundfile: pip install 'koubai[speech]'"
        )
        raise ValueError(problem.format(path=path)) from reason
    try:
        samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise ValueError(_("{path} is not a sound file that can be read.").format(path=path)) from error
    return samples, int(rate)
