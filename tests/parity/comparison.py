"""Comparing results: structure, shapes, dtypes and values, to the tolerance of the dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import koubai

from .translation import dtype_of

TOLERANCES = {koubai.float64: (1e-9, 1e-12), koubai.float32: (5e-5, 1e-6), koubai.float16: (1e-2, 1e-3)}


class Mismatch(Exception):
    """Koubai and PyTorch (or eager and traced, or analytic and numerical) differ."""


def leaves(value: Any, kind: type) -> list[Any]:
    """Return the tensors in nested tuples, lists and dicts, in order."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for item in value for leaf in leaves(item, kind)] if isinstance(value, list | tuple) else []


def compare(ours: Any, theirs: Any, what: str, values: bool = True) -> None:
    """Compare results: structure, shapes, dtypes and (unless they are random) values.

    Raises:
        Mismatch: naming the first difference.
    """
    if isinstance(theirs, torch.Tensor):
        if not isinstance(ours, koubai.Tensor):
            raise Mismatch(f"{what} is {type(ours).__name__}, not a tensor")
        compare_tensors(ours, theirs.detach(), what, values)
    elif isinstance(theirs, list | tuple):
        if not isinstance(ours, list | tuple) or len(ours) != len(theirs):
            raise Mismatch(f"{what} is {ours}, not {theirs}")
        if hasattr(theirs, "_fields") and theirs._fields != getattr(ours, "_fields", None):
            raise Mismatch(f"{what} has not the names {theirs._fields}")
        for index, (mine, other) in enumerate(zip(ours, theirs)):
            compare(mine, other, f"{what} {index}", values)
    elif isinstance(theirs, float):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    elif values and ours != theirs:
        raise Mismatch(f"{what} is {ours!r}, not {theirs!r}")


def compare_tensors(ours: koubai.Tensor, theirs: torch.Tensor, what: str, values: bool = True) -> None:
    """Compare two tensors in shape, dtype and value, by the tolerance of their dtype."""
    if ours.shape != tuple(theirs.shape) or ours.dtype != dtype_of(theirs.dtype):
        raise Mismatch(f"{what} is {ours.dtype}{list(ours.shape)}, not {theirs.dtype}{list(theirs.shape)}")
    if values:
        compare_arrays(ours.detach().numpy(), theirs.resolve_conj().numpy(), what)


def compare_arrays(mine: Any, other: Any, what: str, relative: float | None = None) -> None:
    """Compare two arrays of one dtype to the tolerance of that dtype (or `relative`).

    Raises:
        Mismatch: naming the first element that differs.
    """
    usual, absolute = TOLERANCES.get(mine.dtype, (0, 0))
    relative = usual if relative is None else relative
    finite = np.abs(other[np.isfinite(other)]) if other.dtype.kind == "f" else np.zeros(0)
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    close = np.isclose(mine, other, rtol=relative, atol=absolute * scale, equal_nan=True)
    if not close.all():
        at = tuple(int(i) for i in np.argwhere(~close)[0])
        raise Mismatch(
            f"{what}{list(at)} is {mine[at]}, not {other[at]} ({(~close).sum()} of {close.size} differ)"
        )


def random_like(values: Any, seed: int = 0) -> Any:
    """Return normal numbers of the shape and dtype of an array."""
    return np.random.default_rng(seed).standard_normal(values.shape).astype(values.dtype)
