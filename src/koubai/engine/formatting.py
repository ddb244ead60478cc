"""How a tensor prints: `tensor([1., 2.], requires_grad=True)`, or only its shape while it has no values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.devices import fetch
from koubai.engine.tensor import Tensor
from koubai.ops.op import Symbol

__all__ = ["set_printoptions"]


@dataclass
class _Options:
    """How tensors are printed; see `set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": _Options(),
    "short": _Options(precision=2, edgeitems=2),
    "full": _Options(threshold=float("inf")),
}
_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed from now on; what is left out stays as it is.

    Args:
        precision: places behind the point (4 at first).
        threshold: with more elements than that (1000), only the outer ones are shown.
        edgeitems: how many of these at each end (3).
        linewidth: characters in a line (80).
        profile: "default", "short" or "full", from which the other arguments may then differ.
        sci_mode: write powers of ten always or never; by default where sizes differ widely.
    """
    if profile is not None:
        vars(_options).update(vars(_PROFILES[profile]))
    chosen = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    vars(_options).update({name: value for name, value in chosen.items() if value is not None})
    _options.sci_mode = sci_mode


def format_tensor(tensor: Tensor) -> str:
    """Write a tensor with its values, its dtype where it is not the usual one, and its recipe."""
    payload = tensor.payload
    if isinstance(payload, Symbol):
        return f"tensor(<{payload}, traced>)"
    text = f"tensor({_values(fetch(payload))}"
    for remark in _remarks(tensor, payload):
        fits = len(text) - (text.rfind("\n") + 1) + len(remark) + 3 <= _options.linewidth
        text += (", " if fits else ",\n       ") + remark
    return f"{text})"


def _remarks(tensor: Tensor, array: Any) -> list[str]:
    """Return what is said behind the values."""
    remarks = [] if tensor.device == "cpu" else [f"device='{tensor.device}'"]
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
    abridged = array.size > _options.threshold
    shown = _outer(array) if abridged else array
    counted = shown if shown.dtype.kind != "f" else shown[np.isfinite(shown) & (shown != 0)]
    write = _writer(counted)
    width = max(map(len, map(write, counted.reshape(-1).tolist())), default=1)
    return _Layout(write, width, abridged).rows(array, len("tensor("))


def _outer(array: Any) -> Any:
    """Return the elements that are shown of many."""
    edge = _options.edgeitems
    for axis, length in enumerate(array.shape):
        if length > 2 * edge:
            array = np.take(array, [*range(edge), *range(-edge, 0)], axis=axis)
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
        length = max(1, (_options.linewidth - indent) // (self.width + 2))
        return [", ".join(values[start : start + length]) for start in range(0, len(values), length)]

    def _matrices(self, array: Any, indent: int) -> list[str]:
        return [
            row if isinstance(row, str) else self.rows(row, indent + 1) for row in self._some(array, "...")
        ]

    def _some(self, items: Any, dots: str) -> list[Any]:
        """Return all items, or of many the outer ones with dots between."""
        edge = _options.edgeitems
        if not self.abridged or len(items) <= 2 * edge:
            return list(items)
        return [*items[:edge], dots, *items[-edge:]]


def _writer(values: Any) -> Callable[[Any], str]:
    """Return how to write such numbers: whole ones with a point, others with a few places, or as powers of ten."""
    if values.dtype.kind != "f":
        return str
    sizes = np.abs(values.astype(np.float64))
    whole = bool((sizes == np.ceil(sizes)).all())
    if _options.sci_mode or (_options.sci_mode is None and _is_wide(sizes, whole)):
        return partial(_fixed, kind="e")
    return _whole if whole else partial(_fixed, kind="f")


def _is_wide(sizes: Any, whole: bool) -> bool:
    """Tell whether numbers differ so much in size that powers of ten are easier to read."""
    if not sizes.size:
        return False
    smallest, largest = sizes.min(), sizes.max()
    return bool(largest / smallest > 1000 or largest > 1e8 or (not whole and smallest < 1e-4))


def _fixed(value: Any, kind: str) -> str:
    return f"{value:.{_options.precision}{kind}}"


def _whole(value: Any) -> str:
    return f"{value:.0f}." if np.isfinite(value) else str(float(value))


Tensor.__repr__ = format_tensor  # type: ignore[method-assign, assignment]
