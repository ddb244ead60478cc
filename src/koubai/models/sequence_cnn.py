"""Convolutions over time: a stack for sound, and a causal one whose reach doubles with every block."""

from __future__ import annotations

from collections.abc import Sequence

from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.sizes import per_dimension

__all__ = ["ConvStack1d", "TemporalBlock", "TemporalConvNet"]


class ConvStack1d(nn.Sequential):
    """Convolution, batch normalisation, ReLU and max pooling, block after block: M5's plan (Dai et al. 2017).

    For raw sound the first kernel spans some milliseconds and strides (80 and 4 at 8 kHz); for log-mel frames, and for
    letters of a genome, all are short.

    Args:
        in_channels: channels of the input.
        channels: of each block.
        kernel_sizes: of each block's convolution, odd where it does not stride; one number for all.
        strides: likewise.
        pools: windows of the pooling; 1 for none.
        dropout: probability of dropping whole channels after each block.

    Shape:
        input (N, in_channels, L), output (N, channels[-1], L_out), where L_out is about L over all strides and pools.

    Raises:
        ValueError: if there are not as many numbers as blocks.

    Example:
        >>> model = nn.Sequential(models.ConvStack1d(1, (32, 64), (80, 3), (4, 1), 4), nn.AdaptiveAvgPool1d(1))
        >>> model(koubai.zeros(2, 1, 8000)).shape
        koubai.Size([2, 64, 1])
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        kernel_sizes: int | Sequence[int] = 3,
        strides: int | Sequence[int] = 1,
        pools: int | Sequence[int] = 2,
        dropout: float = 0.0,
    ) -> None:
        blocks = len(channels)
        kernels = per_dimension(kernel_sizes, blocks, "kernel_sizes")
        steps, windows = per_dimension(strides, blocks, "strides"), per_dimension(pools, blocks, "pools")
        sizes = zip((in_channels, *channels), channels, kernels, steps, windows)
        super().__init__(
            *(_block(inputs, outputs, k, step, pool, dropout) for inputs, outputs, k, step, pool in sizes)
        )


def _block(inputs: int, outputs: int, kernel: int, stride: int, pool: int, dropout: float) -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv1d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False),
        nn.BatchNorm1d(outputs),
        nn.ReLU(),
    ]
    layers += [nn.MaxPool1d(pool)] if pool > 1 else []
    layers += [nn.Dropout1d(dropout)] if dropout else []
    return nn.Sequential(*layers)


class TemporalBlock(nn.Module):
    """Two causal dilated convolutions with a shortcut (Bai et al. 2018, figure 1), without their weight normalisation.

    An output sees its own time and 2 (kernel_size - 1) · dilation before.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: of the convolutions.
        dilation: times between the elements that a kernel touches.
        dropout: probability of dropping whole channels after each convolution.

    Shape:
        input (N, in_channels, T), output (N, out_channels, T).

    Example:
        >>> models.TemporalBlock(1, 16, kernel_size=3, dilation=2)(koubai.zeros(4, 1, 48)).shape
        koubai.Size([4, 16, 48])
    """

    shortcut: nn.Module | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(in_channels, out_channels, kernel_size, dilation=dilation)
        self.conv2 = nn.Conv1d(out_channels, out_channels, kernel_size, dilation=dilation)
        self.dropout = nn.Dropout1d(dropout)
        self.past = (kernel_size - 1) * dilation
        same = in_channels == out_channels
        self.add_module("shortcut", None if same else nn.Conv1d(in_channels, out_channels, 1))

    def forward(self, input: Tensor) -> Tensor:
        """Apply the convolutions, and add the input before the last ReLU."""
        x = input
        for conv in (self.conv1, self.conv2):
            x = self.dropout(F.relu(conv(F.pad(x, (self.past, 0)))))
        return F.relu(x + (input if self.shortcut is None else self.shortcut(input)))


class TemporalConvNet(nn.Sequential):
    """Temporal blocks with dilations 1, 2, 4, ...: for forecasts, a parallel alternative to recurrent layers.

    No output sees the future. With B blocks, the last sees 1 + 2 (kernel_size - 1)(2ᴮ - 1) times.

    Args:
        in_channels: channels of the input.
        channels: of each block.
        kernel_size: of all convolutions.
        dropout: probability of dropping whole channels after each convolution.

    Shape:
        input (N, in_channels, T), output (N, channels[-1], T).

    Example:
        >>> models.TemporalConvNet(1, (16, 16, 16))(koubai.zeros(4, 1, 48)).shape
        koubai.Size([4, 16, 48])
    """

    def __init__(
        self, in_channels: int, channels: Sequence[int], kernel_size: int = 3, dropout: float = 0.0
    ) -> None:
        pairs = zip((in_channels, *channels), channels)
        super().__init__(
            *(TemporalBlock(a, b, kernel_size, 2**number, dropout) for number, (a, b) in enumerate(pairs))
        )
