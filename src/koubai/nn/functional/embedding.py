"""Looking up rows of a table."""

from __future__ import annotations

from typing import Any

import koubai
from koubai.engine.tensor import Tensor
from koubai.functions.ranges import one_hot

__all__ = ["embedding", "embedding_bag", "one_hot"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` at the indices `input`.

    Args:
        input: integers, of any shape.
        weight: the table, (rows, length).
        padding_idx: a row that gets no gradient.
        max_norm: rows that are looked up and longer than this are shortened to it, in `weight` itself.
        norm_type: p of the norm for `max_norm`.
        scale_grad_by_freq: divide a row's gradient by how often it occurs in `input`.
        sparse: accepted for PyTorch's sake; gradients are dense.

    Returns:
        (*input.shape, length).

    Raises:
        IndexError: an index is negative or not less than the number of rows.
        ValueError: `padding_idx` is not a row.
    """
    padding = -1 if padding_idx is None else _checked(padding_idx, weight)
    if max_norm is not None:
        _shorten(weight, input.reshape(-1), max_norm, norm_type)
    return koubai.embedding(weight, input, padding, scale_grad_by_freq)


def _checked(padding_idx: int, weight: Tensor) -> int:
    rows = weight.shape[0]
    if not -rows <= padding_idx < rows:
        raise ValueError(f"padding_idx={padding_idx} must lie within the {rows} rows of the table")
    return padding_idx % rows


def _occurrences(indices: Tensor, weight: Tensor) -> Tensor:
    """How often each row of `weight` is looked up."""
    ones = weight.new_ones(indices.shape)
    return weight.new_zeros(weight.shape[0]).index_add(0, indices, ones)


def _shorten(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Shorten the rows that are looked up to `max_norm`, in place."""
    with koubai.no_grad():
        norms = weight.norm(norm_type, 1, keepdim=True)
        too_long = (norms > max_norm) & (_occurrences(indices, weight) > 0).unsqueeze(1)
        weight.copy_(koubai.where(too_long, weight * (max_norm / (norms + 1e-7)), weight))


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of `weight` in each bag of indices; an empty bag gives zeros.

    Args:
        input: indices, (bags, length), or flat (n) with `offsets`.
        weight: the table, (rows, length of a row).
        offsets: (bags), where each bag starts in a flat input.
        max_norm: as `embedding`'s.
        norm_type: as `embedding`'s.
        scale_grad_by_freq: as `embedding`'s.
        mode: "sum", "mean" or "max".
        sparse: accepted for PyTorch's sake; gradients are dense.
        per_sample_weights: of `input`'s shape, multiplied with the rows; only for "sum".
        include_last_offset: `offsets` ends with the length of the input.
        padding_idx: a row that is left out of the bags.

    Returns:
        (bags, length of a row).

    Raises:
        ValueError: input, offsets and weights do not fit together, or the mode is unknown.
    """
    _check_bags(input, offsets, mode, per_sample_weights)
    bag_of, bags = _bags(input, offsets, include_last_offset)
    flat = input.reshape(-1)
    rows = embedding(flat, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    present = rows.new_ones(flat.shape)
    if padding_idx is not None:
        present = (flat != _checked(padding_idx, weight)).to(rows.dtype)
    if mode == "max":
        return _largest(rows, bag_of, bags, present)
    factors = present if per_sample_weights is None else present * per_sample_weights.reshape(-1)
    total = rows.new_zeros(bags, rows.shape[1]).index_add(0, bag_of, rows * factors.unsqueeze(1))
    if mode == "mean":
        counts = rows.new_zeros(bags).index_add(0, bag_of, present)
        return total / counts.clamp(min=1).unsqueeze(1)
    return total


def _check_bags(input: Tensor, offsets: Tensor | None, mode: str, weights: Tensor | None) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag: mode must be 'sum', 'mean' or 'max', got {mode!r}")
    if weights is not None and (mode != "sum" or weights.shape != input.shape):
        raise ValueError("embedding_bag: per_sample_weights are for mode='sum', and have the input's shape")
    if input.ndim not in (1, 2) or (input.ndim == 1) != (offsets is not None):
        raise ValueError(
            f"embedding_bag: input must be (bags, length) without offsets or (n) with them, got "
            f"{list(input.shape)} {'without' if offsets is None else 'with'} offsets"
        )


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[Tensor, int]:
    """(the bag of each index of the flat input, how many bags there are)."""
    if offsets is None:
        bags, length = input.shape
        return koubai.arange(bags, device=input.device).repeat_interleave(length), bags
    starts = offsets[:-1] if include_last_offset else offsets
    positions = koubai.arange(input.shape[0], device=input.device)
    return (positions.unsqueeze(1) >= starts).sum(1) - 1, starts.shape[0]


def _largest(rows: Tensor, bag_of: Tensor, bags: int, present: Tensor) -> Tensor:
    """The maximum over each bag; 0 for a bag without rows."""
    inside = (bag_of == koubai.arange(bags, device=rows.device).unsqueeze(1)) & (present > 0)  # (bags, n)
    lowest: Any = koubai.where(inside.unsqueeze(2), rows, -float("inf"))  # (bags, n, length)
    largest: Tensor = lowest.max(1)[0]
    return koubai.where(inside.any(1).unsqueeze(1), largest, 0.0)
