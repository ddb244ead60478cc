"""One block of memory in which a compiled step has all its arrays."""

from __future__ import annotations

import contextlib
import math
import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.dtypes import DType

_PAGE = 4096
_HUGE = 2 << 20  # bytes of a huge page, where there are any


class Arena:
    """A block of zeros that begins on a page of its own; freed when it and its views are garbage.

    Args:
        size: in bytes.

    Raises:
        MemoryError: if there is not so much memory.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        alignment = _HUGE if size >= _HUGE else _PAGE
        block = _zeros(size + alignment)
        skip = -block.ctypes.data % alignment
        self._block = block[skip : skip + size]
        self.address: int = self._block.ctypes.data

    def view(self, offset: int, shape: Sequence[int], dtype: DType) -> NDArray[Any]:
        """Return the array that begins `offset` bytes into the block; it keeps the block alive.

        Raises:
            ValueError: if it does not lie within the block.
        """
        size = math.prod(shape) * dtype.itemsize
        if offset < 0 or offset + size > self.size:
            raise ValueError(f"{size} bytes at {offset} are not within an arena of {self.size} bytes")
        return self._block[offset : offset + size].view(dtype).reshape(shape)


def _zeros(size: int) -> NDArray[np.uint8]:
    """Return zeros straight from the system, which hands out pages only when they are first touched."""
    try:
        pages = _private_pages(size)
    except OSError as error:
        raise MemoryError(f"no memory for an arena of {size / 2**20:.0f} MiB: {error}") from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without huge pages
            pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, np.uint8)


def _private_pages(size: int) -> mmap.mmap:
    """Map memory that a forked child gets a copy of, as with all other memory."""
    if hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return mmap.mmap(-1, size)
