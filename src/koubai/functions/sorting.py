"""Order: sorting, the largest few, medians, and searching in what is sorted.

Equal elements keep their order, and NaN counts as larger than every number. The positions carry no gradient; the
values are read at them, so that each gradient returns to the element that it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.gathering import as_line, flat, gather
from koubai.functions.operands import AnyFunction, Operand, as_type, method, normalize_dim, promote, to_tensor
from koubai.functions.splitting import part, select
from koubai.ops import elementwise
from koubai.ops import gather as ops
from koubai.ops.op import ShapeError

__all__ = [
    "argsort",
    "bucketize",
    "kthvalue",
    "median",
    "msort",
    "nanmedian",
    "searchsorted",
    "sort",
    "topk",
]


class Ordered(NamedTuple):
    """Elements, and their positions along the dimension they were ordered by."""

    values: Tensor
    indices: Tensor


def names_its_result(function: AnyFunction) -> AnyFunction:
    """Give the pairs that a function returns its name, so that they print as `max(values=..., indices=...)`."""
    kind = type(function.__name__, (Ordered,), {"__slots__": ()})

    @wraps(function)
    def naming(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return kind(*result) if type(result) is Ordered else result

    return naming  # type: ignore[return-value]


@method
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Return the positions along `dim` of the elements in ascending (or descending) order.

    Args:
        input: any tensor.
        dim: the dimension that is sorted.
        descending: the largest first.
        stable: without effect: equal elements always keep their order.
    """
    at = normalize_dim(dim, input.ndim)
    order: Tensor = ops.argsort(as_line(input), dim=at, descending=descending)
    return order.reshape(input.shape)


@method
@names_its_result
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Ordered:
    """Return the elements in ascending (or descending) order along `dim`, and their positions before.

    Equal elements keep their order, whether `stable` or not.

    Example:
        >>> koubai.sort(koubai.tensor([3.0, 1.0, 2.0])).indices
        tensor([1, 2, 0])
    """
    order = argsort(input, dim, descending)
    return Ordered(gather(input, dim, order), order)


@method
def msort(input: Tensor) -> Tensor:
    """Return the elements in ascending order along the first dimension."""
    return sort(input, 0).values


@method
@names_its_result
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Ordered:
    """Return the `k` largest (or smallest) elements along `dim` in order, and their positions.

    Args:
        input: any tensor.
        k: how many.
        dim: the dimension that they are taken along.
        largest: the largest; otherwise the smallest.
        sorted: without effect: the result is always in order.

    Raises:
        RuntimeError: if there are fewer than `k` elements.
    """
    at, length = _length_of(input, dim)
    if not 0 <= k <= length:
        raise ShapeError(f"topk: k={k} is out of range for dimension {dim} of size {length}")
    order = part(argsort(as_line(input), at, descending=largest), at, 0, k)
    order = order.reshape(()) if input.ndim == 0 and k else order
    return Ordered(gather(input, at, order), order)


def _length_of(input: Tensor, dim: int) -> tuple[int, int]:
    """Return the dimension counted from the front, and its length; a number has one of length 1."""
    at = normalize_dim(dim, input.ndim)
    return at, as_line(input).shape[at]


@method
@names_its_result
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Ordered:
    """Return the `k`-th smallest element (counted from 1) along `dim`, and its position.

    Raises:
        RuntimeError: if there are fewer than `k` elements.
    """
    at, length = _length_of(input, dim)
    if not 1 <= k <= length:
        raise ShapeError(f"kthvalue: k={k} is out of range for dimension {dim} of size {length}")
    return _at(input, part(argsort(as_line(input), at), at, k - 1, k), at, keepdim)


def _at(input: Tensor, position: Tensor, dim: int, keepdim: bool) -> Ordered:
    """Return the elements at one position along `dim` each, and the position; `dim` vanishes unless it is kept."""
    line = as_line(input)
    found = Ordered(gather(line, dim, position), position)
    if keepdim and input.ndim:
        return found
    return Ordered(*(select(tensor, dim, 0) for tensor in found))


def _median(
    name: str, middle: Callable[[Tensor, Tensor, int], Tensor], nan: str
) -> Callable[..., Tensor | Ordered]:
    """Make `median` or `nanmedian`; `middle` says which place in the order is the median's."""

    def function(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | Ordered:
        if dim is None:
            return function(flat(input), 0)[0] if input.numel() else input.new_full((), float("nan"))
        at, length = _length_of(input, dim)
        if length == 0:
            raise IndexError(f"{name}: dimension {dim} of {list(input.shape)} is empty and has no median")
        line = as_line(input)
        order = argsort(line, at)
        return _at(input, gather(order, at, middle(line, order, at)), at, keepdim)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Return the median of all elements, or along `dim` the medians and their positions.

    Of an even number of elements the lower of the two in the middle is taken. {nan}
    """
    return method(names_its_result(function))


def _is_nan(x: Tensor) -> Tensor:
    return x != x


def _middle(x: Tensor, order: Tensor, dim: int) -> Tensor:
    """Return the place of the median in the order; the last one, which has the NaN, if there is a NaN."""
    length = x.shape[dim]
    last = gather(x, dim, part(order, dim, length - 1, length))
    return elementwise.where(_is_nan(last), to_tensor(length - 1), to_tensor((length - 1) // 2))  # type: ignore[no-any-return]


def _middle_of_numbers(x: Tensor, order: Tensor, dim: int) -> Tensor:
    """Return the place of the median in the order, among what is not NaN."""
    count = (x == x).sum(dim, keepdim=True)
    return (count - 1).clamp(min=0) // 2


median = _median("median", _middle, "If there is a NaN, it is the median.")
nanmedian = _median(
    "nanmedian", _middle_of_numbers, "NaN is left out; if there is nothing else, it is the median."
)


def searchsorted(
    sorted_sequence: Tensor,
    input: Operand,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Return where elements would have to be inserted into a sorted sequence so that it stays sorted.

    Args:
        sorted_sequence: (N,) or, one for each row of `input`, (..., N).
        input: what is inserted: of any shape for one sequence, otherwise (..., M).
        out_int32: return int32 instead of int64.
        right: after equal elements, instead of before them.
        side: "left" or "right", the same by name.
        sorter: if given, the positions that would sort `sorted_sequence`.

    Raises:
        RuntimeError: if the shapes do not fit.
        ValueError: if `side` contradicts `right`.
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ValueError(
            f'searchsorted: side must be "left" or "right" and agree with right={right}, not {side!r}'
        )
    boundaries, values = promote(sorted_sequence, input)
    if sorter is not None:
        boundaries = gather(boundaries, -1, sorter)
    if boundaries.ndim != 1 and boundaries.shape[:-1] != values.shape[:-1]:
        raise ShapeError(f"searchsorted: sequences {list(boundaries.shape)} do not fit {list(values.shape)}")
    found: Tensor = ops.searchsorted(boundaries, values, right=right or side == "right")
    return as_type(found, dtypes.int32) if out_int32 else found


def bucketize(input: Operand, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Return the number of the bucket, between sorted `boundaries`, that each element falls into.

    An element on a boundary belongs to the bucket below it, or with `right` to the one above.
    """
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
