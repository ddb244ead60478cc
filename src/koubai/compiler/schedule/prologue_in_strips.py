"""Right factors of products in strips that are computed where they are read, and never stored.

What a loop nest would write for a product to read next, such as the gradient of a pooling, is made in registers if the
product reads each element once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import made
from koubai.compiler.language.kernel import Contraction, Kernel, Strips, by_buffer
from koubai.compiler.llvm.bodies import body_of
from koubai.compiler.llvm.products import ContractionFunction
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.prologue import is_overwritten, is_plain, turn_of


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
                changed = _computing(makers[0], product, found)
                if changed is not None and _reads_once(product, target):
                    found[found.index(product)] = changed
                    found.remove(makers[0])
    return found


def _computing(maker: Kernel, product: Contraction, body: list[Kernel]) -> Contraction | None:
    """Return a product that computes its right factor; None if it cannot, or needs that elsewhere."""
    buffer = product.right.detail
    if not is_plain(maker) or buffer.border is not None or is_overwritten(maker, product, body):
        return None
    turn = turn_of(maker, product.right)
    if turn is None:
        return None
    changed = replace(product, right=made(product.right, maker.stores[0].value.replace(turn)))
    return None if buffer in changed.reads else changed


def _reads_once(product: Contraction, target: Target) -> bool:
    """Whether all rows of a product are one tile, so that each element of its right factor is read once."""
    function = body_of(product, target, 1)
    return (
        isinstance(function, ContractionFunction) and product.precision is None and function.reads_right_once
    )
