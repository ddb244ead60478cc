"""Where tensors live: `device("cpu")`, `device("cuda")`, and how arrays get from one to the other.

A kind of device is the name of an array library. The CPU's is NumPy; that of "cuda", CuPy, is looked for when it is
first needed; `add_device` adds another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from koubai import arrays
from koubai.arrays import NUMPY, Array, Library

__all__ = ["device"]


def _cuda() -> Library:
    from koubai.cupy_arrays import library

    found = library()
    arrays.add_library(found)
    return found


_KINDS: dict[str, Callable[[], Library]] = {"cpu": lambda: NUMPY, "cuda": _cuda}


def add_device(library: Library) -> None:
    """Let tensors live on another kind of device, `library.device`, and be computed there by its library."""
    arrays.add_library(library)
    _KINDS[library.device] = lambda: library


class device:
    """The name of a device, such as "cpu" or "cuda:0"; it equals that string, and prints as it.

    Attributes:
        type: the kind of device, "cpu" or "cuda".
        index: which of that kind, or None for the present one.

    Raises:
        RuntimeError: for a kind of device that there is not. Whether this machine has one is seen on its first use.
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        kind, _, number = (str(type) if not isinstance(type, int) else f"cuda:{type}").partition(":")
        if kind not in _KINDS or (number and not number.isdecimal()):
            raise RuntimeError(f"there is no device {str(type)!r}; the kinds are {', '.join(_KINDS)}")
        self.type = kind
        self.index = int(number) if number else index

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, device | str) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def has(self, other: device) -> bool:
        """Whether what lives on `other` is where this name asks for: without an index, any of the kind will do."""
        return self.type == other.type and self.index in (None, other.index)


CPU = device("cpu")


def place(name: Any) -> device:
    """Return the device of that name; None means the CPU."""
    return CPU if name is None else name if isinstance(name, device) else device(name)


def device_of(array: Array) -> device:
    """Return where an array lives; what has no values yet counts as the CPU's."""
    library = arrays.library_of((array,))
    return CPU if library is NUMPY else device(library.device, library.number(array))


def put(array: Array, where: device) -> Array:
    """Return a copy of an array, wherever it lives, on another device.

    Raises:
        RuntimeError: if this machine has no such device, or nothing that computes on it.
    """
    there = _KINDS[where.type]()
    return there.put(fetch(array), where.index)


def fetch(array: Array) -> np.ndarray[Any, Any]:
    """Return the values of an array, wherever it lives, as a NumPy array."""
    found: np.ndarray[Any, Any] = arrays.library_of((array,)).fetch(array)
    return found


def full(shape: tuple[int, ...], value: np.ndarray[Any, Any], where: device) -> Array:
    """Return an array filled with one number, made where it will live."""
    if where.type == "cpu":  # memory comes full of zeros, which then costs nothing until it is used
        return np.full(shape, value) if any(value.tobytes()) else np.zeros(shape, value.dtype)
    there = _KINDS[where.type]()
    with there.on(where.index):
        return there.namespace.full(shape, value.item(), dtype=value.dtype)
