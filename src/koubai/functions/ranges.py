"""Numbers in a row: `arange`, `linspace`, `logspace`; the indices of triangles; and classes as rows of 0 and 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.dtypes import DTypeLike
from koubai.engine.modes import modes
from koubai.engine.tensor import Tensor
from koubai.functions.operands import Operand, method
from koubai.functions.placing import placed
from koubai.ops import elementwise as ops


def arange(
    start: Operand,
    end: Operand | None = None,
    step: Operand = 1,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the numbers from `start` up to but not including `end`: `arange(5)`, `arange(1, 2.5, 0.5)`.

    Args:
        start: the first number; 0 when only one number is given, which is then the end.
        end: where to stop.
        step: the distance between neighbours, not 0.
        dtype: by default int64 if all three are whole, else the default floating type.
        device: where it will live; None means the CPU.
        requires_grad: whether gradients are computed for it.

    Raises:
        RuntimeError: if the step is 0 or leads away from `end`.
    """
    if end is None:
        start, end = 0, start
    first, last, by = (_number(value) for value in (start, end, step))
    if by == 0 or (last - first) * by < 0:
        raise RuntimeError(f"arange: steps of {by} do not lead from {first} to {last}")
    if dtype is not None and not dtypes.is_floating(dtypes.as_dtype(dtype)):
        first, last, by = int(first), int(last), int(by)
    whole = all(isinstance(number, int) for number in (first, last, by))
    chosen = (
        dtypes.as_dtype(dtype) if dtype is not None else dtypes.int64 if whole else dtypes.get_default_dtype()
    )
    count = -((first - last) // by) if whole else math.ceil((last - first) / by)
    numbers = np.arange(count) * (by if whole else float(by)) + first
    return placed(numbers.astype(chosen), device, requires_grad)


def _number(value: Operand) -> Any:
    return value.item() if isinstance(value, Tensor) else value


def _spaced(start: Operand, end: Operand, steps: int, dtype: dtypes.DType) -> Any:
    """Return `steps` numbers from `start` to `end` as an array, computed from both ends towards the middle."""
    if steps < 0:
        raise RuntimeError(f"the number of steps must not be negative, got {steps}")
    first, last = _number(start), _number(end)
    if not dtypes.is_floating(dtype):
        first, last = int(first), int(last)
    by = (last - first) / max(steps - 1, 1)
    order = np.arange(steps)
    return np.where(order < (steps + 1) // 2, first + by * order, last - by * (steps - 1 - order))


def linspace(
    start: Operand,
    end: Operand,
    steps: int,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `steps` evenly spaced numbers from `start` to `end`, both included."""
    chosen = dtypes.as_dtype(dtype)
    return placed(_spaced(start, end, steps, chosen).astype(chosen), device, requires_grad)


def logspace(
    start: Operand,
    end: Operand,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `steps` numbers from `base**start` to `base**end`, evenly spaced on a logarithmic scale."""
    chosen = dtypes.as_dtype(dtype)
    return placed((base ** _spaced(start, end, steps, chosen)).astype(chosen), device, requires_grad)


def _triangle(indices: Any, row: int, col: int, offset: int, dtype: DTypeLike, device: Any) -> Tensor:
    return placed(np.stack(indices(row, offset, col)).astype(dtypes.as_dtype(dtype)), device)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DTypeLike = dtypes.int64, device: Any = None
) -> Tensor:
    """Return the positions of a `row` by `col` matrix's lower triangle: (2, count), rows first.

    Args:
        row: number of rows.
        col: number of columns.
        offset: which diagonal is the last one: 0 the main one, 1 the next to the right.
        dtype: the element type.
        device: where it will live; None means the CPU.
    """
    return _triangle(np.tril_indices, row, col, offset, dtype, device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DTypeLike = dtypes.int64, device: Any = None
) -> Tensor:
    """Return the positions of a `row` by `col` matrix's upper triangle: (2, count); arguments as `tril_indices`."""
    return _triangle(np.triu_indices, row, col, offset, dtype, device)


@method
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return each class number as a row of zeros with a one at its place.

    Args:
        tensor: int64 class numbers, of any shape (…).
        num_classes: how many classes there are; -1 takes the largest number plus one.

    Returns:
        int64 of shape (…, num_classes).

    Raises:
        RuntimeError: if the classes are no int64 numbers, or one is negative or not below `num_classes`.
    """
    if tensor.dtype != dtypes.int64:
        raise RuntimeError(
            f"one_hot: classes must be int64 numbers, got {tensor.dtype}; convert with .long()"
        )
    if num_classes == -1:
        num_classes = int(tensor.max().item()) + 1
    if modes.tracer is None and not bool(((tensor >= 0) & (tensor < num_classes)).all()):
        raise RuntimeError(f"one_hot: every class must be from 0 to {num_classes - 1}")
    return ops.cast(tensor.unsqueeze(-1) == arange(num_classes), dtype=dtypes.int64)  # type: ignore[no-any-return]


__all__ = ["arange", "linspace", "logspace", "one_hot", "tril_indices", "triu_indices"]
