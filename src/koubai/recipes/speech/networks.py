"""The two networks for speech: convolutions that name a recording's digit, and a recurrent one that spells."""

from __future__ import annotations

from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.models import ConvStack1d
from koubai.recipes.speech.log_mel import LogMel


def digit_network(bands: int, hidden: int, classes: int, dropout: float) -> nn.Module:
    """Convolutions over time, then the mean over all times: (N, T) sound becomes (N, classes) scores."""
    channels = (hidden // 2, hidden, hidden)
    return nn.Sequential(
        LogMel(bands),  # (N, bands, frames)
        nn.BatchNorm1d(bands),
        ConvStack1d(bands, channels, 3, pools=(2, 2, 1), dropout=dropout),  # (N, hidden, frames / 4)
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(hidden, classes),
    )


class SpellingNetwork(nn.Module):
    """A CRNN: convolutions that halve the frames, a GRU in both directions, scores of letters for every 20 ms.

    The plan of Deep Speech 2 (Amodei et al. 2016), small; trained with connectionist temporal classification.

    Args:
        bands: of the log-mel spectrum.
        hidden: channels of the convolutions, and units of the GRU in each direction.
        letters: classes, the first of which is "no letter".
        dropout: of whole channels after each convolution.

    Shape:
        input (N, T), output (N, letters, frames / 2).
    """

    def __init__(self, bands: int, hidden: int, letters: int, dropout: float) -> None:
        super().__init__()
        self.spectrum = LogMel(bands)
        self.norm = nn.BatchNorm1d(bands)
        self.convolutions = ConvStack1d(bands, (hidden, hidden), 5, pools=(2, 1), dropout=dropout)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.scores = nn.Linear(2 * hidden, letters)

    def forward(self, sound: Tensor) -> Tensor:
        """Return the scores of the letters at each time."""
        frames = self.convolutions(self.norm(self.spectrum(sound)))  # (N, hidden, frames / 2)
        states, _last = self.gru(frames.transpose(1, 2))  # (N, frames / 2, 2 · hidden)
        return self.scores(states).transpose(1, 2)  # type: ignore[no-any-return]
