"""Convolution layers and their transposes, in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.module import Module
from koubai.nn.parameter import Parameter, new_parameter
from koubai.nn.sizes import Size, per_dimension

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What all convolutions share: their sizes and their parameters.

    Weight and bias start uniform in ±1/√fan_in, fan_in = in_channels/groups × kernel elements, as in PyTorch.
    Keras starts with Xavier's uniform and a zero bias.
    """

    rank: ClassVar[int]
    transposed: ClassVar[bool] = False
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: str | Size,
        dilation: Size,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
        output_padding: Size = 0,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_dimension(kernel_size, self.rank, "kernel_size")
        self.stride = per_dimension(stride, self.rank, "stride")
        self.padding = padding if isinstance(padding, str) else per_dimension(padding, self.rank, "padding")
        self.dilation = per_dimension(dilation, self.rank, "dilation")
        self.output_padding = per_dimension(output_padding, self.rank, "output_padding")
        self.groups = groups
        self.padding_mode = padding_mode
        self._check()
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = new_parameter(first, second // groups, *self.kernel_size, device=device, dtype=dtype)
        self.register_parameter(
            "bias", new_parameter(out_channels, device=device, dtype=dtype) if bias else None
        )
        self.reset_parameters()

    def _check(self) -> None:
        name = type(self).__name__
        if self.groups <= 0:
            raise ValueError(f"{name}: groups must be a positive integer, got {self.groups}")
        for what, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise ValueError(f"{name}: {what}={channels} must be divisible by groups={self.groups}")
        if isinstance(self.padding, str) and self.padding not in ("same", "valid"):
            raise ValueError(f"{name}: padding must be 'same', 'valid' or numbers, got {self.padding!r}")
        if self.padding == "same" and any(step != 1 for step in self.stride):
            raise ValueError(f"{name}: padding='same' needs stride 1, got stride {self.stride}")
        if self.padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"{name}: padding_mode must be one of {_PADDING_MODES}, got {self.padding_mode!r}"
            )

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            init.fan_in_uniform_(self.bias, self.weight)

    def extra_repr(self) -> str:
        """The channels and kernel, and what differs from the defaults."""
        parts = [
            str(self.in_channels),
            str(self.out_channels),
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        zeros, ones = (0,) * self.rank, (1,) * self.rank
        defaults = {
            "padding": zeros,
            "dilation": ones,
            "output_padding": zeros,
            "groups": 1,
        }
        own = {name: getattr(self, name) for name in defaults}
        parts += [f"{name}={value}" for name, value in own.items() if value != defaults[name]]
        parts += ["bias=False"] if self.bias is None else []
        parts += [f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []
        return ", ".join(parts)


class _Conv(_Convolution):
    """A convolution: slide each kernel over the input and sum the products."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        sizes = (kernel_size, stride, padding, dilation)
        super().__init__(in_channels, out_channels, *sizes, groups, bias, padding_mode, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        padding: str | Size = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._margins(), mode=self.padding_mode)
            padding = 0
        return type(self)._function(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _margins(self) -> list[int]:
        """Elements to add before and after each dimension, last dimension first, as `F.pad` wants them."""
        margins: list[int] = []
        for axis in reversed(range(self.rank)):
            total = self.dilation[axis] * (self.kernel_size[axis] - 1)
            if self.padding == "same":
                margins += [total // 2, total - total // 2]
            else:
                margins += [0, 0] if self.padding == "valid" else [int(self.padding[axis])] * 2
        return margins


class _ConvTranspose(_Convolution):
    """The transpose of a convolution: what its gradient does to the input, used to enlarge."""

    transposed = True
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f"{type(self).__name__}: only padding_mode='zeros' exists, got {padding_mode!r}")
        sizes = (kernel_size, stride, padding, dilation)
        super().__init__(
            in_channels, out_channels, *sizes, groups, bias, padding_mode, device, dtype, output_padding
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Convolve, transposed; `output_size` chooses among the sizes that a stride leaves open."""
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _extra(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output padding that leads to `output_size`, of which the last `rank` numbers count.

        Raises:
            ValueError: no output padding leads there.
        """
        lengths = input.shape[-self.rank :]
        least = [
            (length - 1) * self.stride[i]
            - 2 * int(self.padding[i])
            + self.dilation[i] * (self.kernel_size[i] - 1)
            + 1
            for i, length in enumerate(lengths)
        ]
        extra = tuple(wanted - low for wanted, low in zip(output_size[-self.rank :], least))
        if len(extra) != self.rank or any(not 0 <= e < s for e, s in zip(extra, self.stride)):
            most = [low + s - 1 for low, s in zip(least, self.stride)]
            raise ValueError(
                f"{type(self).__name__}: output_size {tuple(output_size)} cannot be reached from input "
                f"{tuple(lengths)}; it must be between {tuple(least)} and {tuple(most)}"
            )
        return extra


class Conv1d(_Conv):
    """Convolve sequences: each output channel is a sum of the input channels' correlations with its kernels.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, one set of kernels each.
        kernel_size: length of the kernels.
        stride: step between windows.
        padding: elements added at both ends; "same" keeps the length, "valid" adds none.
        dilation: step between the elements that a kernel touches.
        groups: channels are split into this many groups that do not mix.
        bias: whether a number is added to each output channel.
        padding_mode: what padding contains: "zeros", "reflect", "replicate" or "circular".
        device: where its tensors live.
        dtype: of weight and bias; float32 by default.

    Shape:
        input (N, C_in, L) or (C_in, L), output (N, C_out, L_out) with
        L_out = ⌊(L + 2 padding - dilation (kernel_size - 1) - 1) / stride⌋ + 1; weight (C_out, C_in/groups,
        k).
    """

    rank = 1
    _function = F.conv1d


class Conv2d(_Conv):
    """Convolve images (LeCun et al., 1989). Arguments are `Conv1d`'s, each one number or (height, width).

    Shape:
        input (N, C_in, H, W) or (C_in, H, W), output (N, C_out, H_out, W_out), where each of H and W changes
        as `Conv1d` says; weight (C_out, C_in/groups, kH, kW), bias (C_out).
    """

    rank = 2
    _function = F.conv2d


class Conv3d(_Conv):
    """Convolve volumes or videos. Arguments are `Conv1d`'s, each one number or (depth, height, width).

    Shape:
        input (N, C_in, D, H, W) or (C_in, D, H, W), output (N, C_out, D_out, H_out, W_out), where each of D,
        H and W changes as `Conv1d` says; weight (C_out, C_in/groups, kD, kH, kW), bias (C_out).
    """

    rank = 3
    _function = F.conv3d


class ConvTranspose1d(_ConvTranspose):
    """Enlarge sequences by the transpose of a convolution (Zeiler et al., 2010).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: length of the kernels.
        stride: by how much the length grows.
        padding: elements taken off at both ends of the output.
        output_padding: elements added at one end, to choose among the lengths that the stride leaves open.
        groups: channels are split into this many groups that do not mix.
        bias: whether a number is added to each output channel.
        dilation: step between the elements that a kernel touches.
        padding_mode: only "zeros".
        device: where its tensors live.
        dtype: of weight and bias; float32 by default.

    Shape:
        input (N, C_in, L) or (C_in, L), output (N, C_out, L_out) with
        L_out = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1; weight (C_in,
        C_out/groups, k).
    """

    rank = 1
    _function = F.conv_transpose1d


class ConvTranspose2d(_ConvTranspose):
    """Enlarge images. Arguments are `ConvTranspose1d`'s, each one number or (height, width).

    Shape:
        input (N, C_in, H, W) or (C_in, H, W), output (N, C_out, H_out, W_out), where each of H and W changes
        as `ConvTranspose1d` says; weight (C_in, C_out/groups, kH, kW), bias (C_out).
    """

    rank = 2
    _function = F.conv_transpose2d


class ConvTranspose3d(_ConvTranspose):
    """Enlarge volumes. Arguments are `ConvTranspose1d`'s, each one number or (depth, height, width).

    Shape:
        input (N, C_in, D, H, W) or (C_in, D, H, W), output (N, C_out, D_out, H_out, W_out), where each of D,
        H and W changes as `ConvTranspose1d` says; weight (C_in, C_out/groups, kD, kH, kW), bias (C_out).
    """

    rank = 3
    _function = F.conv_transpose3d
