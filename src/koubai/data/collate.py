"""Makes one batch of a list of samples: numbers and arrays become tensors with one more dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import koubai
from koubai.engine.tensor import Tensor
from koubai.functions.creation import tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Join samples of the same structure into one batch, as `torch.utils.data.default_collate` does.

    Tensors and arrays of shape S become one tensor (len(batch), *S); Python floats become float64, ints
    int64; strings and bytes stay a list; dicts, tuples, named tuples and lists are joined item by item, and
    tuples come back as lists.

    Args:
        batch: at least one sample.

    Raises:
        RuntimeError: when samples differ in shape or length.
        TypeError: when a sample holds something that cannot be joined.

    Example:
        >>> default_collate([(0, "zero"), (1, "one")])
        [tensor([0, 1]), ('zero', 'one')]
    """
    first = batch[0]
    for kind, join in _JOINS:
        if isinstance(first, kind):
            return join(batch)
    raise TypeError(
        f"cannot make a batch of {type(first).__name__}: samples may hold tensors, arrays, numbers, strings, "
        "dicts, tuples and lists; for anything else give the DataLoader a collate_fn"
    )


def default_convert(sample: Any) -> Any:
    """Turn the arrays and NumPy numbers in one sample into tensors, and leave all else as it is."""
    if isinstance(sample, np.ndarray | np.number | np.bool_):
        return koubai.as_tensor(sample) if sample.dtype.kind in "biufc" else sample
    if isinstance(sample, Mapping):
        return {key: default_convert(value) for key, value in sample.items()}
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*map(default_convert, sample))
    return [default_convert(item) for item in sample] if isinstance(sample, tuple | list) else sample


def _join_tensors(batch: Sequence[Tensor]) -> Tensor:
    shapes = {tuple(tensor.shape) for tensor in batch}
    if len(shapes) > 1:
        raise RuntimeError(
            f"the samples of a batch have different shapes: {', '.join(map(str, sorted(shapes)))}; make them "
            "equal (pad or crop), or give the DataLoader a collate_fn"
        )
    stacked: Tensor = koubai.stack(list(batch))
    return stacked


def _join_arrays(batch: Sequence[Any]) -> Tensor:
    if batch[0].dtype.kind not in "biufc":
        raise TypeError(
            f"cannot make a tensor of arrays with dtype {batch[0].dtype}; give the DataLoader a collate_fn"
        )
    return _join_tensors([koubai.as_tensor(array) for array in batch])


def _join_mappings(batch: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    return {key: default_collate([sample[key] for sample in batch]) for key in batch[0]}


def _join_sequences(batch: Sequence[Any]) -> Any:
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise RuntimeError(f"the samples of a batch have different lengths: {sorted(lengths)}")
    joined = [default_collate(items) for items in zip(*batch)]
    return type(batch[0])(*joined) if hasattr(batch[0], "_fields") else joined


# The first kind that fits decides, so bool stands before int, whose subclass it is.
_JOINS: list[tuple[Any, Callable[[Any], Any]]] = [
    (Tensor, _join_tensors),
    ((np.ndarray, np.number, np.bool_), _join_arrays),
    (bool, lambda batch: tensor(batch)),
    (float, lambda batch: tensor(batch, dtype=np.float64)),
    (int, lambda batch: tensor(batch)),
    ((str, bytes), lambda batch: batch),
    (Mapping, _join_mappings),
    (Sequence, _join_sequences),
]
