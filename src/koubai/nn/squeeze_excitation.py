"""`SqueezeExcitation`: channels are weighted by what the whole image contains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koubai.engine.tensor import Tensor
from koubai.nn.activation import ReLU, Sigmoid
from koubai.nn.conv import Conv2d
from koubai.nn.module import Module
from koubai.nn.pooling import AdaptiveAvgPool2d

__all__ = ["SqueezeExcitation"]


class SqueezeExcitation(Module):
    """x · sigmoid(W₂ relu(W₁ mean(x))), one weight for each channel (Hu et al. 2018).

    Names and state are torchvision's.

    Args:
        input_channels: C.
        squeeze_channels: channels in between, usually C/16 or C/4.
        activation: a layer class, in between.
        scale_activation: a layer class, for the weights.
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        input and output (N, C, H, W).

    Example:
        >>> nn.SqueezeExcitation(16, 4)(koubai.ones(1, 16, 5, 5)).shape
        koubai.Size([1, 16, 5, 5])
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Callable[[], Module] = ReLU,
        scale_activation: Callable[[], Module] = Sigmoid,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc1 = Conv2d(input_channels, squeeze_channels, 1, device=device, dtype=dtype)
        self.fc2 = Conv2d(squeeze_channels, input_channels, 1, device=device, dtype=dtype)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        """Weight the channels."""
        squeezed = self.activation(self.fc1(self.avgpool(input)))  # (N, squeeze, 1, 1)
        scale = self.scale_activation(self.fc2(squeezed))  # (N, C, 1, 1)
        return scale * input  # type: ignore[no-any-return]
