"""Lets the functions of this room take tensors or arrays, and give back the kind they were given."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

import koubai
from koubai.engine.tensor import Tensor

Values = Tensor | ArrayLike
Kind = TypeVar("Kind")


def to_array(values: Any) -> NDArray[Any]:
    """The numbers of a tensor or an array-like, without copying them where that can be avoided."""
    return np.asarray(values.numpy(force=True) if isinstance(values, Tensor) else values)


def same_kind(array: NDArray[Any], example: Kind) -> Kind:
    """Give `array` back as a tensor where `example` is one, else as an array."""
    kind: Any = koubai.from_numpy(np.ascontiguousarray(array)) if isinstance(example, Tensor) else array
    return kind  # type: ignore[no-any-return]
