"""Taking a tensor apart along a dimension. All parts are views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

from koubai.engine.tensor import Tensor
from koubai.functions.operands import method, normalize_dim
from koubai.ops import movement as ops
from koubai.ops.op import ShapeError

__all__ = [
    "chunk",
    "dsplit",
    "hsplit",
    "narrow",
    "select",
    "split",
    "split_with_sizes",
    "tensor_split",
    "unbind",
    "vsplit",
]


def part(input: Tensor, dim: int, start: int, stop: int, step: int = 1) -> Tensor:
    """Return the view of `input` from `start` to `stop` along `dim`."""
    spans = [(0, length, 1) for length in input.shape]
    spans[dim] = (start, stop, step)
    return ops.slice_(input, spans=tuple(spans))  # type: ignore[no-any-return]


@method
def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """Return the view of `length` elements along `dim` from `start` on.

    Raises:
        IndexError: if `start` lies outside.
        RuntimeError: if the view would reach beyond the end.
    """
    at, first = _existing(input, dim, "narrow"), int(start)
    size = input.shape[at]
    if not -size <= first <= size:
        raise IndexError(f"narrow: start {first} is out of range for dimension {dim}, which has size {size}")
    first = first + size if first < 0 else first
    if length < 0 or first + length > size:
        raise ShapeError(
            f"narrow: {length} elements from {first} on do not lie within dimension {dim} of size {size}"
        )
    return part(input, at, first, first + length)


@method
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Return the view at `index` along `dim`, without that dimension.

    Raises:
        IndexError: if `index` lies outside.
    """
    at = _existing(input, dim, "select")
    size = input.shape[at]
    if not -size <= index < size:
        raise IndexError(f"select: index {index} is out of range for dimension {dim}, which has size {size}")
    row = part(input, at, index % size, index % size + 1)
    return ops.reshape(row, shape=(*input.shape[:at], *input.shape[at + 1 :]))  # type: ignore[no-any-return]


@method
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the views at each index along `dim`, without that dimension."""
    return tuple(select(input, dim, index) for index in range(input.shape[_existing(input, dim, "unbind")]))


@method
def split(input: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of equal length (the last may be shorter), or of the given lengths, along `dim`.

    Raises:
        RuntimeError: if the length is not positive, or the lengths do not add up to the dimension's.
    """
    if not isinstance(split_size_or_sections, int):
        return split_with_sizes(input, split_size_or_sections, dim)
    at, length = _existing(input, dim, "split"), split_size_or_sections
    size = input.shape[at]
    if length < 0 or (length == 0 and size):
        raise ShapeError(f"split: parts of length {length} cannot make up dimension {dim} of size {size}")
    starts = range(0, size or 1, length or 1)
    return tuple(part(input, at, start, min(start + length, size)) for start in starts)


@method
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of the given lengths, one after the other, along `dim`.

    Raises:
        RuntimeError: if the lengths do not add up to the dimension's.
    """
    at = _existing(input, dim, "split")
    if sum(split_sizes) != input.shape[at] or min(split_sizes, default=0) < 0:
        raise ShapeError(
            f"split: lengths {list(split_sizes)} do not add up to {input.shape[at]}, the size of dimension {dim}"
        )
    return tuple(part(input, at, *ends) for ends in pairwise(accumulate(split_sizes, initial=0)))


@method
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return at most `chunks` views of equal length (the last may be shorter) along `dim`.

    Raises:
        RuntimeError: if `chunks` is not positive.
    """
    if chunks < 1:
        raise RuntimeError(f"chunk: there must be at least 1 chunk, not {chunks}")
    size = input.shape[_existing(input, dim, "chunk")]
    if size == 0:
        return split_with_sizes(input, [0] * chunks, dim)
    return split(input, -(-size // chunks), dim)


@method
def tensor_split(
    input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0
) -> tuple[Tensor, ...]:
    """Return views along `dim`: so many of lengths that differ by 1 at most, or cut before the given indices.

    Raises:
        RuntimeError: if the number of sections is not positive.
    """
    at, cuts = _existing(input, dim, "tensor_split"), indices_or_sections
    if isinstance(cuts, Tensor):
        cuts = cuts.tolist()
    if isinstance(cuts, int):
        if cuts < 1:
            raise RuntimeError(f"tensor_split: there must be at least 1 section, not {cuts}")
        least, longer = divmod(input.shape[at], cuts)
        ends = [least * n + min(n, longer) for n in range(cuts + 1)]
    else:
        ends = [0, *(slice(cut).indices(input.shape[at])[1] for cut in cuts), input.shape[at]]
    return tuple(part(input, at, start, max(start, stop)) for start, stop in pairwise(ends))


@method
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Return a view of the windows of `size` elements, one every `step`, along a dimension.

    Returns:
        (..., number of windows, ..., size): the windows are the new last dimension.

    Raises:
        RuntimeError: if a window is longer than the dimension, or `step` is not positive.

    Example:
        >>> koubai.arange(5).unfold(0, 3, 1)
        tensor([[0, 1, 2],
                [1, 2, 3],
                [2, 3, 4]])
    """
    if input.ndim == 0:
        return unfold(input.reshape(1), dimension, size, step).reshape(size)
    at = normalize_dim(dimension, input.ndim)
    return ops.unfold(input, dim=at, size=size, step=step)  # type: ignore[no-any-return]


def _split_along(name: str, dim_of: Callable[[int], int], least: int) -> Callable[..., tuple[Tensor, ...]]:
    """Make the `tensor_split` along a fixed dimension, which must divide evenly."""

    def function(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
        if input.ndim < least:
            raise ShapeError(f"{name}: {list(input.shape)} has fewer than {least} dimensions")
        dim, sections = dim_of(input.ndim), indices_or_sections
        if isinstance(sections, int) and (sections < 1 or input.shape[dim] % sections):
            raise ShapeError(f"{name}: {input.shape[dim]} cannot be divided into {sections} equal parts")
        return tensor_split(input, sections, dim)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"Return the equal parts, or those between indices, of dimension {dim_of(3)} (see `tensor_split`)."
    )
    return method(function)


hsplit = _split_along("hsplit", lambda ndim: 0 if ndim == 1 else 1, 1)
vsplit = _split_along("vsplit", lambda ndim: 0, 2)
dsplit = _split_along("dsplit", lambda ndim: 2, 3)


def _existing(input: Tensor, dim: int, name: str) -> int:
    """Return `dim` counted from the front.

    Raises:
        IndexError: if there is no such dimension.
    """
    if input.ndim == 0:
        raise IndexError(f"{name}: a tensor without dimensions cannot be taken apart")
    return normalize_dim(dim, input.ndim)
