"""Padding: more elements at the borders, or with negative numbers fewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from koubai.engine.tensor import Tensor
from koubai.functions.operands import Number, method
from koubai.functions.rearranging import flip
from koubai.functions.splitting import part
from koubai.ops import movement as ops
from koubai.ops.op import ShapeError

__all__ = ["constant_pad_nd"]

Border = Callable[[Tensor, int, int, int], tuple[Tensor, Tensor]]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Number | None = None) -> Tensor:
    """Return the tensor with more elements at its borders.

    Args:
        input: any tensor.
        pad: how many before and after, in pairs, the last dimension's pair first; negative numbers cut off.
        mode: "constant"; or "reflect" (mirrored at the border element, which is not repeated), "replicate" (the border
            element), "circular" (from the other end), for the last dimensions of a tensor that has channels and
            perhaps a batch before them.
        value: the new elements of mode "constant", 0 by default.

    Raises:
        ValueError: for an unknown mode.
        RuntimeError: if `pad` is not made of pairs, or reaches further than the mode has elements.

    Example:
        >>> koubai.nn.functional.pad(koubai.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
        tensor([[3., 2., 1., 2., 3., 2.]])
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ShapeError(
            f"pad: {list(pad)} must be at most {input.ndim} pairs (before, after) for {list(input.shape)}"
        )
    if mode == "constant":
        return constant_pad_nd(input, pad, 0 if value is None else value)
    if mode not in _BORDERS:
        raise ValueError(f'pad: mode must be "constant" or one of {sorted(_BORDERS)}, not {mode!r}')
    if value is not None and value != 0:
        raise ValueError(f'pad: mode "{mode}" takes no value')
    if not input.ndim - 2 <= len(pad) // 2 < input.ndim:
        raise ShapeError(
            f'pad: mode "{mode}" leaves the channels (and the batch) alone, and pads all dimensions after'
        )
    for dim, before, after in _pairs(pad, input.ndim):
        input = _extended(input, dim, before, after, mode)
    return input


def _pairs(pad: Sequence[int], ndim: int) -> list[tuple[int, int, int]]:
    """Return (dimension, before, after) for each pair."""
    return [(ndim - 1 - at // 2, pad[at], pad[at + 1]) for at in range(0, len(pad), 2)]


@method
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: Number = 0) -> Tensor:
    """Return the tensor with elements of the given value added at its borders (see `pad`)."""
    shape, spans = list(input.shape), [(0, length, 1) for length in input.shape]
    kept = list(spans)
    for dim, before, after in _pairs(pad, input.ndim):
        length = input.shape[dim]
        shape[dim] = length + before + after
        if shape[dim] < 0:
            raise ShapeError(
                f"pad: {before} and {after} cut more than the {length} elements of dimension {dim}"
            )
        kept[dim] = (max(0, -before), length + min(0, after), 1)
        spans[dim] = (max(0, before), max(0, before) + kept[dim][1] - kept[dim][0], 1)
    inner = (
        input if kept == [(0, length, 1) for length in input.shape] else ops.slice_(input, spans=tuple(kept))
    )
    return ops.place(inner, shape=tuple(shape), spans=tuple(spans), fill=value)  # type: ignore[no-any-return]


def _extended(input: Tensor, dim: int, before: int, after: int, mode: str) -> Tensor:
    """Return `input` with `before` and `after` elements more along one dimension."""
    length = input.shape[dim]
    inner = part(input, dim, min(max(0, -before), length), max(0, length + min(0, after)))
    source = inner if mode == "circular" else input  # PyTorch cuts first, then takes from the other end
    size = source.shape[dim]
    most = {"reflect": size - 1, "circular": size, "replicate": before + after + length if size else 0}[mode]
    if max(before, after) > most or before + after + length < 0:
        raise ShapeError(
            f'pad: ({before}, {after}) does not fit dimension {dim} of size {length} in mode "{mode}"'
        )
    first, last = _BORDERS[mode](source, dim, max(before, 0), max(after, 0))
    return ops.cat(first, inner, last, dim=dim)  # type: ignore[no-any-return]


def _reflected(input: Tensor, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    length = input.shape[dim]
    first = part(input, dim, 1, before + 1)
    last = part(input, dim, length - 1 - after, length - 1)
    return flip(first, dim), flip(last, dim)


def _replicated(input: Tensor, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    length = input.shape[dim]

    def stretched(at: int, count: int) -> Tensor:
        border = part(input, dim, at, at + 1)
        shape = (*border.shape[:dim], count, *border.shape[dim + 1 :])
        return ops.expand(border, shape=shape)  # type: ignore[no-any-return]

    return stretched(0, before), stretched(length - 1, after)


def _wrapped(input: Tensor, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    length = input.shape[dim]
    return part(input, dim, length - before, length), part(input, dim, 0, after)


_BORDERS: dict[str, Border] = {"reflect": _reflected, "replicate": _replicated, "circular": _wrapped}
