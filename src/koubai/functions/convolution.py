"""Convolutions and their transposes over one, two and three spatial dimensions, in PyTorch's layout (N, C, ...)."""

from __future__ import annotations

from koubai.engine.tensor import Tensor
from koubai.functions.products import check_same_type
from koubai.functions.spatial import Size, batched, check_fits, per_rank, sizes
from koubai.ops.convolution import convolution, convolution_input
from koubai.ops.op import Shape, ShapeError, describe
from koubai.ops.window import Window

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


def _conv(
    name: str,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: str | Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Slide kernels over the input; each output channel is a sum of products with the input channels of its
    group.

    Kernels are not flipped: it is the cross-correlation (Goodfellow, Bengio and Courville, "Deep Learning",
    eq. 9.6).

    Args:
        input: (N, C_in, L), (N, C_in, H, W) or (N, C_in, D, H, W); the batch N may be missing.
        weight: (C_out, C_in / groups, *kernel).
        bias: (C_out,), added to each output channel.
        stride: step between windows.
        padding: zeros added on both sides; "same" keeps the lengths (stride 1 only), "valid" adds none.
        dilation: step between the elements that a kernel touches.
        groups: the channels are split into so many groups that do not mix.

    Returns:
        (N, C_out, ...), each length L becoming ⌊(L + 2 padding - dilation (kernel - 1) - 1) / stride⌋ + 1.

    Raises:
        RuntimeError: if channels, groups, types or sizes do not fit; it says which, and what to do.
    """
    _check(name, rank, input, weight, groups)
    _check_channels(name, rank, input, weight, groups, weight.shape[1] * groups)
    steps, gaps = sizes(stride, rank, f"{name}: stride", 1), sizes(dilation, rank, f"{name}: dilation", 1)
    window = Window(
        weight.shape[2:], steps, _margins(name, rank, padding, weight.shape[2:], steps, gaps), gaps
    )
    batch, single = batched(name, input, rank)
    check_fits(name, window, batch.shape[2:])
    return _finish(name, convolution(batch, weight, window=window, groups=groups), bias, single)


def _conv_transpose(
    name: str,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Lay a multiple of a kernel down for each input element and add them up: what the gradient of a
    convolution does to its input (Zeiler et al., 2010, "Deconvolutional Networks").

    Args:
        input: (N, C_in, L), (N, C_in, H, W) or (N, C_in, D, H, W); the batch N may be missing.
        weight: (C_in, C_out / groups, *kernel).
        bias: (C_out,), added to each output channel.
        stride: step between the places where kernels are laid.
        padding: elements cut off on both sides of the result.
        output_padding: elements added at the end, to choose among the lengths that a stride leaves open.
        groups: the channels are split into so many groups that do not mix.
        dilation: step between the elements of a kernel.

    Returns:
        (N, C_out, ...), each length L becoming (L - 1) stride - 2 padding + dilation (kernel - 1) +
        output_padding + 1.

    Raises:
        RuntimeError: if channels, groups, types or sizes do not fit; it says which, and what to do.
    """
    _check(name, rank, input, weight, groups)
    _check_channels(name, rank, input, weight, groups, weight.shape[0])
    steps, gaps = sizes(stride, rank, f"{name}: stride", 1), sizes(dilation, rank, f"{name}: dilation", 1)
    cuts, extras = (
        sizes(padding, rank, f"{name}: padding"),
        sizes(output_padding, rank, f"{name}: output_padding"),
    )
    if any(extra >= max(step, gap) for extra, step, gap in zip(extras, steps, gaps)):
        raise RuntimeError(f"{name}: output_padding {output_padding} must be smaller than stride or dilation")
    window = Window(
        weight.shape[2:], steps, tuple((cut, cut - extra) for cut, extra in zip(cuts, extras)), gaps
    )
    batch, single = batched(name, input, rank)
    lengths = tuple(
        (length - 1) * step - 2 * cut + span + extra
        for length, step, cut, span, extra in zip(batch.shape[2:], steps, cuts, window.spans, extras)
    )
    if any(length < 1 for length in lengths):
        raise ShapeError(
            f"{name}: nothing is left of {describe([input])}: the result would be {list(lengths)}"
        )
    output = convolution_input(batch, weight, lengths=lengths, window=window, groups=groups)
    return _finish(name, output, bias, single)


conv1d, conv2d, conv3d = per_rank(_conv)
conv_transpose1d, conv_transpose2d, conv_transpose3d = per_rank(_conv_transpose)


def _finish(name: str, output: Tensor, bias: Tensor | None, single: bool) -> Tensor:
    """Add the bias to each channel, and drop a batch dimension that the input did not have."""
    if bias is not None:
        check_same_type(name, output, bias)
        if bias.shape != output.shape[1:2]:
            raise ShapeError(
                f"{name}: the bias {list(bias.shape)} must have one element for each of the "
                f"{output.shape[1]} output channels"
            )
        output = output + bias.reshape(-1, *[1] * (output.ndim - 2))
    return output.squeeze(0) if single else output


def _margins(
    name: str, rank: int, padding: str | Size, kernel: Shape, stride: Shape, dilation: Shape
) -> tuple[tuple[int, int], ...]:
    """Return the zeros (before, after) each dimension."""
    if padding == "valid":
        return ((0, 0),) * rank
    if padding == "same":
        if any(step != 1 for step in stride):
            raise RuntimeError(f"{name}: padding='same' needs stride 1, got stride {list(stride)}")
        totals = [gap * (k - 1) for gap, k in zip(dilation, kernel)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise RuntimeError(f"{name}: padding must be 'same', 'valid' or numbers, got {padding!r}")
    return tuple((margin, margin) for margin in sizes(padding, rank, f"{name}: padding"))


def _check(name: str, rank: int, input: Tensor, weight: Tensor, groups: int) -> None:
    """Refuse types, dimensions and groups that do not fit."""
    check_same_type(name, input, weight)
    if weight.ndim != rank + 2:
        raise ShapeError(f"{name} takes a weight with {rank + 2} dimensions, got {describe([weight])}")
    if groups < 1 or weight.shape[0] % groups:
        raise ShapeError(f"{name}: the weight {list(weight.shape)} cannot be split into groups={groups}")


def _check_channels(name: str, rank: int, input: Tensor, weight: Tensor, groups: int, expected: int) -> None:
    """Refuse an input whose channels are not those that the weight expects, and guess why."""
    if input.ndim not in (rank + 1, rank + 2) or input.shape[-rank - 1] == expected:
        return
    hint = ""
    if input.shape[-1] == expected:
        hint = "; the channels seem to be last: permute the input to (N, C, ...)"
    elif input.ndim == rank + 1:
        hint = "; if its first dimension is the batch, the channel dimension is missing: unsqueeze(1)"
    raise ShapeError(
        f"{name}: the weight {list(weight.shape)} with groups={groups} expects {expected} input channels, "
        f"but the input {list(input.shape)} has {input.shape[-rank - 1]}{hint}"
    )
