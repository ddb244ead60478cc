"""Residual networks: ResNet-18, -34 and -50 with torchvision's states, and ResNet-20 for images of 32×32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F

__all__ = ["BasicBlock", "Bottleneck", "ResNet", "resnet18", "resnet20", "resnet34", "resnet50"]


class _Block(nn.Module):
    """Convolutions with a shortcut around them; `parts` gives kernel, stride and channels of each."""

    expansion: ClassVar[int] = 1

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None
    ) -> None:
        super().__init__()
        parts = self.parts(planes, stride)
        for number, (kernel, step, channels) in enumerate(parts, 1):
            conv = nn.Conv2d(inplanes, channels, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{number}", conv)
            self.add_module(f"bn{number}", nn.BatchNorm2d(channels))
            inplanes = channels
        self.depth = len(parts)
        self.relu = nn.ReLU()
        self.add_module("downsample", downsample)

    @staticmethod
    def parts(planes: int, stride: int) -> list[tuple[int, int, int]]:
        """Return (kernel size, stride, channels) of every convolution."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolutions, and add the shortcut before the last ReLU."""
        around = x if self.downsample is None else self.downsample(x)
        for number in range(1, self.depth + 1):
            x = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(x))
            x = self.relu(x if number < self.depth else x + around)
        return x


class BasicBlock(_Block):
    """Two 3×3 convolutions with a shortcut (He et al. 2016, figure 5 left).

    Args:
        inplanes: channels of the input.
        planes: channels of the output.
        stride: of the first convolution.
        downsample: brings the input to the output's shape where the block changes it; by default the input itself.

    Shape:
        input (N, inplanes, H, W), output (N, planes, H/stride, W/stride).

    Example:
        >>> models.BasicBlock(16, 16)(koubai.zeros(1, 16, 8, 8)).shape
        koubai.Size([1, 16, 8, 8])
    """

    @staticmethod
    def parts(planes: int, stride: int) -> list[tuple[int, int, int]]:
        """3×3 twice."""
        return [(3, stride, planes), (3, 1, planes)]


class Bottleneck(_Block):
    """1×1, 3×3 and 1×1 convolutions with a shortcut (He et al. 2016, figure 5 right).

    The stride is that of the 3×3 convolution, as in torchvision; the paper strides in the first.

    Args:
        inplanes: channels of the input.
        planes: channels in between; the output has four times as many.
        stride: of the 3×3 convolution.
        downsample: brings the input to the output's shape where the block changes it; by default the input itself.

    Shape:
        input (N, inplanes, H, W), output (N, 4 planes, H/stride, W/stride).

    Example:
        >>> models.Bottleneck(64, 16)(koubai.zeros(1, 64, 8, 8)).shape
        koubai.Size([1, 64, 8, 8])
    """

    expansion = 4

    @staticmethod
    def parts(planes: int, stride: int) -> list[tuple[int, int, int]]:
        """1×1 to fewer channels, 3×3, 1×1 to more."""
        return [(1, 1, planes), (3, stride, planes), (1, 1, 4 * planes)]


class _PaddedShortcut(nn.Module):
    """Every `stride`th place, with zeros as further channels: a shortcut without weights (option A of the paper)."""

    def __init__(self, stride: int, more_channels: int) -> None:
        super().__init__()
        self.stride, self.more_channels = stride, more_channels

    def forward(self, x: Tensor) -> Tensor:
        """Bring x to the output's shape."""
        first = self.more_channels // 2
        margins = (0, 0, 0, 0, first, self.more_channels - first)
        return F.pad(x[:, :, :: self.stride, :: self.stride], margins)


def _projection(inplanes: int, outplanes: int, stride: int) -> nn.Module:
    """A shortcut with weights (option B of the paper)."""
    return nn.Sequential(nn.Conv2d(inplanes, outplanes, 1, stride, bias=False), nn.BatchNorm2d(outplanes))


class ResNet(nn.Module):
    """A stem, four stages of blocks that halve the image and double the channels, and a classifier (He et al. 2016).

    Convolutions start with He's normal weights by fan-out. States are torchvision's.

    Args:
        block: BasicBlock or Bottleneck.
        layers: how many blocks each stage has.
        num_classes: outputs.
        zero_init_residual: start the last normalisation of each block at 0, so that it starts as its shortcut.
        widths: channels of the stages.
        small_images: for 32×32: the stem is one 3×3 convolution without stride, and shortcuts have no weights.

    Shape:
        input (N, 3, H, W), output (N, num_classes).

    Example:
        >>> model = models.ResNet(models.BasicBlock, (1, 1), 10, widths=(16, 32), small_images=True)
        >>> model(koubai.zeros(1, 3, 32, 32)).shape
        koubai.Size([1, 10])
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        widths: Sequence[int] = (64, 128, 256, 512),
        small_images: bool = False,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], *((3, 1, 1) if small_images else (7, 2, 3)), bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU()
        self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(3, 2, 1)
        inplanes = widths[0]
        self.stages = len(layers)
        for number, (planes, blocks) in enumerate(zip(widths, layers), 1):
            stage = _stage(block, inplanes, planes, blocks, 1 if number == 1 else 2, small_images)
            self.add_module(f"layer{number}", stage)
            inplanes = planes * block.expansion
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inplanes, num_classes)
        self._reset_parameters(zero_init_residual)

    def _reset_parameters(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, _Block) and zero_init_residual:
                nn.init.zeros_(getattr(module, f"bn{module.depth}").weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of the classes."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for number in range(1, self.stages + 1):
            x = getattr(self, f"layer{number}")(x)
        return self.fc(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]


def _stage(
    block: type[BasicBlock] | type[Bottleneck],
    inplanes: int,
    planes: int,
    blocks: int,
    stride: int,
    small_images: bool,
) -> nn.Sequential:
    """Blocks of which the first changes the shape."""
    outplanes = planes * block.expansion
    shortcut: nn.Module | None = None
    if stride != 1 or inplanes != outplanes:
        padded = _PaddedShortcut(stride, outplanes - inplanes)
        shortcut = padded if small_images else _projection(inplanes, outplanes, stride)
    rest = [block(outplanes, planes) for _ in range(blocks - 1)]
    return nn.Sequential(block(inplanes, planes, stride, shortcut), *rest)


def resnet18(num_classes: int = 1000, zero_init_residual: bool = False) -> ResNet:
    """Return the ResNet with 18 layers, for images of about 224×224.

    Example:
        >>> models.resnet18(num_classes=10)(koubai.zeros(1, 3, 64, 64)).shape
        koubai.Size([1, 10])
    """
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes, zero_init_residual)


def resnet34(num_classes: int = 1000, zero_init_residual: bool = False) -> ResNet:
    """Return the ResNet with 34 layers, for images of about 224×224."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes, zero_init_residual)


def resnet50(num_classes: int = 1000, zero_init_residual: bool = False) -> ResNet:
    """Return the ResNet with 50 layers, for images of about 224×224."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, zero_init_residual)


def resnet20(num_classes: int = 10, zero_init_residual: bool = False) -> ResNet:
    """Return the ResNet with 20 layers for images of 32×32, as CIFAR-10's (He et al. 2016, section 4.2)."""
    return ResNet(BasicBlock, (3, 3, 3), num_classes, zero_init_residual, (16, 32, 64), small_images=True)
