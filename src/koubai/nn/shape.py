"""Layers that only rearrange: flatten, unflatten, windows to columns, pixels to channels, and back."""

from __future__ import annotations

from collections.abc import Sequence

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.module import Module
from koubai.nn.sizes import Size

__all__ = ["ChannelShuffle", "Flatten", "Fold", "PixelShuffle", "PixelUnshuffle", "Unflatten", "Unfold"]


class Flatten(Module):
    """Join the dimensions from `start_dim` to `end_dim` into one; by default all but the batch.

    Shape:
        input (N, *), output (N, ∏*) by default.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Flatten."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split the dimension `dim` into several, of the lengths `unflattened_size`; one of them may be -1.

    Shape:
        input (*, L, *), output (*, *unflattened_size, *).
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """Unflatten."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Unfold(Module):
    """Write out the windows of an image as columns, as convolution sees them (im2col).

    Args:
        kernel_size: size of a window, one number or (height, width).
        dilation: step between the elements of a window.
        padding: zeros added at each side.
        stride: step between windows.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C × kernel elements, windows).
    """

    def __init__(self, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Take out the windows."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Add columns of windows back into an image, the transpose of `Unfold` (col2im); overlaps add up.

    Args:
        output_size: size of the image, one number or (height, width).
        kernel_size: as given to `Unfold`, like all that follow.
        dilation: step between the elements of a window.
        padding: zeros added at each side.
        stride: step between windows.

    Shape:
        input (N, C × kernel elements, windows), output (N, C, *output_size); N may be missing.
    """

    def __init__(
        self,
        output_size: Size,
        kernel_size: Size,
        dilation: Size = 1,
        padding: Size = 0,
        stride: Size = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Add the windows up."""
        sizes = (self.kernel_size, self.dilation, self.padding, self.stride)
        return F.fold(input, self.output_size, *sizes)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class PixelShuffle(Module):
    """Turn channels into pixels: r times as high and wide, r² times fewer channels (Shi et al., 2016).

    Shape:
        input (*, C r², H, W), output (*, C, H r, W r), r = `upscale_factor`.
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Shuffle."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Undo `PixelShuffle`.

    Shape:
        input (*, C, H r, W r), output (*, C r², H, W), r = `downscale_factor`.
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Shuffle back."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deal each group's channels out among all groups, so that grouped convolutions mix (Zhang et al., 2018).

    Shape:
        input and output (N, C, *).
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Shuffle."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """The groups."""
        return f"groups={self.groups}"
