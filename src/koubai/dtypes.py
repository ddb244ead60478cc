"""The element types, and the one function that decides which type an operation on mixed types has.

The rules are PyTorch's: three categories (bool < integer < floating); an operand of a higher category decides;
within one category tensors with dimensions outrank zero-dimensional tensors, which outrank Python numbers.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import typing

__all__ = [
    "bool",
    "double",
    "dtype",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "half",
    "iinfo",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "promote_types",
    "set_default_dtype",
    "short",
    "uint8",
]

DType = np.dtype[Any]
dtype = np.dtype  # what PyTorch calls the class of types
DTypeLike = (
    typing.DTypeLike | None
)  # whatever names a type; None usually stands for the default floating type

bool = bool_ = np.dtype(np.bool_)
uint8 = np.dtype(np.uint8)
int8 = np.dtype(np.int8)
int16 = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
float16 = half = np.dtype(np.float16)
float32 = float = np.dtype(np.float32)
float64 = double = np.dtype(np.float64)
short, int, long = int16, int32, int64

ALL = (bool_, uint8, int8, int16, int32, int64, float16, float32, float64)
finfo, iinfo = np.finfo, np.iinfo  # limits of a type: finfo(float32).eps, iinfo(int8).max
_RANK = {dtype: rank for rank, dtype in enumerate(ALL)}
_default = float32


def get_default_dtype() -> DType:
    """Return the floating type that new tensors of Python floats get (float32 unless changed)."""
    return _default


def set_default_dtype(dtype: DTypeLike) -> None:
    """Make `dtype` the type of new floating tensors.

    Raises:
        TypeError: if `dtype` is not a floating type.
    """
    global _default
    chosen = as_dtype(dtype)
    if not is_floating(chosen):
        raise TypeError(f"only floating-point types can be the default type, got {chosen}")
    _default = chosen


def as_dtype(dtype: DTypeLike) -> DType:
    """Return `dtype` as one of Koubai's types; None and Python's `float` mean the default floating type.

    Raises:
        TypeError: if Koubai has no such type (complex, unsigned 16 bits and wider, strings, objects).
    """
    if dtype is None or dtype is builtins.float:
        return _default
    found = np.dtype(dtype)
    if found not in _RANK:
        names = ", ".join(str(known) for known in ALL)
        raise TypeError(f"koubai has no element type {found}; its types are {names}")
    return found


def is_floating(dtype: DType) -> builtins.bool:
    """Tell whether `dtype` is a floating-point type."""
    return dtype.kind == "f"


def category(dtype: DType) -> builtins.int:
    """Return 0 for bool, 1 for integers, 2 for floating types."""
    return {"b": 0, "f": 2}.get(dtype.kind, 1)


def scalar_dtype(number: builtins.bool | builtins.int | builtins.float) -> DType:
    """Return the type that a bare Python number has as a tensor."""
    if isinstance(number, builtins.bool | np.bool_):
        return bool_
    return int64 if isinstance(number, builtins.int | np.integer) else _default


def promote_types(first: DType, second: DType) -> DType:
    """Return the smallest type to which both convert safely, by PyTorch's table."""
    if category(first) != category(second):
        return max(first, second, key=category)
    if first != second and uint8 in (
        first,
        second,
    ):  # uint8 with a signed type needs the next wider signed one
        other = second if first == uint8 else first
        return int16 if other == int8 else other
    return max(first, second, key=_RANK.__getitem__)


def result_type(operands: Iterable[tuple[DType, builtins.int | None]]) -> DType:
    """Return the type of an operation on `operands`, each given as (dtype, number of dimensions).

    A Python number is given with `None` dimensions.

    Example:
        >>> result_type([(float32, 2), (float64, 0)])   # a matrix and a zero-dimensional tensor
        dtype('float32')
    """
    by_priority: dict[builtins.int, DType] = {}
    for dtype, ndim in operands:
        priority = 0 if ndim is None else 1 if ndim == 0 else 2
        known = by_priority.get(priority)
        by_priority[priority] = dtype if known is None or known == dtype else promote_types(known, dtype)
    result: DType | None = None
    for priority in sorted(by_priority, reverse=True):
        dtype = by_priority[priority]
        if result is None or category(dtype) > category(result):
            result = dtype
    assert result is not None, "an operation has at least one operand"
    return result
