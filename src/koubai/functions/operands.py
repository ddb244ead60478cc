"""What every function does with its arguments first: numbers become tensors, types are promoted, dimensions checked.

`method` makes a function a method of `Tensor` too, and with `in_place=True` gives it its form that ends in `_`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar, overload

import numpy as np

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.ops.elementwise import cast

Number = bool | int | float
Operand = Tensor | Number
Dims = int | Sequence[int] | None
_NUMBERS = (int, float)
_KNOWN = (Tensor, *_NUMBERS)
IN_PLACE: dict[str, Callable[..., Any]] = {}  # the in-place methods, which are functions too
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


@overload
def method(function: AnyFunction) -> AnyFunction: ...
@overload
def method(*, names: Iterable[str] = (), in_place: bool = False) -> Callable[[AnyFunction], AnyFunction]: ...
def method(
    function: AnyFunction | None = None, *, names: Iterable[str] = (), in_place: bool = False
) -> AnyFunction | Callable[[AnyFunction], AnyFunction]:
    """Attach a function to `Tensor` under its own name, or under `names` instead.

    Args:
        function: takes the tensor first.
        names: the method names, when they differ from the function's.
        in_place: add the in-place method `name_` as well.
    """

    def attach(function: AnyFunction) -> AnyFunction:
        for name in names or (function.__name__,):
            setattr(Tensor, name, function)
            if in_place:
                IN_PLACE[f"{name}_"] = changing = _in_place(function, f"{name}_")
                setattr(Tensor, f"{name}_", changing)
        return function

    return attach if function is None else attach(function)


def _in_place(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the method that stores what `function` returns in its first argument."""

    @wraps(function)
    def store(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self._become(function(self._snapshot(), *args, **kwargs), name)

    store.__name__ = name
    store.__doc__ = f"In-place form of `{function.__name__}`: changes this tensor and returns it."
    return store


def view_method(function: AnyFunction) -> AnyFunction:
    """Attach a function that returns a view to `Tensor`, and its in-place form: the tensor itself becomes that view."""
    name = f"{function.__name__}_"

    @wraps(function)
    def become(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self._become_view(lambda before: function(before, *args, **kwargs), name)

    become.__name__ = name
    become.__doc__ = (
        f"In-place form of `{function.__name__}`: gives this tensor the shape of that view and returns it."
    )
    setattr(Tensor, name, become)
    return method(function)


def scalar(value: Number, dtype: dtypes.DType) -> Tensor:
    """Return a number as a zero-dimensional tensor; one that a type of integers cannot hold wraps around."""
    return Tensor(np.asarray(value, dtype) if dtype.kind == "f" else np.asarray(value).astype(dtype))


def to_tensor(value: Any, floating: dtypes.DType | None = None) -> Tensor:
    """Return a tensor as it is; a number, array or nested list as a new tensor.

    Python floats become `floating`, by default the default floating type.
    """
    if isinstance(value, Tensor):
        return value
    array = _as_array(value)
    if not isinstance(value, np.ndarray | np.generic) and dtypes.is_floating(array.dtype):
        array = array.astype(dtypes.get_default_dtype() if floating is None else floating)
    return Tensor(array.astype(dtypes.as_dtype(array.dtype), copy=False))


def _as_array(value: Any) -> Any:
    """Return an array of numbers.

    Raises:
        ValueError: if nested lists differ in length, naming one that does.
    """
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"these lists do not make a tensor: {_uneven(value, 'data') or error}") from None


def _uneven(items: Any, path: str) -> str | None:
    """Say which of the nested lists at `path` has another length than the first beside it, or is a number."""
    lengths = [len(item) if hasattr(item, "__len__") else None for item in items]
    for place, length in enumerate(lengths):
        if length != lengths[0]:
            first, other = (f"{path}[{at}] {_extent(lengths[at])}" for at in (0, place))
            return f"{first}, but {other}"
    below = (_uneven(item, f"{path}[{place}]") for place, item in enumerate(items) if lengths[place])
    return next((found for found in below if found), None)


def _extent(length: int | None) -> str:
    return "is a number" if length is None else f"has length {length}"


def promote(*operands: Any, to_float: bool = False) -> tuple[Tensor, ...]:
    """Return the operands as tensors of their common type; with `to_float`, integers become the default float."""
    common = _one_type(operands)
    if common is None:
        operands = tuple([o if isinstance(o, _KNOWN) else to_tensor(o) for o in operands])
        common = dtypes.result_type(_type_and_rank(operand) for operand in operands)
    if to_float and not dtypes.is_floating(common):
        common = dtypes.get_default_dtype()
    return tuple([as_type(operand, common) for operand in operands])


def _one_type(operands: tuple[Any, ...]) -> dtypes.DType | None:
    """Return the type of operands that are all of one floating type or plain numbers, the usual case; else None."""
    common = None
    for operand in operands:
        if isinstance(operand, Tensor):
            dtype = operand.dtype
            if dtype.kind != "f" or (common is not None and dtype != common):
                return None
            common = dtype
        elif not isinstance(operand, _NUMBERS):
            return None
    return common


def as_type(operand: Operand, dtype: dtypes.DType) -> Tensor:
    """Return the operand as a tensor of `dtype`."""
    if not isinstance(operand, Tensor):
        return scalar(operand, dtype)
    return operand if operand.dtype == dtype else cast(operand, dtype=dtype)


def as_float(operand: Operand) -> Tensor:
    """Return the operand as a floating tensor: integers become the default float."""
    (result,) = promote(operand, to_float=True)
    return result


def _type_and_rank(operand: Operand) -> tuple[dtypes.DType, int | None]:
    if isinstance(operand, Tensor):
        return operand.dtype, operand.ndim
    return dtypes.scalar_dtype(operand), None


def normalize_dim(dim: int, ndim: int) -> int:
    """Return `dim` counted from the front.

    Raises:
        IndexError: if there is no such dimension.
    """
    ndim = max(ndim, 1)
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"dimension {dim} is out of range: a tensor with {ndim} dimensions has {-ndim} to {ndim - 1}"
        )
    return dim % ndim


def normalize_dims(dim: Dims, ndim: int) -> tuple[int, ...]:
    """Return dimensions counted from the front, in order; None and () mean all of them.

    Raises:
        IndexError: if there is no such dimension.
        RuntimeError: if one is named twice.
    """
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return tuple(range(ndim))
    dims = tuple(normalize_dim(d, ndim) for d in ((dim,) if isinstance(dim, int) else dim))
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"a dimension is named twice in {dim}")
    return tuple(d for d in sorted(dims) if d < ndim)


def one_shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Read a shape given as separate numbers or as one sequence."""
    if len(shape) == 1 and isinstance(shape[0], Sequence):
        shape = tuple(shape[0])
    return tuple(int(length) for length in shape)
