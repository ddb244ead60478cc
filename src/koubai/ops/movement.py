"""Movements: ops that only say which element of the input stands where in the result. Most of them are views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from koubai.dtypes import DType
from koubai.ops.elementwise import cast, where
from koubai.ops.op import Array, Kind, Op, Shape, ShapeError, Symbol, broadcast_shapes, describe, same_rule

Span = tuple[int, int, int]  # start, stop, step of one dimension; 0 <= start, stop <= length, step >= 1


def movement(name: str, forward: Any, infer: Any, **more: Any) -> Op:
    """Declare a movement."""
    return Op(name, Kind.MOVEMENT, forward, infer, **more)


def _indices(spans: Sequence[Span]) -> tuple[slice, ...]:
    return tuple(slice(*span) for span in spans)


# --- rules


def _reshape_rule(x: Symbol, *, shape: Shape) -> Symbol:
    if math.prod(shape) != x.size:
        raise ShapeError(f"{describe([x])} has {x.size} elements and cannot take the shape {list(shape)}")
    return Symbol(tuple(shape), x.dtype)


def _permute_rule(x: Symbol, *, dims: Shape) -> Symbol:
    if sorted(dims) != list(range(x.ndim)):
        raise ShapeError(f"dims {list(dims)} do not name each dimension of {describe([x])} once")
    return Symbol(tuple(x.shape[dim] for dim in dims), x.dtype)


def _expand_rule(x: Symbol, *, shape: Shape) -> Symbol:
    if len(shape) < x.ndim or broadcast_shapes(x.shape, shape) != tuple(shape):
        raise ShapeError(
            f"{describe([x])} cannot be expanded to {list(shape)}: only dimensions of size 1 stretch"
        )
    return Symbol(tuple(shape), x.dtype)


def _slice_rule(x: Symbol, *, spans: Sequence[Span]) -> Symbol:
    return Symbol(tuple(len(range(*span)) for span in spans), x.dtype)


def _place_rule(x: Symbol, *, shape: Shape, spans: Sequence[Span], fill: float) -> Symbol:
    return Symbol(tuple(shape), x.dtype)


def _assign_slice_rule(x: Symbol, value: Symbol, *, spans: Sequence[Span]) -> Symbol:
    _expand_rule(value, shape=_slice_rule(x, spans=spans).shape)
    return Symbol(x.shape, x.dtype)


def _cat_rule(*xs: Symbol, dim: int) -> Symbol:
    first = xs[0]
    for x in xs:
        if x.ndim != first.ndim or any(
            a != b for axis, (a, b) in enumerate(zip(x.shape, first.shape)) if axis != dim
        ):
            raise ShapeError(
                f"{describe(xs)} differ in another dimension than {dim}, along which they are joined"
            )
    length = sum(x.shape[dim] for x in xs)
    return Symbol((*first.shape[:dim], length, *first.shape[dim + 1 :]), first.dtype)


def _unfold_rule(x: Symbol, *, dim: int, size: int, step: int) -> Symbol:
    length = x.shape[dim]
    if not 0 <= size <= length:
        raise ShapeError(f"windows of size {size} do not fit into dimension {dim} of {describe([x])}")
    if step < 1:
        raise ShapeError(f"the step from window to window must be at least 1, got {step}")
    return Symbol((*x.shape[:dim], (length - size) // step + 1, *x.shape[dim + 1 :], size), x.dtype)


def _fold_rule(windows: Symbol, *, dim: int, length: int, step: int) -> Symbol:
    return Symbol((*windows.shape[:dim], length, *windows.shape[dim + 1 : -1]), windows.dtype)


def _bits_rule(x: Symbol, *, dtype: DType) -> Symbol:
    """The last dimension grows or shrinks as the elements do in bytes."""
    if x.dtype.itemsize == dtype.itemsize:
        return Symbol(x.shape, dtype)
    if x.ndim == 0 or x.shape[-1] * x.dtype.itemsize % dtype.itemsize:
        raise ShapeError(
            f"the bytes along the last dimension of {describe([x])} do not make whole {dtype} elements"
        )
    return Symbol((*x.shape[:-1], x.shape[-1] * x.dtype.itemsize // dtype.itemsize), dtype)


# --- forwards that are more than one call


def _place(xp: Any, x: Array, *, shape: Shape, spans: Sequence[Span], fill: float) -> Array:
    out = xp.full(shape, fill, dtype=x.dtype)
    out[_indices(spans)] = x
    return out


def _assign_slice(xp: Any, x: Array, value: Array, *, spans: Sequence[Span]) -> Array:
    out = x.copy()
    out[_indices(spans)] = value
    return out


def _unfold(xp: Any, x: Array, *, dim: int, size: int, step: int) -> Array:
    windows = xp.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return windows[(slice(None),) * dim + (slice(None, None, step),)]


def _fold(xp: Any, windows: Array, *, dim: int, length: int, step: int) -> Array:
    *outer, size = windows.shape
    count = outer[dim]
    out = xp.zeros((*outer[:dim], length, *outer[dim + 1 :]), windows.dtype)
    for start in range(size):  # the elements at one place of all windows lie apart, so they are added at once
        places = slice(start, start + step * (count - 1) + 1, step)
        out[(slice(None),) * dim + (places,)] += windows[..., start]
    return out


def _assign_windows(x: Any, value: Any, *, dim: int, size: int, step: int) -> Any:
    if size > step:
        raise RuntimeError(
            f"cannot write into overlapping windows (size {size}, step {step}): several of their elements are the "
            "same element of the base; clone() them first"
        )
    places = {"dim": dim, "length": x.shape[dim], "step": step}
    covered = fold(expand(x.new_ones(()), shape=value.shape), **places)
    return where(covered != 0, fold(value, **places), x)


def _cat_gradient(g: Any, xs_like: Sequence[Symbol], dim: int) -> tuple[Any, ...]:
    pieces, start = [], 0
    whole = [(0, length, 1) for length in g.shape]
    for x in xs_like:
        stop = start + x.shape[dim]
        pieces.append(slice_(g, spans=(*whole[:dim], (start, stop, 1), *whole[dim + 1 :])))
        start = stop
    return tuple(pieces)


def inverse(dims: Sequence[int]) -> Shape:
    """Return the permutation that undoes `dims`."""
    return tuple(sorted(range(len(dims)), key=dims.__getitem__))


alias = movement("alias", lambda xp, x: x, same_rule, assign=lambda x, value: value, x=lambda g: g)
detach = movement("detach", lambda xp, x: x, same_rule)  # no gradient passes
# The same values, of which a compiler may not know that they are the same: what follows from them is computed again.
again = movement("again", lambda xp, x: x, same_rule, assign=lambda x, value: value, x=lambda g: g)
reshape: Op = movement(
    "reshape",
    lambda xp, x, *, shape: x.reshape(shape),
    _reshape_rule,
    assign=lambda x, value, *, shape: reshape(value, shape=x.shape),
    x=lambda g, x_like: reshape(g, shape=x_like.shape),
)
permute: Op = movement(
    "permute",
    lambda xp, x, *, dims: x.transpose(dims),
    _permute_rule,
    assign=lambda x, value, *, dims: permute(value, dims=inverse(dims)),
    x=lambda g, dims: permute(g, dims=inverse(dims)),
)


def _assign_expanded(x: Any, value: Any, *, shape: Shape) -> Any:
    """Replace all of `x`, if `shape` only adds dimensions of size 1."""
    if math.prod(shape) == math.prod(x.shape):
        return reshape(value, shape=x.shape)
    raise RuntimeError(
        f"cannot write into a view expanded from {list(x.shape)} to {list(shape)}: several of its elements are the "
        "same element of the base; clone() it first"
    )


def _expand_gradient(g: Any, x_like: Symbol) -> Any:
    from koubai.ops.reduce import sum_to

    return sum_to(g, x_like.shape)


expand: Op = movement(
    "expand",
    lambda xp, x, *, shape: xp.broadcast_to(x, shape),
    _expand_rule,
    assign=_assign_expanded,
    x=_expand_gradient,
)
slice_: Op = movement(
    "slice",
    lambda xp, x, *, spans: x[_indices(spans)],
    _slice_rule,
    assign=lambda x, value, *, spans: assign_slice(x, value, spans=spans),
    x=lambda g, x_like, spans: place(g, shape=x_like.shape, spans=spans, fill=0),
)
# An array of `shape` filled with `fill`, with x at `spans`.
place: Op = movement("place", _place, _place_rule, x=lambda g, spans: slice_(g, spans=spans))
# x with the part at `spans` replaced by value.
assign_slice: Op = movement(
    "assign_slice",
    _assign_slice,
    _assign_slice_rule,
    x=lambda g, value_like, spans: assign_slice(g, g.new_zeros(()), spans=spans),
    value=lambda g, value_like, spans: _expand_gradient(slice_(g, spans=spans), value_like),
)
flip: Op = movement(
    "flip", lambda xp, x, *, dims: xp.flip(x, dims), same_rule, x=lambda g, dims: flip(g, dims=dims)
)
cat: Op = movement("cat", lambda xp, *xs, dim: xp.concatenate(xs, axis=dim), _cat_rule, xs=_cat_gradient)
# The windows of `size` elements along dim, every `step`: (…, length, …) -> (…, windows, …, size).
unfold: Op = movement(
    "unfold",
    _unfold,
    _unfold_rule,
    assign=_assign_windows,
    x=lambda g, x_like, dim, step: fold(g, dim=dim, length=x_like.shape[dim], step=step),
)
# The adjoint of unfold: windows are put back to their places and added up where they overlap.
fold: Op = movement(
    "fold",
    _fold,
    _fold_rule,
    windows=lambda g, windows_like, dim, step: unfold(g, dim=dim, size=windows_like.shape[-1], step=step),
)

# The same bytes read as elements of another type; no gradient passes.
bits: Op = movement(
    "bits",
    lambda xp, x, *, dtype: xp.ascontiguousarray(x).reshape(x.shape).view(dtype),
    _bits_rule,
    assign=lambda x, value, *, dtype: bits(value, dtype=x.dtype),
)

__all__ = [
    "Span",
    "again",
    "alias",
    "assign_slice",
    "bits",
    "cast",
    "cat",
    "detach",
    "expand",
    "flip",
    "fold",
    "inverse",
    "permute",
    "place",
    "reshape",
    "slice_",
    "unfold",
]
