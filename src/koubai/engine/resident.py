"""A value that lives in the memory of a compiled step until somebody asks for it.

A compiled step keeps parameters where its code wants them. The tensor holds a `Resident` then, and gets an array of its
own when it is read; a step that follows another without anybody looking in between copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from koubai.arrays import Array
from koubai.dtypes import DType

__all__: list[str] = []


class Resident:
    """The payload of a tensor whose value is elsewhere.

    Args:
        shape, dtype: of the value.
        fetch: returns the value as an array that nobody changes afterwards, or raises if there is none.
    """

    __slots__ = ("_array", "dtype", "fetch", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: DType, fetch: Callable[[], Array]) -> None:
        self.shape = shape
        self.dtype = dtype
        self.fetch = fetch
        self._array: Array | None = None

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def array(self) -> Array:
        """The value, fetched once."""
        if self._array is None:
            self._array = self.fetch()
        return self._array

    def holds(self, payload: object) -> bool:
        """Whether `payload` is this value: itself, or the array that it was fetched as."""
        return payload is self or (self._array is not None and payload is self._array)

    def forget(self) -> None:
        """Note that the value has changed where it lives."""
        self._array = None
