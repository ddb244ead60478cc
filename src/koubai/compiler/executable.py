"""A compiled step in memory: its code, its arena, and how to run it once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from koubai.arrays import Array
from koubai.compiler.build import Blueprint
from koubai.compiler.buffer import Buffer, Home
from koubai.compiler.kernel import Host
from koubai.compiler.llvm.driver import between_hosts
from koubai.compiler.runtime import Arena
from koubai.compiler.runtime.objects import Library
from koubai.compiler.runtime.pool import pool


class Executable:
    """Code and memory of one step.

    Args:
        blueprint: what the step is.
        library: its code.
        threads: how many run it.
    """

    def __init__(self, blueprint: Blueprint, library: Library, threads: int) -> None:
        self.blueprint = blueprint
        self.threads = threads
        self.arena = Arena(blueprint.plan.size + 64)
        self._library = library
        self._entries = [library.address(name) for name in blueprint.parts]
        self._hosts = [[k for k in p.kernels if isinstance(k, Host)] for p in blueprint.phases if p.is_host]
        self._native = [bool(run) for run in between_hosts(blueprint.phases)]
        self._frame = np.zeros(2 + len(blueprint.arguments), np.int64)
        self._frame[0] = self.arena.address
        self._frame[1] = pool().control
        self._arguments: dict[Buffer, Array] = {}
        self.numbers = [self.view(b) for b in blueprint.numbers]
        self.states = [self.view(b) for b in blueprint.states]
        self.results = [self.view(b) for b in blueprint.results]
        self.flags = [(name, self.view(b)) for name, b in blueprint.flags]
        for buffer in blueprint.constants:
            self.view(buffer)[...] = buffer.array
        for buffer in blueprint.borders:
            self.view(buffer)[...] = buffer.border

    def view(self, buffer: Buffer) -> Array:
        """Return a buffer as an array of the shape that the program sees."""
        if buffer.home is Home.ARGUMENT:
            return self._arguments[buffer]
        lying = tuple(buffer.shape[dim] for dim in buffer.order)
        array = self.arena.view(self.blueprint.plan.offsets[buffer], lying, buffer.dtype)
        return array.transpose(tuple(np.argsort(buffer.order))) if buffer.order else array

    def run(self, arguments: Sequence[Array]) -> bool:
        """Run the step on arrays that lie row by row, and return whether all went well.

        If something did not, no state has changed, and `flags` says what it was.
        """
        for number, (buffer, array) in enumerate(zip(self.blueprint.arguments, arguments)):
            self._arguments[buffer] = array
            self._frame[2 + number] = array.ctypes.data
        frame = self._frame.ctypes.data
        for number, entry in enumerate(self._entries):
            if number:
                self._run_hosts(self._hosts[number - 1])
            if self._native[number]:
                pool().run(entry, frame, self.threads)
        return all(flag for _, flag in self.flags)

    def _run_hosts(self, kernels: Sequence[Host]) -> None:
        for kernel in kernels:
            operands = tuple(self.view(buffer) for buffer in kernel.inputs)
            with np.errstate(all="ignore"):
                results = kernel.node.op.run(operands, kernel.node.attributes)
            for buffer, array in zip(kernel.outputs, results):
                self.view(buffer)[...] = array


def take(view: Array) -> Array:
    """Return what a view shows now as an array of its own, row by row."""
    return np.array(view, order="C")


__all__ = ["Any", "Executable", "take"]
