"""Where arrays come from: the array library ("namespace") that an op's forward computes with.

Every forward gets the namespace as its first argument and calls nothing else, so the same ops run on any library
that offers NumPy's functions. NumPy is the one that is always there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # numpy.ndarray, or the array type of another registered namespace
Namespace = Any

_namespaces: dict[type, Namespace] = {np.ndarray: np}


def register_namespace(array_type: type, namespace: Namespace) -> None:
    """Let arrays of `array_type` be computed by `namespace`, a module with NumPy's functions."""
    _namespaces[array_type] = namespace


def namespace_of(arrays: tuple[Array, ...]) -> Namespace:
    """Return the namespace of the first array that is not NumPy's, or NumPy."""
    for array in arrays:
        found = _namespaces.get(type(array), np)
        if found is not np:
            return found
    return np
