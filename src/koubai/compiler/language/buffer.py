"""Memory for an array: its shape, and how it lies there."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from koubai.arrays import Array
from koubai.dtypes import DType


class Home(Enum):
    """Where the memory of a buffer comes from."""

    ARGUMENT = "argument"  # an array of the caller, read where it lies
    STATE = "state"  # lives in the arena from step to step: parameters, optimizer state, buffers of layers
    CONSTANT = "constant"  # written into the arena once
    NUMBER = "number"  # a number that the host gives anew for each step
    RESULT = "result"  # in the arena until the caller has taken it
    SCRATCH = "scratch"  # in the arena while it is needed


@dataclass(eq=False)
class Buffer:
    """An array in memory.

    Attributes:
        name: for people.
        shape: as the program sees it.
        dtype: of the elements.
        home: where the memory comes from.
        order: the dimensions as they lie in memory, outermost first.
        array: the elements of a constant.
        border: the value that all elements have from the start, of which some are never written: the zeros around
            an image. None if there are no such elements.
        becomes: the state whose next value this is.
        gap: unused elements behind each row, a row being the elements along the innermost dimension.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    home: Home = Home.SCRATCH
    order: tuple[int, ...] = field(default=())
    array: Array | None = None
    border: Any = None
    becomes: Buffer | None = None
    gap: int = 0

    def __post_init__(self) -> None:
        if not self.order:
            self.order = tuple(range(len(self.shape)))

    @cached_property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def extent(self) -> int:
        """The number of elements that its memory has room for: its own, and the gaps."""
        return self.size + (self.size // self.shape[self.order[-1]] * self.gap if self.gap else 0)

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return (self.extent if self.gap else self.size) * self.dtype.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """For each dimension, how many elements its neighbours lie apart."""
        strides = [0] * len(self.shape)
        step, gap = 1, self.gap
        for dimension in reversed(self.order):
            strides[dimension] = step
            step *= self.shape[dimension] + gap
            gap = 0
        return tuple(strides)

    def another(self, name: str) -> Buffer:
        """Return a buffer like this one, with another name, that becomes nothing yet."""
        return Buffer(
            name, self.shape, self.dtype, self.home, self.order, self.array, self.border, gap=self.gap
        )

    def __repr__(self) -> str:
        return f"{self.name}: {self.dtype}{list(self.shape)}"
