"""Right factors of products that are computed where they are read, and never stored.

What a loop nest makes of each element, such as the gradient of a pooling, is made in registers if the product reads
each element once. It is done within strips, where the nest would write what the product then reads at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import Expression, made
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, Strips, by_buffer
from koubai.compiler.llvm.bodies import body_of
from koubai.compiler.llvm.products import ContractionFunction
from koubai.compiler.runtime.target import Target


def with_prologues_in_strips(kernels: Sequence[Kernel], kept: set[Buffer], target: Target) -> list[Kernel]:
    """Let products in strips compute their right factors, where nobody else needs these.

    Args:
        kernels: in an order in which they can run.
        kept: buffers that are needed after the last kernel.
        target: the processor.
    """
    touching = by_buffer((kernel, kernel.reads | kernel.writes) for kernel in kernels)

    def changed(strips: Strips) -> Strips:
        alone = {buffer for buffer in strips.writes - kept if touching[buffer] == [strips]}
        return replace(strips, body=_body(strips.body, alone, target))

    return [changed(kernel) if isinstance(kernel, Strips) else kernel for kernel in kernels]


def _body(body: list[Kernel], alone: set[Buffer], target: Target) -> list[Kernel]:
    """Return what is done for one strip, with as many prologues as there can be.

    Args:
        body: what was done.
        alone: buffers that are neither read nor written elsewhere.
        target: the processor.
    """
    found = list(body)
    for product in body:
        if isinstance(product, Contraction) and product.right.detail in alone:
            makers = [k for k in found if product.right.detail in k.writes]
            readers = [k for k in found if product.right.detail in k.reads]
            if len(makers) == 1 and readers == [product]:
                value = _value(makers[0], product, found)
                if value is not None and _reads_once(product, target):
                    found[found.index(product)] = replace(product, right=made(product.right, value))
                    found.remove(makers[0])
    return found


def _value(maker: Kernel, product: Contraction, body: list[Kernel]) -> Expression | None:
    """Return what a product's right factor is made of; None if that is more than a value for each element."""
    if not is_plain(maker) or product.right.detail.border is not None or is_overwritten(maker, product, body):
        return None
    turn = turn_of(maker, product.right)
    return None if turn is None else maker.stores[0].value.replace(turn)


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


def is_overwritten(maker: Loops, user: Kernel, kernels: list[Kernel]) -> bool:
    """Whether what a kernel reads is written before a later kernel could read it."""
    between = kernels[kernels.index(maker) + 1 : kernels.index(user)]
    return any(kernel.writes & maker.reads for kernel in between)


def _reads_once(product: Contraction, target: Target) -> bool:
    """Whether all rows of a product are one tile, so that each element of its right factor is read once."""
    function = body_of(product, target, 1)
    return (
        isinstance(function, ContractionFunction) and product.precision is None and function.reads_right_once
    )
