"""Depthwise-separable convolutions: one kernel for each channel, then a mixture of the channels at every place."""

from __future__ import annotations

from typing import Any, ClassVar

from koubai.engine.tensor import Tensor
from koubai.nn.conv import Conv1d, Conv2d
from koubai.nn.module import Module
from koubai.nn.sizes import Size

__all__ = ["SeparableConv1d", "SeparableConv2d"]


class _SeparableConv(Module):
    """What both ranks share; a subclass names the convolution."""

    conv: ClassVar[type[Conv1d] | type[Conv2d]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        sizes = (in_channels, in_channels, kernel_size, stride, padding, dilation, in_channels)
        self.depthwise = self.conv(*sizes, False, padding_mode, device, dtype)
        self.pointwise = self.conv(in_channels, out_channels, 1, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve every channel, then mix them."""
        return self.pointwise(self.depthwise(input))  # type: ignore[no-any-return]


class SeparableConv2d(_SeparableConv):
    """A convolution per channel, then a 1×1 convolution over all (Sifre 2014; Howard et al. 2017).

    It has 1/C_out + 1/k² of the weights and products of a Conv2d with C_out channels and k×k kernels.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: of the kernels for each channel.
        stride: step between their windows.
        padding: elements added at the borders; "same" keeps the size, "valid" adds none.
        dilation: step between the elements that a kernel touches.
        bias: whether a number is added to each output channel.
        padding_mode: what padding contains: "zeros", "reflect", "replicate" or "circular".
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        input (N, C_in, H, W), output (N, C_out, H_out, W_out), sizes as Conv2d's; or both without N.

    Example:
        >>> nn.SeparableConv2d(8, 16, 3, padding=1)(koubai.zeros(1, 8, 5, 5)).shape
        koubai.Size([1, 16, 5, 5])
    """

    conv = Conv2d


class SeparableConv1d(_SeparableConv):
    """`SeparableConv2d` for sequences, (N, C, L) or (C, L)."""

    conv = Conv1d
