"""Where arrays come from: the array library ("namespace") that an op's forward computes with.

Every forward gets the namespace as its first argument and calls nothing else, so the same ops run on any library
that offers NumPy's functions. NumPy is the one that is always there, and its arrays are the CPU's; each other library
stands for another kind of device (see `devices`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray, or the array type of another library
Namespace = Any


def _only(array: Array) -> None:
    """The number of the device, where there is but one."""


@dataclass(frozen=True, eq=False)
class Library:
    """An array library, whose arrays live on one kind of device.

    Attributes:
        device: what the kind of device is called, such as "cuda".
        namespace: a module (or an object like one) with NumPy's functions.
        array_type: the class of its arrays.
        put: `put(array, number)` copies a NumPy array to the device of that number, None for the present one.
        fetch: `fetch(array)` copies an array into a NumPy array.
        number: the number of the device that an array lives on, None where there is but one.
        on: `on(number)` is a context in which the library computes on that device.
    """

    device: str
    namespace: Namespace
    array_type: type
    put: Callable[[Any, int | None], Array]
    fetch: Callable[[Array], Any]
    number: Callable[[Array], int | None] = _only
    on: Callable[[int | None], AbstractContextManager[Any]] = nullcontext

    def where(self, array: Array) -> str:
        """Return the name of the device that one of its arrays lives on, such as "cuda:0"."""
        number = self.number(array)
        return self.device if number is None else f"{self.device}:{number}"


NUMPY = Library("cpu", np, np.ndarray, put=lambda array, number: array, fetch=lambda array: array)
_libraries: dict[type, Library] = {np.ndarray: NUMPY}


def add_library(library: Library) -> None:
    """Let the arrays of another library be computed by it."""
    _libraries[library.array_type] = library


def library_of(arrays: Iterable[Array]) -> Library:
    """Return the library of the first array that is not NumPy's, or NumPy."""
    for array in arrays:
        found = _libraries.get(type(array), NUMPY)
        if found is not NUMPY:
            return found
    return NUMPY


def brought(library: Library, number: int | None, arrays: Iterable[Array]) -> list[Array]:
    """Copy NumPy's arrays among some to a device of another library."""
    return [array if type(array) is library.array_type else library.put(array, number) for array in arrays]


def together(name: str, library: Library, arrays: Iterable[Array]) -> tuple[list[Array], int | None]:
    """Return the operands of an op on the device that one of them lives on, and its number.

    A NumPy array of no dimensions, a plain number, may meet arrays elsewhere; anything larger was forgotten there.

    Args:
        name: of the op.
        library: of the operands that are not NumPy's.
        arrays: the operands.

    Raises:
        RuntimeError: if operands live on different devices.
    """
    arrays = list(arrays)
    placed = [a for a in arrays if a.ndim or type(a) is library.array_type]
    devices = [library_of((array,)).where(array) for array in placed]
    if len(set(devices)) > 1:
        each = " and ".join(f"{a.dtype}{list(a.shape)} on {device}" for a, device in zip(placed, devices))
        raise RuntimeError(
            f"{name}: its operands live on different devices: {each}; move them to one, with .to({devices[0]!r})"
        )
    number = next(library.number(array) for array in arrays if type(array) is library.array_type)
    return brought(library, number, arrays), number
