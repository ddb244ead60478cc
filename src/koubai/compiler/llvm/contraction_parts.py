"""The pieces that a contraction is written in, and what the writing of each piece needs to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from koubai.compiler.llvm.contraction_tiles import Axis, Product, Tiling, is_blocked
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer


class Epilogue(Protocol):
    """Writes what becomes of one vector of sums, or of those of a window."""

    def __call__(
        self, outer: list[Int], row: Int, column: Int, values: list[Value], mask: Value | None
    ) -> None:
        """Write it.

        Args:
            outer, row, column: the indices of the first lane.
            values: the sums of neighbouring columns, for each turn of the window.
            mask: which lanes are columns of the output, where not all are; the others sum products with 0.
        """


class Fetch(Protocol):
    """Asks for the memory that an epilogue will touch."""

    def __call__(self, outer: list[Int], row: Int, column: Int) -> None:
        """Write it; the arguments are those of `Epilogue`."""


class Made(Protocol):
    """Computes a vector of the right side."""

    def __call__(self, depth: list[Int], column: Int, lanes: int, mask: Value | None) -> Value:
        """Write it.

        Args:
            depth: the indices that are summed over.
            column: the index of the first lane.
            lanes: of the vector.
            mask: which lanes are columns, where not all are.
        """


@dataclass(frozen=True)
class Job:
    """A contraction that is being written; without `made` the right side is loaded."""

    w: Writer
    product: Product
    tiling: Tiling
    epilogue: Epilogue
    fetch: Fetch | None
    scratch: str
    made: Made | None = None

    @property
    def blocked(self) -> bool:
        """Whether sums wait in memory between passes over the depth."""
        return is_blocked(self.product, self.tiling)

    def moved(self, pointer: str, strides: Sequence[int], indices: Sequence[Int]) -> str:
        """Return the address some steps away from a pointer."""
        offset: Int = 0
        for stride, index in zip(strides, indices):
            offset = self.w.add(offset, self.w.mul(index, stride))
        return self.w.at(pointer, offset, self.product.dtype)

    def each(self, first: Int, end: Int, body: Callable[[Int], None], step: int = 1) -> None:
        """Write a loop that carries nothing from turn to turn."""

        def turn(i: Int, _: list[Value]) -> list[Value]:
            body(i)
            return []

        self.w.loop(first, end, step, turn)


@dataclass(frozen=True)
class Unit:
    """One turn of the loop over the outer indices: its number, the indices, and where the factors are."""

    number: Int
    outer: list[Int]
    left: str
    right: str


@dataclass(frozen=True)
class Panel:
    """Neighbouring columns: the first, how many vectors, and the mask of the last vector."""

    column: Int
    vectors: int
    mask: Value | None

    def mask_of(self, vector: Int) -> Value | None:
        """Return the mask of one of the vectors."""
        return self.mask if vector == self.vectors - 1 else None


@dataclass(frozen=True)
class Rows:
    """Neighbouring rows, in each of `span` outer steps and each of `turns` turns of the window."""

    unit: Unit
    first: Int
    count: int
    span: int
    turns: int = 1


@dataclass(frozen=True)
class Tile:
    """The sums that stay in registers together: some rows of a panel."""

    rows: Rows
    panel: Panel

    @property
    def places(self) -> list[tuple[int, int, int]]:
        """The (step, row, vector) of each sum, in order; the turns of the window are steps of each outer step."""
        steps, rows, vectors = self.rows.span * self.rows.turns, self.rows.count, self.panel.vectors
        return [(s, r, v) for s in range(steps) for r in range(rows) for v in range(vectors)]


@dataclass(frozen=True)
class Pass:
    """Some steps of the outermost depth index, all of the others.

    Attributes:
        at, steps: the first step, and how many.
        depth: the depth indices, as their steps go in what is read.
        right: where the right side of the first step is.
        mask: of the last vector of the right side.
    """

    at: Int
    steps: Int
    depth: tuple[Axis, ...]
    right: str
    mask: Value | None
