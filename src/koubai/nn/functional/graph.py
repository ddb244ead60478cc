"""Rows brought together by group: what nodes do with the messages of their edges, and graphs with their nodes."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.functional.loss.checks import values_of
from koubai.ops.op import DataDependentError

__all__ = ["aggregate", "scatter_softmax"]


def aggregate(src: Tensor, index: Tensor, size: int | None = None, reduce: str = "sum") -> Tensor:
    """Combine the rows of each group; a group without rows gets zeros.

    Args:
        src: rows (E, *).
        index: the group of each row, integers (E,).
        size: the number of groups; by default as many as `index` names, which needs its values.
        reduce: "sum" (or "add"), "mean", "max" or "min". At ties the gradient of the last two is shared equally.

    Returns:
        (size, *).

    Raises:
        ValueError: for another `reduce`.
        IndexError: if an index is not a group.
        RuntimeError: if there are not as many indices as rows.

    Example:
        >>> F.aggregate(koubai.tensor([1.0, 2.0, 3.0]), koubai.tensor([0, 2, 0]))
        tensor([4., 0., 2.])
    """
    count = _groups(index, size)
    start: Tensor = src.new_zeros(count, *src.shape[1:])
    if reduce in ("max", "min"):
        return start.index_reduce(0, index, src, f"a{reduce}", include_self=False)
    if reduce not in ("sum", "add", "mean"):
        raise ValueError(f"aggregate: reduce is 'sum', 'mean', 'max' or 'min', got {reduce!r}")
    total = start.index_add(0, index, src)
    if reduce != "mean":
        return total
    rows: Tensor = src.new_zeros(count).index_add(0, index, src.new_ones(src.shape[0]))
    return total / rows.clamp(min=1).reshape(-1, *[1] * (src.ndim - 1))


def scatter_softmax(src: Tensor, index: Tensor, size: int | None = None) -> Tensor:
    """exp(x) / Σ exp(x) over the rows of each group, column by column.

    Args:
        src: rows (E, *); -inf leaves one out.
        index: the group of each row, integers (E,).
        size: the number of groups, as for `aggregate`.

    Returns:
        (E, *).

    Raises:
        IndexError: if an index is not a group.
        RuntimeError: if there are not as many indices as rows.

    Example:
        >>> F.scatter_softmax(koubai.zeros(3), koubai.tensor([0, 2, 0]))
        tensor([0.5000, 1.0000, 0.5000])
    """
    count = _groups(index, size)
    top = aggregate(src.detach(), index, count, "max")
    top = koubai.where(top == float("-inf"), 0.0, top)
    powers = koubai.exp(src - top.index_select(0, index))
    total = aggregate(powers, index, count)
    return powers / koubai.where(total == 0, 1.0, total).index_select(0, index)


def _groups(index: Tensor, size: int | None) -> int:
    """Return the number of groups.

    Raises:
        DataDependentError: if it is not given, and the index has no values because it is traced.
    """
    if size is not None:
        return size
    values = values_of(index)
    if values is None:
        raise DataDependentError(
            "the number of groups depends on the values of an index that is traced: give size"
        )
    return int(values.max(initial=-1)) + 1
