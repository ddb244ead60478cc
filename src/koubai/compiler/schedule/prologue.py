"""Kernels whose results a product may compute where it reads them: one value for each element, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from koubai.compiler.language.buffer import Home
from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Kernel, Loops


def is_plain(maker: Kernel) -> TypeGuard[Loops]:
    """Whether a kernel does no more than to store a value for each element of a buffer that holds nothing else."""
    if not isinstance(maker, Loops) or len(maker.stages) != 1 or maker.stages[0].inner:
        return False
    buffers = [store.buffer for store in maker.stores]
    return len(buffers) == 1 and buffers[0].home is Home.SCRATCH and buffers[0].becomes is None


def turn_of(maker: Loops, read: Expression) -> dict[Axis, Index] | None:
    """Return the turn of a kernel's loops in which it stores what is read; None if that cannot be told.

    The turn is beyond the ends of the loops where the border is read.
    """
    found: dict[Axis, Index] = {}
    for written, wanted in zip(maker.stores[0].indices, read.indices):
        loop = next((axis for axis in written.axes if axis in maker.outer), None)
        if loop is None and written == wanted:
            continue
        if loop is None or written - written.constant != Index.of(loop) or loop in found:
            return None
        found[loop] = wanted - written.constant
    return found if {axis for axis in maker.outer if axis.size > 1} <= set(found) else None


def is_overwritten(maker: Loops, user: Kernel, kernels: Sequence[Kernel]) -> bool:
    """Whether what a kernel reads is written before a later kernel could read it."""
    between = kernels[kernels.index(maker) + 1 : kernels.index(user)]
    return any(kernel.writes & maker.reads for kernel in between)
