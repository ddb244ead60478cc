"""Layers that enlarge images and sequences by interpolation."""

from __future__ import annotations

from collections.abc import Sequence

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.module import Module
from koubai.nn.sizes import Size

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """Resize by interpolation, to a size or by a factor.

    Args:
        size: of the output, one number or one per spatial dimension.
        scale_factor: output length / input length, one number or one per spatial dimension; instead of
            `size`.
        mode: "nearest", "linear" (3D input), "bilinear", "bicubic" (4D) or "trilinear" (5D).
        align_corners: whether the centres of the corner pixels of input and output coincide; not for
            "nearest".
        recompute_scale_factor: compute the factor anew from the rounded output size.

    Shape:
        input (N, C, *), output (N, C, *size).
    """

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Resize."""
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """The size or factor, and the mode."""
        size = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resize images, each pixel taking the value of the nearest one.

    Shape:
        input (N, C, H, W), output (N, C, *size).
    """

    def __init__(self, size: Size | None = None, scale_factor: float | Sequence[float] | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resize images, each pixel mixing the four around it; the corner pixels keep their values.

    Shape:
        input (N, C, H, W), output (N, C, *size).
    """

    def __init__(self, size: Size | None = None, scale_factor: float | Sequence[float] | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
