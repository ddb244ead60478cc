"""Making tensors: from data, filled with one number, and like another tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from koubai import devices, dtypes
from koubai.dtypes import DTypeLike
from koubai.engine.tensor import Tensor
from koubai.functions.operands import Operand, as_type, method, one_shape, scalar, to_tensor
from koubai.functions.placing import on_device, placed
from koubai.ops.movement import alias, expand

Sizes = Sequence[int]


def tensor(data: Any, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a new tensor with a copy of `data`.

    Args:
        data: a number, nested lists of numbers, a NumPy array, or a tensor.
        dtype: the element type; by default NumPy arrays keep theirs and Python floats become float32.
        device: where it will live; None means the CPU.
        requires_grad: whether gradients are computed for it.

    Raises:
        TypeError: if the data are no numbers, or of a type that Koubai has not.
        ValueError: if nested lists differ in length.

    Example:
        >>> koubai.tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
    """
    chosen = None if dtype is None else dtypes.as_dtype(dtype)
    made = data.detach().clone() if isinstance(data, Tensor) else to_tensor(data, chosen)
    if chosen is not None:
        made = as_type(made, chosen)
    if isinstance(data, np.ndarray):
        made = Tensor(made._values("tensor()").copy())
    return on_device(made, device).requires_grad_(requires_grad)


def from_numpy(array: Any) -> Tensor:
    """Return a tensor that shares the memory of `array`, which must not be changed while the tensor is in use."""
    return Tensor(np.asarray(array).astype(dtypes.as_dtype(array.dtype), copy=False))


def as_tensor(data: Any, dtype: DTypeLike = None, device: Any = None) -> Tensor:
    """Return `data` as a tensor, without a copy where possible."""
    chosen = None if dtype is None else dtypes.as_dtype(dtype)
    made = on_device(to_tensor(data, chosen), device)
    return made if chosen is None else as_type(made, chosen)


asarray = as_tensor


def scalar_tensor(
    s: Any, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a number as a zero-dimensional tensor of the default floating type (or `dtype`)."""
    return full((), s, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


def full(
    size: Sizes,
    fill_value: Operand,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of shape `size` filled with a number.

    Args:
        size: the shape.
        fill_value: the number, which gives the dtype unless `dtype` does.
        dtype: the element type.
        device: where it will live; None means the CPU.
        requires_grad: whether gradients are computed for it.
    """
    where = devices.place(device)
    shape = _shape((size,) if isinstance(size, int) else tuple(size))
    if isinstance(fill_value, Tensor):
        filled = expand(on_device(fill_value.detach(), where), shape=shape)
        made = alias(filled if dtype is None else as_type(filled, dtypes.as_dtype(dtype)))
        return made.clone().requires_grad_(requires_grad)  # type: ignore[no-any-return]
    chosen = dtypes.scalar_dtype(fill_value) if dtype is None else dtypes.as_dtype(dtype)
    number: Any = scalar(fill_value, chosen).payload
    try:
        return Tensor(devices.full(shape, number, where), requires_grad)
    except (MemoryError, ValueError) as error:  # NumPy raises the latter where bytes cannot even be counted
        amount = math.prod(shape) * chosen.itemsize
        raise MemoryError(
            f"a tensor {chosen}{list(shape)} takes {amount:,} bytes, which cannot be had"
        ) from error


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    """Return `size` if it is a shape.

    Raises:
        RuntimeError: if a length is negative.
    """
    shape = tuple(int(length) for length in size)
    if any(length < 0 for length in shape):
        raise RuntimeError(f"a shape has no negative lengths, got {list(shape)}")
    return shape


def _filled(name: str, value: int, what: str) -> Any:
    """Make the function, the function `_like` and the method `new_` that fill with `value`."""

    def new(
        *sizes: Any,
        size: Sizes | None = None,
        dtype: DTypeLike = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        shape = one_shape(sizes) if size is None else tuple(size)
        chosen = dtype or dtypes.get_default_dtype()
        return full(shape, value, dtype=chosen, device=device, requires_grad=requires_grad)

    def like(
        input: Tensor, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        kind = {"dtype": dtype or input.dtype, "device": input.device if device is None else device}
        return full(input.shape, value, requires_grad=requires_grad, **kind)

    def new_method(
        input: Tensor, *sizes: Any, dtype: DTypeLike = None, device: Any = None, **options: Any
    ) -> Tensor:
        return new(
            *sizes, dtype=dtype or input.dtype, device=input.device if device is None else device, **options
        )

    new.__doc__ = f"Return a tensor of {what}: `{name}(2, 3)` or `{name}((2, 3))`."
    like.__doc__ = f"Return {what} of the shape and (unless given) dtype and device of `input`."
    new_method.__doc__ = f"Return {what} of shape `sizes`, of this tensor's dtype and device unless given."
    for function, title in ((new, name), (like, f"{name}_like"), (new_method, f"new_{name}")):
        function.__name__ = function.__qualname__ = title
    method(new_method)
    return new, method(like)


zeros, zeros_like = _filled("zeros", 0, "zeros")
ones, ones_like = _filled("ones", 1, "ones")
# Memory with whatever it holds is of no use where arrays never change in place.
empty, empty_like = _filled("empty", 0, "numbers that are to be replaced (here: zeros)")


@method
def full_like(
    input: Tensor,
    fill_value: Operand,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor filled with `fill_value`, of the shape and (unless given) dtype and device of `input`."""
    kind = {"dtype": dtype or input.dtype, "device": input.device if device is None else device}
    return full(input.shape, fill_value, requires_grad=requires_grad, **kind)


@method
def new_full(
    input: Tensor,
    size: Sizes,
    fill_value: Operand,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    **options: Any,
) -> Tensor:
    """Return a tensor of shape `size` filled with `fill_value`, of this tensor's dtype and device unless given."""
    return full(
        size,
        fill_value,
        dtype=dtype or input.dtype,
        device=input.device if device is None else device,
        **options,
    )


@method
def new_tensor(
    input: Tensor, data: Any, *, dtype: DTypeLike = None, device: Any = None, **options: Any
) -> Tensor:
    """Return a new tensor with a copy of `data`, of this tensor's dtype and device unless given."""
    return tensor(
        data, dtype=dtype or input.dtype, device=input.device if device is None else device, **options
    )


def eye(
    n: int, m: int | None = None, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return an `n` by `m` (by default square) matrix with ones on the diagonal and zeros elsewhere."""
    rows, columns = _shape((n, n if m is None else m))
    chosen = dtypes.as_dtype(dtype)
    return placed(np.eye(rows, columns, dtype=chosen), device, requires_grad)


__all__ = [
    "as_tensor",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]
