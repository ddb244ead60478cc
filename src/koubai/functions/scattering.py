"""Writing elements to positions that are data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.gathering import along, as_line, checked_index, checked_mask, flat, reshaped
from koubai.functions.operands import Number, as_type, method, normalize_dim, to_tensor
from koubai.ops import elementwise, movement
from koubai.ops import gather as ops
from koubai.ops.op import Op, ShapeError, broadcast_shapes, describe

__all__ = [
    "index_add",
    "index_copy",
    "index_fill",
    "index_reduce",
    "masked_fill",
    "masked_scatter",
    "put",
    "scatter",
    "scatter_add",
    "scatter_reduce",
]

Put = Callable[[Tensor, Tensor | Number, Op], Tensor]


def _placer(input: Tensor, dim: int, index: Tensor, by: str) -> Put:
    """Return `put(target, values, write)`, which writes to the places that `index` points to along `dim`.

    `target` has the shape of `input`, and `values`, nowhere smaller, gives as many elements as the index has.
    """
    at, line, places = normalize_dim(dim, input.ndim), as_line(input), as_line(index)
    positions = along(places, line.shape, at, by) if index.numel() else None

    def put(target: Tensor, values: Tensor | Number, write: Op) -> Tensor:
        if positions is None:
            return target.clone()
        if isinstance(values, Tensor):
            values = _as_large_as(as_line(same_type(values, input, by)), places, by)
        written = write(flat(target), positions, as_type(values, input.dtype), dim=0)
        return reshaped(written, input.shape)

    return put


def _as_large_as(src: Tensor, index: Tensor, by: str) -> Tensor:
    """Return the first elements of `src`, as many along each dimension as the index has."""
    if src.ndim != index.ndim or any(n > length for n, length in zip(index.shape, src.shape)):
        raise ShapeError(
            f"{by}: the index {list(index.shape)} must not be larger than the source {list(src.shape)}"
        )
    if src.shape == index.shape:
        return src
    return movement.slice_(src, spans=tuple((0, n, 1) for n in index.shape))  # type: ignore[no-any-return]


def same_type(src: Tensor, input: Tensor, by: str) -> Tensor:
    """Return `src`.

    Raises:
        RuntimeError: if its element type is not that of `input`.
    """
    if src.dtype != input.dtype:
        raise RuntimeError(
            f"{by}: {describe([input, src])} must have the same element type; convert with .to(dtype)"
        )
    return src


# --- places given for every element


@method(in_place=True)
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | Number | None = None,
    *,
    value: Number | None = None,
    reduce: str | None = None,
) -> Tensor:
    """Return `input` with the elements of `src` written to the places that `index` points to along `dim`.

    The counterpart of `gather`: `out[i][index[i][j]] = src[i][j]` for `dim=1`.

    Args:
        input: any tensor.
        dim: the dimension along which `index` points.
        index: integers, with as many dimensions as `input`.
        src: the elements, nowhere fewer than indices; or one number for all.
        value: the number, by name.
        reduce: "add" or "multiply" combines with what is there, instead of replacing it.

    Raises:
        IndexError: if an index is out of range (negative ones are).
        RuntimeError: if shapes or types do not fit.
        ValueError: for another `reduce`.
    """
    writes = {None: ops.index_put, "add": ops.index_add, "multiply": ops.index_mul}
    if reduce not in writes:
        raise ValueError(f'scatter: reduce must be "add" or "multiply", not {reduce!r}; see scatter_reduce')
    given = value if src is None else src
    if given is None:
        raise TypeError("scatter: src or value must be given")
    return _placer(input, dim, index, "scatter")(input, given, writes[reduce])


@method(in_place=True)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return `input` with the elements of `src` added where `index` points to along `dim`, as often as it does."""
    return _placer(input, dim, index, "scatter_add")(input, src, ops.index_add)


@method(in_place=True)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return `input` with all elements of `src` that go to one place along `dim` combined there.

    Args:
        input: any tensor.
        dim: the dimension along which `index` points.
        index: integers, with as many dimensions as `input`.
        src: the elements, nowhere fewer than indices.
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: combine with the element of `input` too; otherwise it only stays where nothing goes.

    Raises:
        IndexError: if an index is out of range.
        RuntimeError: if shapes or types do not fit.
        ValueError: for another `reduce`.

    At ties of amax and amin the gradient is shared equally. A product has the right gradient at zeros too, but not the
    right second one.
    """
    return _reduced(input, src, reduce, include_self, _placer(input, dim, index, "scatter_reduce"))


_COMBINE = {
    "sum": ops.index_add,
    "mean": ops.index_add,
    "prod": ops.index_mul,
    "amax": ops.index_max,
    "amin": ops.index_min,
}


def _reduced(input: Tensor, src: Tensor, reduce: str, include_self: bool, put: Put) -> Tensor:
    """Combine what goes to each place, by a function that writes to the places."""
    if reduce not in _COMBINE:
        raise ValueError(f"reduce must be one of {', '.join(_COMBINE)}, not {reduce!r}")
    start = input if include_self else put(input, _neutral(reduce, input.dtype), ops.index_put)
    combined = put(start, src, _COMBINE[reduce])
    if reduce != "mean":
        return combined
    ones = input.new_ones(()).expand(input.shape)
    count = put(ones if include_self else put(ones, 0, ops.index_put), 1, ops.index_add)
    divide = elementwise.div if dtypes.is_floating(input.dtype) else elementwise.floor_divide
    return divide(combined, count)  # type: ignore[no-any-return]


def _neutral(reduce: str, dtype: dtypes.DType) -> Number:
    """Return the number that changes nothing when another is combined with it."""
    if reduce in ("sum", "mean", "prod"):
        return 1 if reduce == "prod" else 0
    if dtypes.is_floating(dtype):
        return -np.inf if reduce == "amax" else np.inf
    limits = np.iinfo(dtype if dtype != dtypes.bool_ else dtypes.uint8)
    return int(limits.min if reduce == "amax" else limits.max)


# --- places given for whole slices


def _slices(input: Tensor, dim: int, index: Tensor, by: str) -> Put:
    """Return `put(target, values, write)`, which writes slices to the positions `index` (a vector) along `dim`."""
    if index.ndim > 1:
        raise IndexError(f"{by}: the index must be a vector, not of shape {list(index.shape)}")
    at = normalize_dim(dim, input.ndim)
    size = as_line(input).shape[at]
    positions = checked_index(as_line(index), size, at, by)

    def put(target: Tensor, values: Tensor | Number, write: Op) -> Tensor:
        slices = as_type(values, input.dtype)
        if isinstance(values, Tensor):
            slices = _fitting(as_line(same_type(values, input, by)), as_line(input), at, positions, by)
        written = write(as_line(target), positions, slices, dim=at)
        return reshaped(written, input.shape)

    return put


def _fitting(slices: Tensor, input: Tensor, dim: int, positions: Tensor, by: str) -> Tensor:
    """Return the slices.

    Raises:
        RuntimeError: if they are not as many as the positions, or not of the shape of `input` elsewhere.
    """
    wanted = (*input.shape[:dim], *positions.shape, *input.shape[dim + 1 :])
    if slices.shape != wanted:
        raise ShapeError(
            f"{by}: {positions.numel()} positions need a source {list(wanted)}, not {list(slices.shape)}"
        )
    return slices


@method(in_place=True)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor:
    """Return `input` with `alpha` times the slices of `source` added at the positions `index` along `dim`.

    Raises:
        IndexError: if an index is out of range (negative ones are).
        RuntimeError: if shapes or types do not fit.
    """
    scaled = source if alpha == 1 else source * as_type(alpha, source.dtype)
    return _slices(input, dim, index, "index_add")(input, scaled, ops.index_add)


@method(in_place=True)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return `input` with the slices at the positions `index` along `dim` replaced by those of `source`.

    Raises:
        IndexError: if an index is out of range (negative ones are).
        RuntimeError: if shapes or types do not fit.
    """
    return _slices(input, dim, index, "index_copy")(input, source, ops.index_put)


@method(in_place=True)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor:
    """Return `input` with the slices at the positions `index` along `dim` filled with one number.

    Raises:
        IndexError: if an index is out of range.
    """
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"index_fill: value must be a single number, not of shape {list(value.shape)}")
    at, line = normalize_dim(dim, input.ndim), as_line(input)
    positions = checked_index(as_line(index), line.shape[at], at, "index_fill")
    nowhere = positions.new_zeros((), dtype=dtypes.bool_).expand(line.shape[at])
    filled = ops.index_put(nowhere, positions, to_tensor(True), dim=0)
    mask = movement.reshape(filled, shape=(line.shape[at], *(1,) * (line.ndim - at - 1)))
    return masked_fill(line, mask, value).reshape(input.shape)


@method(in_place=True)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return `input` with the slices of `source` that go to one position along `dim` combined there.

    `reduce` and `include_self` are those of `scatter_reduce`.
    """
    return _reduced(input, source, reduce, include_self, _slices(input, dim, index, "index_reduce"))


@method(in_place=True)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return `input` with the elements of `source` written to positions of the flattened tensor.

    Args:
        input: any tensor.
        index: integers; negative ones count from the end.
        source: as many elements as positions.
        accumulate: add instead of replacing.

    Raises:
        IndexError: if an index is out of range.
        RuntimeError: if there are not as many elements as positions.
    """
    if index.numel() != source.numel():
        raise ShapeError(f"put: {index.numel()} positions need as many elements, not {source.numel()}")
    positions = checked_index(flat(index), input.numel(), 0, "put", wraps=True)
    write = ops.index_add if accumulate else ops.index_put
    written = write(flat(input), positions, flat(same_type(source, input, "put")), dim=0)
    return reshaped(written, input.shape)


# --- places given by a mask


@method(in_place=True)
def masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor:
    """Return `input` with `value` where the mask holds; both are broadcast.

    Raises:
        RuntimeError: if the mask is not bool, or `value` is not a single number.
    """
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(
            f"masked_fill: value must be a single number, not of shape {list(value.shape)}; use where"
        )
    return elementwise.where(checked_mask(mask, "masked_fill"), as_type(value, input.dtype), input)  # type: ignore[no-any-return]


@method(in_place=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return `input` with the places at which the mask holds taken, in order, from the elements of `source`.

    Raises:
        IndexError: if `source` has too few elements.
        RuntimeError: if the types differ, or the mask is not bool.
    """
    shape = broadcast_shapes(input.shape, checked_mask(mask, "masked_scatter").shape)
    chosen = mask.expand(shape)
    order = (as_type(flat(chosen), dtypes.int64).cumsum(0) * flat(chosen) - 1).clamp(min=0)
    elements = flat(same_type(source, input, "masked_scatter"))
    taken = ops.index(elements, checked_index(order, elements.shape[0], 0, "masked_scatter"), dim=0)
    return elementwise.where(chosen, movement.reshape(taken, shape=shape), input)  # type: ignore[no-any-return]
