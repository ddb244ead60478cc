"""The same elements in other places, or several times over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from koubai.devices import fetch
from koubai.engine.tensor import Tensor
from koubai.functions.operands import Dims, method, normalize_dim, normalize_dims, one_shape
from koubai.functions.placing import beside
from koubai.functions.splitting import part
from koubai.functions.transposition import transpose
from koubai.ops import movement as ops
from koubai.ops.gather import index as index_op
from koubai.ops.op import ShapeError

__all__ = ["flip", "fliplr", "flipud", "repeat_interleave", "roll", "rot90", "tile"]


@method
def flip(input: Tensor, *order: Any, dims: int | Sequence[int] | None = None) -> Tensor:
    """Return a copy in which the order along each of the given dimensions is reversed.

    Args:
        input: any tensor.
        order: the dimensions, or one sequence of them.
        dims: the same by name.
    """
    wanted = one_shape(order) if dims is None else one_shape((dims,))
    dimensions = normalize_dims(wanted, input.ndim) if wanted else ()
    return ops.flip(input, dims=dimensions)  # type: ignore[no-any-return]


@method
def fliplr(input: Tensor) -> Tensor:
    """Return a copy with the columns (the second dimension) in reverse order."""
    if input.ndim < 2:
        raise ShapeError(f"fliplr: {list(input.shape)} has fewer than 2 dimensions")
    return flip(input, 1)


@method
def flipud(input: Tensor) -> Tensor:
    """Return a copy with the rows (the first dimension) in reverse order."""
    if input.ndim < 1:
        raise ShapeError("flipud: a tensor without dimensions has no rows")
    return flip(input, 0)


@method
def roll(input: Tensor, shifts: int | Sequence[int], dims: Dims = None) -> Tensor:
    """Return a copy with the elements moved along; what leaves at the end comes in at the start.

    Args:
        input: any tensor.
        shifts: by how many places, forwards; one number per dimension.
        dims: along which dimensions; None rolls the flattened tensor.

    Raises:
        RuntimeError: if there are not as many shifts as dimensions.
    """
    steps = one_shape((shifts,))
    if dims is None:
        if len(steps) != 1:
            raise RuntimeError("roll: several shifts need as many dims")
        return roll(input.reshape(-1), steps, 0).reshape(input.shape) if input.numel() else input.clone()
    if len(steps) != len(one_shape((dims,))):
        raise RuntimeError(f"roll: shifts {shifts} and dims {dims} must be equally many")
    result = input
    for step, dim in zip(steps, one_shape((dims,))):
        result = _roll(result, step, normalize_dim(dim, input.ndim))
    return result


def _roll(input: Tensor, shift: int, dim: int) -> Tensor:
    length = input.shape[dim] if input.ndim else 1
    cut = -shift % length if length else 0
    if cut == 0:
        return input.clone()
    return ops.cat(part(input, dim, cut, length), part(input, dim, 0, cut), dim=dim)  # type: ignore[no-any-return]


@method
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Return a copy turned by `k` quarter turns in the plane of two dimensions, from the first towards the second.

    Raises:
        RuntimeError: if `dims` are not two different dimensions.
    """
    if len(dims) != 2 or len(set(normalize_dims(dims, input.ndim))) != 2:
        raise RuntimeError(f"rot90: dims {list(dims)} must be two different dimensions")
    first, second = dims
    turns = k % 4
    if turns == 0:
        return input.clone()
    if turns == 2:
        return flip(input, first, second)
    turned = transpose(input, first, second)
    return flip(turned, first if turns == 1 else second)


@method
def repeat(input: Tensor, *times: Any, repeats: Sequence[int] | None = None) -> Tensor:
    """Return the tensor laid out several times along each dimension; new dimensions come first.

    Args:
        input: any tensor.
        times: how often along each dimension, or one sequence of it.
        repeats: the same by name.

    Raises:
        RuntimeError: if there are fewer numbers than dimensions, or negative ones.
    """
    counts = one_shape(times) if repeats is None else tuple(repeats)
    new = len(counts) - input.ndim
    if new < 0 or min(counts, default=0) < 0:
        raise ShapeError(
            f"repeat: {list(counts)} must give one number >= 0 for each dimension of {list(input.shape)}"
        )
    lengths = (*(1,) * new, *input.shape)
    # (n1, n2) -> (1, n1, 1, n2) -> (r1, n1, r2, n2) -> (r1 n1, r2 n2)
    apart = input.reshape([length for n in lengths for length in (1, n)])
    stretched = ops.expand(apart, shape=tuple(length for pair in zip(counts, lengths) for length in pair))
    return stretched.reshape([count * n for count, n in zip(counts, lengths)]).contiguous()  # type: ignore[no-any-return]


@method
def tile(input: Tensor, *times: Any, dims: Sequence[int] | None = None) -> Tensor:
    """Return the tensor laid out several times along each dimension; missing numbers, in front, are 1."""
    counts = one_shape(times) if dims is None else tuple(dims)
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


@method
def repeat_interleave(
    input: Tensor,
    repeats: int | Tensor | None = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """Return each element several times in succession.

    Args:
        input: any tensor; given alone, it is itself the `repeats`, and the result counts them off.
        repeats: how often, for all elements or for each one along `dim`.
        dim: the dimension along which elements are repeated; None flattens first.
        output_size: the length of the result along `dim`, if known; checked.

    Raises:
        DataDependentError: when traced, if `repeats` is a tensor of several numbers.
        RuntimeError: for negative or ill-fitting `repeats`.
    """
    if repeats is None:
        return repeat_interleave(beside(input, np.arange(input.numel())), input, output_size=output_size)
    flat = input.reshape(-1) if dim is None else input
    at = normalize_dim(dim or 0, flat.ndim)
    given = repeats if isinstance(repeats, int) else fetch(repeats._values("repeat_interleave"))
    counts = np.atleast_1d(given)
    length = flat.shape[at] if flat.ndim else 1
    if counts.ndim > 1 or counts.size not in (1, length) or (counts < 0).any():
        raise RuntimeError(
            f"repeat_interleave: repeats must be >= 0, and one or {length} numbers, not {repeats}"
        )
    total = int(counts.sum()) * (length if counts.size == 1 else 1)
    if output_size is not None and total != output_size:
        raise RuntimeError(
            f"repeat_interleave: the result has {total} elements, not output_size {output_size}"
        )
    flat = flat.reshape(1) if flat.ndim == 0 else flat
    if counts.size == 1:  # copied from a view, whose gradient is a sum and no scatter
        before, after = flat.shape[: at + 1], flat.shape[at + 1 :]
        repeated = flat.unsqueeze(at + 1).expand(*before, int(counts[0]), *after)
        return repeated.clone().reshape(*before[:-1], total, *after)
    places = beside(flat, np.repeat(np.arange(length), counts))
    return index_op(flat, places, dim=at)  # type: ignore[no-any-return]
