"""Many small autoencoders side by side, one for each series: trained in one step, and knowing nothing of each other."""

from __future__ import annotations

from itertools import pairwise

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.models import Autoencoder


class ParallelLinear(nn.Module):
    """A linear layer of its own for each of several series.

    Weights start normal with a variance of 1 / in_features, biases at 0 (LeCun et al. 1998), which suits tanh.

    Args:
        series: how many.
        in_features: of each input.
        out_features: of each output.

    Shape:
        input (N, series, in_features), output (N, series, out_features).
    """

    def __init__(self, series: int, in_features: int, out_features: int) -> None:
        super().__init__()
        weight = koubai.randn(series, in_features, out_features, dtype=koubai.float32)
        self.weight = nn.Parameter(weight / in_features**0.5)
        self.bias = nn.Parameter(koubai.zeros(series, 1, out_features))

    def forward(self, input: Tensor) -> Tensor:
        """Apply each series' layer to its part of the input."""
        return (input.transpose(0, 1) @ self.weight + self.bias).transpose(0, 1)


def parallel_autoencoder(series: int, window: int, hidden: int, code: int) -> Autoencoder:
    """Autoencoders of windows that also say which value follows.

    Their squashed codes cannot leave the range that they were trained in, so values out of it are reproduced badly.

    Args:
        series: how many.
        window: values in a window.
        hidden: neurons of the layers between windows and codes.
        code: numbers that a window is squeezed into.

    Shape:
        input (N, series, window), output (N, series, window + 1), the value that follows last.
    """
    encoder = _layers(series, (window, hidden, code), nn.Tanh())
    return Autoencoder(encoder, _layers(series, (code, hidden, window + 1)))


def _layers(series: int, sizes: tuple[int, ...], *last: nn.Module) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [ParallelLinear(series, inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers[:-1], *last)
