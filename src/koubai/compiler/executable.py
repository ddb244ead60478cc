"""A compiled step in memory: its code, its arena, and how to run it once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from koubai import dtypes
from koubai.arrays import Array
from koubai.compiler.llvm.many import DONE, NAME
from koubai.compiler.outline import Call, Outline, Place
from koubai.compiler.runtime import Arena
from koubai.compiler.runtime.objects import Library
from koubai.compiler.runtime.pool import Pool, pool


class Executable:
    """Code and memory of one step.

    Args:
        outline: where everything is.
        library: its code.
        threads: how many run it.

    Attributes:
        numbers: a view of those in the arena, side by side.
        states, results: views of the arena.
        flags: (what went wrong if it is false, view) pairs.
    """

    def __init__(self, outline: Outline, library: Library, threads: int, arguments: int) -> None:
        self.outline = outline
        self.threads = threads
        self.arena = Arena(outline.size + threads * outline.scratch + 64)
        self._library = library
        self._entries = [library.address(name) if name else 0 for name in outline.parts]
        self._many = 0 if outline.calls else library.address(NAME)
        self._frame = np.zeros(2 + arguments, np.int64)
        self._address = self._frame.ctypes.data
        self._frame[0] = self.arena.address
        self._pool: Pool | None = None
        self._arguments: Sequence[Array] = ()
        first, _ = outline.spans[0]
        self.numbers = self.arena.view(first, (len(outline.numbers),), dtypes.float64)
        self.states = [self.view(place) for place in outline.states]
        self.results = [self.view(place) for place in outline.results]
        self.flags = [(name, self.view(place)) for name, place in outline.flags]
        for place, elements in outline.filled:
            if any(elements.tobytes()):  # the arena is full of zeros, whose pages nobody has touched yet
                self.view(place)[...] = elements

    def view(self, place: Place) -> Array:
        """Return an array in the arena in the shape that the program sees."""
        lying = tuple(place.shape[dim] for dim in place.order)
        array = self.arena.view(place.offset, lying, place.dtype)
        return array.transpose(tuple(np.argsort(place.order))) if place.order else array

    def run(self, arguments: Sequence[Array]) -> bool:
        """Run the step on arrays that lie row by row, and return whether all went well.

        If something did not, no state has changed, and `flags` says what it was.
        """
        for number, array in enumerate(arguments, 2):
            self._frame[number] = array.__array_interface__["data"][0]
        self._arguments = arguments
        runner = pool()
        if runner is not self._pool:
            self._pool, self._frame[1] = runner, runner.control
        for number, entry in enumerate(self._entries):
            if number:
                for call in self.outline.calls[number - 1]:
                    self._run_on_host(call)
            if entry:
                runner.run(entry, self._address, self.threads)
        self._arguments = ()
        return all(flag for _, flag in self.flags)

    @property
    def can_repeat(self) -> bool:
        """Whether several steps can be run in one call: NumPy has no part in them."""
        return bool(self._many)

    def run_many(self, addresses: Array, numbers: Array) -> tuple[int, list[Array]]:
        """Run a step again and again.

        Args:
            addresses: for each step a row of the places in memory where its arguments lie, row by row.
            numbers: for each step a row of numbers.

        Returns:
            how many steps went well, and the results of all of them, stacked. Behind the last of them nothing has
            changed.
        """
        (_, given), (first, taken) = self.outline.spans
        table = np.zeros((len(numbers), max(given // 8, 1)))
        table[:, : numbers.shape[1]] = numbers
        block = np.zeros((len(numbers), taken), np.uint8)
        runner = pool()
        self._pool, self._frame[1] = runner, runner.control
        places = np.ascontiguousarray(addresses, np.int64)
        words = [self._address, len(numbers), *(a.ctypes.data for a in (table, block)), 0, places.ctypes.data]
        call = np.array(words, np.int64)
        runner.run(self._many, call.ctypes.data, self.threads)
        return int(call[DONE]), [self._column(block, place, first) for place in self.outline.results]

    def _column(self, block: Array, place: Place, first: int) -> Array:
        """Return one result of all steps."""
        start = place.offset - first
        size = math.prod(place.shape) * place.dtype.itemsize
        column = np.ascontiguousarray(block[:, start : start + size]).view(place.dtype)
        return column.reshape(len(block), *place.shape)

    def _run_on_host(self, call: Call) -> None:
        node = call.host.node
        operands = tuple(
            self._arguments[x].reshape(s.shape) if isinstance(x, int) else self.view(x)
            for x, s in zip(call.inputs, node.inputs)
        )
        with np.errstate(all="ignore"):
            results = node.op.run(operands, node.attributes)
        for place, array in zip(call.outputs, results):
            self.view(place)[...] = array
