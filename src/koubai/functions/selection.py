"""Reading the index of `x[index]`: its basic part (integers, slices, None, ...) says which view is meant, and the rest
are integer tensors and masks, each for some dimensions of that view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.operands import to_tensor
from koubai.functions.placing import on_device
from koubai.ops import movement as ops
from koubai.ops.op import Shape, Symbol


@dataclass
class Selection:
    """What an index selects.

    Attributes:
        spans: for each dimension of the tensor, the part that the view keeps.
        shape: the shape of the view.
        tensors: the integer tensors and masks, by the dimension of the view at which they begin.
    """

    spans: list[ops.Span] = field(default_factory=list)
    shape: list[int] = field(default_factory=list)
    tensors: dict[int, Tensor] = field(default_factory=dict)

    def keep(self, *spans: ops.Span) -> None:
        """Take dimensions over, each within a span."""
        self.spans.extend(spans)
        self.shape.extend(len(range(*span)) for span in spans)

    def view(self, x: Tensor) -> Tensor:
        """Return the view of `x`, whose shape the index was read for; `x` itself if it is all of it for tensors."""
        whole = self.spans == [(0, length, 1) for length in x.shape]
        part = x if whole and self.tensors else ops.slice_(x, spans=tuple(self.spans))
        return ops.reshape(part, shape=tuple(self.shape)) if tuple(self.shape) != part.shape else part


def read_index(input: Tensor, index: Any) -> Selection:
    """Read an index of a tensor; the tensors in it are brought to where that lives.

    Raises:
        IndexError: if it has too many parts, or one of a wrong type, shape or range.
        ValueError: if the step of a slice is not positive.
    """
    shape = input.shape
    items = [_plain(item, input) for item in (index if isinstance(index, tuple) else (index,))]
    used = sum(_dimensions(item) for item in items)
    if used > len(shape):
        raise IndexError(f"the index is for {used} dimensions, but {list(shape)} has only {len(shape)}")
    dots = next((at for at, item in enumerate(items) if item is Ellipsis), len(items))
    missing = [slice(None)] * (len(shape) - used)
    selection = Selection()
    for item in [*items[:dots], *missing, *items[dots + 1 :]]:
        _take(selection, shape, item)
    return selection


def is_mask(item: Any) -> bool:
    """Tell whether a part of an index is a bool tensor."""
    return isinstance(item, Tensor) and item.dtype == dtypes.bool_


def _plain(item: Any, input: Tensor) -> Any:
    """Return a part of an index as an int, slice, None, ... or tensor; a bool as a mask."""
    if isinstance(item, bool | np.bool_):
        return to_tensor(np.asarray(item))
    if item is None or item is Ellipsis or isinstance(item, int | slice):
        return item
    if not isinstance(item, Tensor | np.ndarray | np.integer | Sequence) or isinstance(item, str):
        raise IndexError(
            f"an index is made of integers, slices, None, ... and tensors, not {type(item).__name__}"
        )
    tensor = to_tensor(item if isinstance(item, Tensor | np.ndarray) else _from_list(item))
    if tensor.dtype == dtypes.uint8 or dtypes.is_floating(tensor.dtype):
        raise IndexError(
            f"tensors in an index must be integers or bool, not {tensor.dtype}; use .long() or .bool()"
        )
    if tensor.ndim == 0 and not is_mask(tensor) and not isinstance(tensor.payload, Symbol):
        return int(tensor.item())
    return on_device(tensor, input.device)


def _from_list(items: Any) -> Any:
    array = np.asarray(items)
    return array if array.size else array.astype(np.int64)  # NumPy makes [] floating


def _dimensions(item: Any) -> int:
    """Return how many dimensions of the tensor a part of an index is for."""
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if is_mask(item) else 1


def _take(selection: Selection, shape: Shape, item: Any) -> None:
    """Add one part of an index to the selection."""
    at = len(selection.spans)
    if item is None:
        selection.shape.append(1)
    elif isinstance(item, int):
        selection.spans.append(_one(item, shape[at], at))
    elif isinstance(item, slice):
        selection.keep(_span(item, shape[at]))
    else:
        _take_tensor(selection, shape, item, at)


def _take_tensor(selection: Selection, shape: Shape, tensor: Tensor, at: int) -> None:
    """Add an integer tensor or a mask to the selection, and keep the dimensions that it is for.

    Raises:
        IndexError: if a mask has not the shape of those dimensions.
    """
    lengths = shape[at : at + _dimensions(tensor)]
    if is_mask(tensor) and tensor.shape != lengths:
        raise IndexError(f"a mask of shape {list(tensor.shape)} does not fit {list(shape)} at dimension {at}")
    selection.tensors[len(selection.shape)] = tensor
    if not lengths:  # a single bool takes all or nothing, along a new dimension
        selection.shape.append(1)
    selection.keep(*((0, length, 1) for length in lengths))


def _one(index: int, length: int, dim: int) -> ops.Span:
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range for dimension {dim}, which has size {length}")
    return (index % length, index % length + 1, 1)


def _span(part: slice, length: int) -> ops.Span:
    if part.step is not None and part.step <= 0:
        raise ValueError(f"the step of a slice must be positive, not {part.step}; flip() reverses")
    start, stop, step = part.indices(length)
    return (start, max(start, stop), step)
