"""Pooling layers: one number for each window, its maximum, its average, or its p-norm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.module import Module
from koubai.nn.sizes import Size, per_dimension

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _Pool(Module):
    """A layer that keeps the arguments of a pooling function, and calls it with them."""

    _function: ClassVar[Callable[..., Any]]
    _shown: ClassVar[tuple[str, ...]]

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.__dict__.update(arguments)
        self._arguments = tuple(arguments)

    def forward(self, input: Tensor) -> Any:
        """Pool."""
        return type(self)._function(input, **{name: getattr(self, name) for name in self._arguments})

    def extra_repr(self) -> str:
        """The arguments that matter most."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self._shown)


class _MaxPool(_Pool):
    _shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=kernel_size if stride is None else stride,
            padding=padding,
            dilation=dilation,
            return_indices=return_indices,
            ceil_mode=ceil_mode,
        )


class MaxPool1d(_MaxPool):
    """The maximum of each window. At a tie the gradient goes to the first of the equal elements.

    Args:
        kernel_size: length of a window.
        stride: step between windows; by default the window's length.
        padding: elements of -∞ added at both ends.
        dilation: step between the elements of a window.
        return_indices: return the position of each maximum too, for `MaxUnpool1d`.
        ceil_mode: let a last window hang over the end.

    Shape:
        input (N, C, L) or (C, L), output (N, C, L_out) with
        L_out = ⌊(L + 2 padding - dilation (kernel_size - 1) - 1) / stride⌋ + 1, or ⌈…⌉ with `ceil_mode`.
    """

    _function = F.max_pool1d


class MaxPool2d(_MaxPool):
    """The maximum of each window of an image. Arguments are `MaxPool1d`'s, one number or (height, width).

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out).
    """

    _function = F.max_pool2d


class MaxPool3d(_MaxPool):
    """The maximum of each window of a volume. Arguments are `MaxPool1d`'s, one number or one per dimension.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out).
    """

    _function = F.max_pool3d


class AvgPool1d(_Pool):
    """The average of each window.

    Args:
        kernel_size: length of a window.
        stride: step between windows; by default the window's length.
        padding: zeros added at both ends.
        ceil_mode: let a last window hang over the end.
        count_include_pad: count the added zeros as elements.

    Shape:
        input (N, C, L) or (C, L), output (N, C, L_out) with
        L_out = ⌊(L + 2 padding - kernel_size) / stride⌋ + 1, or ⌈…⌉ with `ceil_mode`.
    """

    _function = F.avg_pool1d
    _shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=kernel_size if stride is None else stride,
            padding=padding,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
        )


class AvgPool2d(_Pool):
    """The average of each window of an image. Arguments are `AvgPool1d`'s, one number or (height, width).

    Args:
        divisor_override: divide by this number rather than by the elements of a window.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out).
    """

    _function: ClassVar[Callable[..., Any]] = F.avg_pool2d
    _shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=kernel_size if stride is None else stride,
            padding=padding,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            divisor_override=divisor_override,
        )


class AvgPool3d(AvgPool2d):
    """The average of each window of a volume. Arguments are `AvgPool2d`'s, one number or one per dimension.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out).
    """

    _function = F.avg_pool3d


class _LPPool(_Pool):
    _shown = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(
        self, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__(norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode)


class LPPool1d(_LPPool):
    """The p-norm of each window, (Σ xᵖ)^(1/p); p = 1 is the sum. Its gradient at 0 is 0.

    Args:
        norm_type: p.
        kernel_size: length of a window.
        stride: step between windows; by default the window's length.
        ceil_mode: let a last window hang over the end.

    Shape:
        input (N, C, L) or (C, L), output (N, C, L_out) with L_out = ⌊(L - kernel_size) / stride⌋ + 1.
    """

    _function = F.lp_pool1d


class LPPool2d(_LPPool):
    """The p-norm of each window of an image. Arguments are `LPPool1d`'s, one number or (height, width).

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out).
    """

    _function = F.lp_pool2d


class LPPool3d(_LPPool):
    """The p-norm of each window of a volume. Arguments are `LPPool1d`'s, one number or one per dimension.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out).
    """

    _function = F.lp_pool3d


class _AdaptiveAvgPool(_Pool):
    _shown = ("output_size",)

    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__(output_size=output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Averages over as many windows as the output has elements, whatever the input's length.

    Args:
        output_size: length of the output.

    Shape:
        input (N, C, L) or (C, L), output (N, C, output_size).
    """

    _function = F.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Averages over as many windows as the output image has pixels.

    Args:
        output_size: one number or (height, width); None keeps the input's.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, *output_size).
    """

    _function = F.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Averages over as many windows as the output volume has elements.

    Args:
        output_size: one number or (depth, height, width); None keeps the input's.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), output (N, C, *output_size).
    """

    _function = F.adaptive_avg_pool3d


class _AdaptiveMaxPool(_Pool):
    _shown = ("output_size",)

    def __init__(self, output_size: int | Sequence[int | None] | None, return_indices: bool = False) -> None:
        super().__init__(output_size=output_size, return_indices=return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of as many windows as the output has elements, whatever the input's length.

    Args:
        output_size: length of the output.
        return_indices: return the position of each maximum too.

    Shape:
        input (N, C, L) or (C, L), output (N, C, output_size).
    """

    _function = F.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of as many windows as the output image has pixels. Arguments are `AdaptiveMaxPool1d`'s.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, *output_size).
    """

    _function = F.adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of as many windows as the output volume has elements. Arguments are `AdaptiveMaxPool1d`'s.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), output (N, C, *output_size).
    """

    _function = F.adaptive_max_pool3d


class _MaxUnpool(Module):
    rank: ClassVar[int]
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        self.kernel_size = per_dimension(kernel_size, self.rank, "kernel_size")
        self.stride = per_dimension(kernel_size if stride is None else stride, self.rank, "stride")
        self.padding = per_dimension(padding, self.rank, "padding")

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Put each element back to its position, with zeros elsewhere."""
        sizes = (self.kernel_size, self.stride, self.padding)
        return type(self)._function(input, indices, *sizes, output_size)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Undo `MaxPool1d` as far as that can be: maxima return to their positions, all else is zero.

    Args:
        kernel_size: as given to the pooling.
        stride: as given to the pooling.
        padding: as given to the pooling.

    Shape:
        input and indices (N, C, L) or (C, L), output (N, C, L_out) with
        L_out = (L - 1) stride - 2 padding + kernel_size, or the last of `output_size`.
    """

    rank = 1
    _function = F.max_unpool1d


class MaxUnpool2d(_MaxUnpool):
    """Undo `MaxPool2d`. Arguments are `MaxUnpool1d`'s, each one number or (height, width).

    Shape:
        input and indices (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out).
    """

    rank = 2
    _function = F.max_unpool2d


class MaxUnpool3d(_MaxUnpool):
    """Undo `MaxPool3d`. Arguments are `MaxUnpool1d`'s, each one number or (depth, height, width).

    Shape:
        input and indices (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out).
    """

    rank = 3
    _function = F.max_unpool3d
