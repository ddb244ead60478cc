"""A value that lives in the memory of a compiled step until somebody asks for it.

A compiled step keeps parameters where its code wants them. The tensor holds a `Resident` then, and gets an array of its
own when it is read; a step that follows another without anybody looking in between copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from koubai.arrays import Array
from koubai.dtypes import DType

__all__: list[str] = []


class Resident:
    """The payload of a tensor whose value is elsewhere.

    Args:
        shape, dtype: of the value.
        there: returns the value where it lives, as an array that changes with it, or raises if there is none.
    """

    __slots__ = ("_array", "_changes", "_copy_of", "dtype", "shape", "there")

    def __init__(self, shape: tuple[int, ...], dtype: DType, there: Callable[[], Array]) -> None:
        self.shape = shape
        self.dtype = dtype
        self.there = there
        self._array: Array | None = None
        self._changes = 0
        self._copy_of: tuple[Resident, int] | None = None  # another one, after so many changes

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def array(self) -> Array:
        """The value as an array that nobody changes afterwards, fetched once."""
        if self._array is None:
            self._array = np.array(self.there(), order="C")
        return self._array

    def holds(self, payload: object) -> bool:
        """Whether `payload` is this value: itself, the array that it was fetched as, or what it was copied from."""
        if payload.__class__ is Resident and payload is not self:
            return self._copy_of is not None and self._copy_of == (payload, payload._changes)
        return payload is self or (self._array is not None and payload is self._array)

    def take(self, payload: Array | Resident) -> None:
        """Change the value, where it lives, to that of a payload."""
        self.forget()
        if isinstance(payload, Resident):
            self.there()[...] = payload.there() if payload._array is None else payload._array
            self._copy_of = payload, payload._changes
        else:
            self.there()[...] = payload
            self._array = payload

    def forget(self) -> None:
        """Note that the value has changed where it lives."""
        self._array = self._copy_of = None
        self._changes += 1
