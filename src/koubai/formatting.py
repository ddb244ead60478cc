"""How a tensor prints: `tensor([1., 2.], requires_grad=True)`, or only its shape while it has no values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.ops.op import Symbol
from koubai.tensor import Tensor

_WIDTH = 80  # of a line
_MANY = 1000  # elements; of more, only the outer ones are shown
_EDGE = 3  # how many of these at each end


def format_tensor(tensor: Tensor) -> str:
    """Write a tensor with its values, its dtype where it is not the usual one, and its recipe."""
    payload = tensor.payload
    if isinstance(payload, Symbol):
        return f"tensor(<{payload}, traced>)"
    text = f"tensor({_values(payload)}"
    for remark in _remarks(tensor, payload):
        fits = len(text) - (text.rfind("\n") + 1) + len(remark) + 3 <= _WIDTH
        text += (", " if fits else ",\n       ") + remark
    return f"{text})"


def _remarks(tensor: Tensor, array: Any) -> list[str]:
    """Return what is said behind the values."""
    remarks = []
    if array.size == 0 and array.ndim != 1:
        remarks.append(f"size={array.shape}")
    if array.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_) or (
        array.size == 0 and array.dtype != dtypes.get_default_dtype()
    ):
        remarks.append(f"dtype=koubai.{array.dtype}")
    if tensor.grad_fn is not None:
        remarks.append(f"grad_fn={tensor.grad_fn}")
    elif tensor.requires_grad:
        remarks.append("requires_grad=True")
    return remarks


def _values(array: Any) -> str:
    """Write the values in rows, all of one width."""
    if array.size == 0:
        return "[]"
    abridged = array.size > _MANY
    shown = _outer(array) if abridged else array
    counted = shown if shown.dtype.kind != "f" else shown[np.isfinite(shown) & (shown != 0)]
    write = _writer(counted)
    width = max(map(len, map(write, counted.reshape(-1).tolist())), default=1)
    return _Layout(write, width, abridged).rows(array, len("tensor("))


def _outer(array: Any) -> Any:
    """Return the elements that are shown of many."""
    for axis, length in enumerate(array.shape):
        if length > 2 * _EDGE:
            array = np.take(array, [*range(_EDGE), *range(-_EDGE, 0)], axis=axis)
    return array


@dataclass
class _Layout:
    """How values are laid out in rows."""

    write: Callable[[Any], str]
    width: int
    abridged: bool

    def rows(self, array: Any, indent: int) -> str:
        """Write an array as nested brackets behind `indent` blanks."""
        if array.ndim == 0:
            return self.write(array.item())
        parts = self._line(array, indent) if array.ndim == 1 else self._matrices(array, indent)
        gap = "\n" * max(1, array.ndim - 1) + " " * (indent + 1)
        return f"[{f',{gap}'.join(parts)}]"

    def _line(self, array: Any, indent: int) -> list[str]:
        """Write one dimension, in as many lines as it needs."""
        items = self._some(array.tolist(), " ...")
        values = [item if item == " ..." else self.write(item).rjust(self.width) for item in items]
        length = max(1, (_WIDTH - indent) // (self.width + 2))
        return [", ".join(values[start : start + length]) for start in range(0, len(values), length)]

    def _matrices(self, array: Any, indent: int) -> list[str]:
        return [
            row if isinstance(row, str) else self.rows(row, indent + 1) for row in self._some(array, "...")
        ]

    def _some(self, items: Any, dots: str) -> list[Any]:
        """Return all items, or of many the outer ones with dots between."""
        if not self.abridged or len(items) <= 2 * _EDGE:
            return list(items)
        return [*items[:_EDGE], dots, *items[-_EDGE:]]


def _writer(values: Any) -> Callable[[Any], str]:
    """Return how to write such numbers: whole ones with a point, others with four places, or as powers of ten."""
    if values.dtype.kind != "f":
        return str
    sizes = np.abs(values.astype(np.float64))
    if not sizes.size:
        return _whole
    smallest, largest = sizes.min(), sizes.max()
    wide = largest / smallest > 1000 or largest > 1e8
    if (sizes == np.ceil(sizes)).all():
        return _power if wide else _whole
    return _power if wide or smallest < 1e-4 else "{:.4f}".format


def _power(value: Any) -> str:
    return f"{value:.4e}"


def _whole(value: Any) -> str:
    return f"{value:.0f}." if np.isfinite(value) else str(float(value))


Tensor.__repr__ = format_tensor  # type: ignore[method-assign, assignment]
