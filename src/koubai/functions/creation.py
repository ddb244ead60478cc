"""Making tensors: from data, filled, in ranges, and like another tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from koubai import dtypes
from koubai.functions.operands import Number, method, one_shape, to_tensor
from koubai.ops.movement import alias, cast
from koubai.tensor import Tensor, _make_view


def tensor(data: Any, *, dtype: DTypeLike = None, requires_grad: bool = False) -> Tensor:
    """Return a new tensor with a copy of `data`.

    Args:
        data: a number, nested lists of numbers, a NumPy array, or a tensor.
        dtype: the element type; by default NumPy arrays keep theirs and Python floats become float32.
        requires_grad: whether gradients are computed for it.
    """
    if isinstance(data, Tensor):
        data = data.detach().numpy()
    made = to_tensor(data)
    array = made.numpy().astype(made.dtype if dtype is None else dtypes.as_dtype(dtype), copy=True)
    return Tensor(array, requires_grad)


def from_numpy(array: Any) -> Tensor:
    """Return a tensor that shares the memory of `array`, which must not be changed while the tensor is in use."""
    return Tensor(np.asarray(array).astype(dtypes.as_dtype(array.dtype), copy=False))


def as_tensor(data: Any, dtype: DTypeLike = None) -> Tensor:
    """Return `data` as a tensor, without a copy where possible."""
    made = to_tensor(data)
    return made if dtype is None else made.to(dtypes.as_dtype(dtype))


def full(*size: Any, fill_value: Number | None = None, dtype: DTypeLike = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of shape `size` filled with `fill_value`: `full((2, 3), 7.0)`."""
    if fill_value is None:
        *size, fill_value = size  # type: ignore[assignment]
    chosen = dtypes.scalar_dtype(fill_value) if dtype is None else dtypes.as_dtype(dtype)  # type: ignore[arg-type]
    return Tensor(np.full(one_shape(tuple(size)), fill_value, chosen), requires_grad)


def zeros(*size: Any, dtype: DTypeLike = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    chosen = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return Tensor(np.zeros(one_shape(size), chosen), requires_grad)


def ones(*size: Any, dtype: DTypeLike = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones: `ones(2, 3)` or `ones((2, 3))`."""
    chosen = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return Tensor(np.ones(one_shape(size), chosen), requires_grad)


@method
def zeros_like(input: Tensor, *, dtype: DTypeLike = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of the shape and (unless given) dtype of `input`."""
    return zeros(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


@method
def ones_like(input: Tensor, *, dtype: DTypeLike = None, requires_grad: bool = False) -> Tensor:
    """Return ones of the shape and (unless given) dtype of `input`."""
    return ones(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


@method
def new_zeros(input: Tensor, *size: Any, dtype: DTypeLike = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of shape `size`, of the dtype of `input` unless given."""
    return zeros(*size, dtype=dtype or input.dtype, requires_grad=requires_grad)


@method
def clone(input: Tensor) -> Tensor:
    """Return a copy in a cell of its own; gradients flow back to `input`."""
    copy: Tensor = alias(input)
    copy._view = None
    copy._version = type(copy._version)()
    return copy


@method
def detach(input: Tensor) -> Tensor:
    """Return the same values, cut off from the graph. It is a view: a change in place changes `input` too."""
    cut = Tensor(input.payload)
    _make_view(cut, input, alias, {}, tracked=False)
    return cut


@method
def to(input: Tensor, *args: Any, dtype: DTypeLike = None, copy: bool = False) -> Tensor:
    """Return the tensor in another dtype: `x.to(koubai.float64)`, or the dtype of another tensor: `x.to(y)`."""
    for argument in args:
        if isinstance(argument, Tensor):
            dtype = argument.dtype
        elif not isinstance(argument, str | bool):
            dtype = argument
    chosen = input.dtype if dtype is None else dtypes.as_dtype(dtype)
    if chosen == input.dtype:
        return clone(input) if copy else input
    return cast(input, dtype=chosen)
