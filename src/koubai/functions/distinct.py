"""Which values occur, and how often. How many they are depends on data, so these are not for traced programs."""

from __future__ import annotations

import math

import numpy as np

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.gathering import checked_index, flat, reshaped
from koubai.functions.joining import cat
from koubai.functions.operands import Operand, as_type, method, normalize_dim, promote
from koubai.functions.placing import beside
from koubai.ops import gather as ops
from koubai.ops.op import ShapeError

__all__ = ["bincount", "isin", "unique", "unique_consecutive"]

Distinct = Tensor | tuple[Tensor, ...]


@method
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Distinct:
    """Return the different elements, or the different slices along `dim`, in ascending order.

    Args:
        input: any tensor.
        sorted: without effect: the result always is.
        return_inverse: also return where each element of `input` is in the result.
        return_counts: also return how often each occurs.
        dim: compare the slices along this dimension; None compares elements.
    """
    rows = _as_rows(input, dim)
    order = beside(rows, np.arange(rows.shape[0]))
    for column in reversed(rows.unbind(1)):  # stable, so the first column decides last, and most
        within = ops.argsort(ops.index(column, order, dim=0), dim=0, descending=False)
        order = ops.index(order, within, dim=0)
    return _first_of_runs(input, dim, rows, order, return_inverse, return_counts)


@method
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Distinct:
    """Return the elements, or slices along `dim`, without those that equal the one before; see `unique`."""
    rows = _as_rows(input, dim)
    return _first_of_runs(
        input, dim, rows, beside(rows, np.arange(rows.shape[0])), return_inverse, return_counts
    )


def _as_rows(input: Tensor, dim: int | None) -> Tensor:
    """Return what is compared as rows: (elements, 1), or (slices along dim, elements of a slice)."""
    moved = reshaped(input, (input.numel(), 1)) if dim is None else input.movedim(dim, 0)
    return moved.reshape(moved.shape[0], math.prod(moved.shape[1:]))


def _first_of_runs(
    input: Tensor, dim: int | None, rows: Tensor, order: Tensor, return_inverse: bool, return_counts: bool
) -> Distinct:
    """Return the first of each run of equal rows, taken in an order, with what else is asked for."""
    ordered, some = rows[order], min(len(rows), 1)
    begins = cat([beside(ordered, np.ones(some, bool)), (ordered[1:] != ordered[:-1]).any(1)])
    first = flat(ops.nonzero(begins))
    whole, at = (flat(input), 0) if dim is None else (input, normalize_dim(dim, input.ndim))
    results = [ops.index(whole, order[first], dim=at)]
    if return_inverse:
        run = as_type(begins, dtypes.int64).cumsum(0) - 1
        inverse = ops.index_put(order, order, run, dim=0)
        results.append(reshaped(inverse, input.shape) if dim is None else inverse)
    if return_counts:
        ends = cat([first[1:], beside(rows, np.full(some, len(rows)))])
        results.append(ends - first)
    return results[0] if len(results) == 1 else tuple(results)


def isin(
    elements: Operand, test_elements: Operand, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Tell for each element whether it is among others.

    Args:
        elements: any tensor, or a number.
        test_elements: those that are looked for.
        assume_unique: without effect; PyTorch has it.
        invert: tell whether it is not among them.
    """
    sought, among = promote(elements, test_elements)
    line = ops.index(flat(among), ops.argsort(flat(among), dim=0, descending=False), dim=0)
    if line.shape == (0,):
        return sought.new_full((), invert, dtype=dtypes.bool_).expand(sought.shape)
    place = ops.searchsorted(line, sought, right=False).clamp(max=line.shape[0] - 1)
    found = ops.index(line, place, dim=0) == sought
    return ~found if invert else found  # type: ignore[no-any-return]


def __contains__(self: Tensor, element: Operand) -> bool:
    """Tell whether any element equals a number."""
    return bool((self == element).any())


Tensor.__contains__ = __contains__  # type: ignore[operator]


@method
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Return how often each of the numbers 0, 1, 2 … occurs in a vector of integers, or the sums of their weights.

    Args:
        input: (N,), integers from 0 on.
        weights: (N,), what each counts.
        minlength: the least length of the result, which otherwise ends with the largest number.

    Raises:
        RuntimeError: if `input` is not a vector, or `weights` has another shape.
        IndexError: if a number is negative.
    """
    if input.ndim != 1 or (weights is not None and weights.shape != input.shape):
        raise ShapeError(f"bincount: a vector and weights of its shape are needed, not {list(input.shape)}")
    size = max(minlength, int(input.max()) + 1 if input.numel() else 0)
    places = checked_index(input, size, 0, "bincount")
    each = input.new_ones(()) if weights is None else weights
    if weights is not None and not dtypes.is_floating(weights.dtype):
        each = as_type(weights, dtypes.float64)
    return ops.index_add(each.new_zeros(size), places, each, dim=0)  # type: ignore[no-any-return]
