"""How loud a sound is at each time and pitch, as people hear pitch: the usual input of speech recognition.

It is a layer, so that sounds themselves are what is augmented and what a gradient can be followed back to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F

_FLOOR = (
    1e-2  # added to powers, so that silence has a logarithm; that of a whole sound of loudness 1 is about 1e3
)


class LogMel(nn.Module):
    """The logarithm of the power in bands of the mel scale, frame by frame. Nothing in it is trained.

    A frame is weighted by Hann's window and taken apart by the discrete Fourier transform; its powers are summed up in
    triangles that overlap by half, evenly spaced on the scale mel(f) = 2595 log₁₀(1 + f / 700) (O'Shaughnessy 1987,
    as in HTK and torchaudio's `MelSpectrogram` with normalized=False).

    Args:
        bands: how many triangles.
        rate: samples per second.
        window: seconds of a frame.
        hop: seconds from one frame to the next.

    Shape:
        input (N, T), output (N, bands, frames), where frames = (T - window) / hop + 1.

    Example:
        >>> LogMel(40)(koubai.zeros(1, 8000)).shape
        koubai.Size([1, 40, 98])
    """

    waves: Tensor
    triangles: Tensor

    def __init__(self, bands: int, rate: int = 8000, window: float = 0.025, hop: float = 0.01) -> None:
        super().__init__()
        self.length, self.hop = round(window * rate), round(hop * rate)
        frequencies = np.arange(self.length // 2 + 1) * rate / self.length  # of the transform, in Hz
        waves, triangles = _waves(self.length), _triangles(bands, frequencies)
        self.register_buffer("waves", koubai.tensor(waves[:, None], dtype=koubai.float32), persistent=False)
        self.register_buffer("triangles", koubai.tensor(triangles, dtype=koubai.float32), persistent=False)

    def forward(self, sound: Tensor) -> Tensor:
        """Return the logarithms."""
        parts = F.conv1d(sound.unsqueeze(1), self.waves, stride=self.hop)  # (N, 2 · frequencies, frames)
        real, imaginary = koubai.chunk(parts, 2, 1)
        return koubai.log(self.triangles @ (real * real + imaginary * imaginary) + _FLOOR)


def _waves(length: int) -> NDArray[np.float64]:
    """Cosines, then sines, of the transform's frequencies within Hann's window (2 · frequencies, length)."""
    times, cycles = np.arange(length), np.arange(length // 2 + 1)[:, None]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * times / length)
    turns = 2 * np.pi * cycles * times / length
    return np.concatenate([np.cos(turns) * hann, -np.sin(turns) * hann])


def _triangles(bands: int, frequencies: NDArray[Any]) -> NDArray[np.float64]:
    """How much of each frequency belongs to each band (bands, frequencies)."""
    corners = _hertz(np.linspace(0.0, _mel(float(frequencies[-1])), bands + 2))[:, None]
    rising = (frequencies - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - frequencies) / (corners[2:] - corners[1:-1])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))


def _mel(frequency: float) -> float:
    return float(2595 * np.log10(1 + frequency / 700))


def _hertz(mel: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
