"""What PyTorch's old constructors mean by their arguments: `Tensor(2, 3)` names a shape, `Tensor([2, 3])` elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from koubai import dtypes
from koubai.arrays import Array
from koubai.engine.size import Size

PLAIN = frozenset({int, float, bool, str, list, tuple, Size})  # classes of arguments that are no array


def array_of(arguments: tuple[Any, ...], dtype: dtypes.DType | None = None) -> Array:
    """Return the array that is meant.

    Args:
        arguments: the lengths of its dimensions, or a `Size` (its elements are then 0); or nested lists of elements.
        dtype: by default the default floating type.

    Raises:
        TypeError: for anything else.
    """
    chosen = dtypes.as_dtype(dtype)
    if all(type(argument) is int for argument in arguments):
        return np.zeros(arguments or (0,), chosen)
    if len(arguments) == 1 and isinstance(arguments[0], Size):
        return np.zeros(arguments[0], chosen)
    if len(arguments) > 1 or isinstance(arguments[0], float | str):
        raise TypeError(f"a tensor is made of lengths or a list, not {arguments}; use koubai.tensor(data)")
    return np.array(arguments[0], chosen)
