"""What losses refuse: shapes that would broadcast, and labels that are no classes."""

from __future__ import annotations

from koubai import dtypes
from koubai.arrays import Array
from koubai.engine.tensor import Tensor
from koubai.ops.op import Symbol


def same_shape(loss: str, **pair: Tensor) -> None:
    """Refuse two tensors of different shapes; the keywords are their names in the message.

    Subtracted, (N, 1) and (N,) would become (N, N): every prediction compared with every target, a loss that falls
    and means nothing.

    Raises:
        ValueError: naming both shapes and the likely fix.
    """
    (name, first), (other, second) = pair.items()
    if first.shape != second.shape:
        raise ValueError(
            f"{loss}: {name} has shape {list(first.shape)} and {other} {list(second.shape)}; "
            f"{_likely_fix(name, first, other, second)} (they are not broadcast, because that would compare every "
            f"{name} with every {other})"
        )


def _likely_fix(name: str, first: Tensor, other: str, second: Tensor) -> str:
    if first.shape == (*second.shape, 1):
        return f"use {name}.squeeze(-1), or {other}.unsqueeze(-1)"
    if second.shape == (*first.shape, 1):
        return f"use {other}.squeeze(-1), or {name}.unsqueeze(-1)"
    return "give both the same shape"


def classes_fit(loss: str, input: Tensor, target: Tensor, dim: int) -> None:
    """Refuse a target that is not one class index for each row of scores along `dim`.

    Raises:
        ValueError: naming both shapes, or the dtype, and the likely fix.
    """
    expected = (*input.shape[:dim], *input.shape[dim + 1 :])
    if target.shape != expected:
        raise ValueError(
            f"{loss}: scores {list(input.shape)} need class indices of shape {list(expected)}, got "
            f"{target.dtype}{list(target.shape)}{_likely_indices(input, target, expected, dim)}"
        )
    if dtypes.is_floating(target.dtype):
        raise ValueError(f"{loss}: class indices are integers, got {target.dtype}; use target.long()")


def _likely_indices(input: Tensor, target: Tensor, expected: tuple[int, ...], dim: int) -> str:
    """Say how class indices are probably made of what was given."""
    if target.shape == (*expected, 1):
        return "; use target.squeeze(-1)"
    if target.shape == input.shape:
        return f"; use target.argmax({dim}) for one-hot rows, or target.float() for probabilities"
    return ""


def labels_exist(loss: str, labels: Tensor, classes: int, ignore: int | None = None) -> None:
    """Refuse labels that are not 0 to classes - 1, except `ignore`; not while tracing, where labels have no values.

    Raises:
        IndexError: naming the first wrong label and the number of classes.
    """
    values = values_of(labels)
    if values is None:
        return
    wrong = values[(values != ignore) & ((values < 0) | (values >= classes))]
    if wrong.size:
        raise IndexError(
            f"{loss}: target {int(wrong.flat[0])} is not a class: the input has {classes} classes, so labels go from "
            f"0 to {classes - 1}"
        )


def values_of(tensor: Tensor) -> Array | None:
    """Return the values to check, or None while tracing."""
    return None if isinstance(tensor.payload, Symbol) else tensor.numpy(force=True)
