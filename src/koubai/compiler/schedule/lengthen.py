"""Kernels of a few equal layers made those of many: what `graph/shorten.py` has left out is put back.

The kernels of one more layer are those of its neighbour on the buffers of the next layer.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.kernel import Host, Kernel, Repeat, Scatter, Strips
from koubai.compiler.language.renamed import renamed
from koubai.compiler.language.signature import signature
from koubai.compiler.layers import Layers, NotAlike

_ALONE = (Host, Repeat, Scatter)  # kernels that belong to no layer
Chains = Sequence[tuple[list[Buffer], list[Buffer]]]


def lengthened(kernels: list[Kernel], chains: Chains, more: int, fixed: Iterable[Buffer]) -> list[Kernel]:
    """Return the kernels of a deeper program.

    Args:
        kernels: of a program, in an order in which they can run.
        chains: inputs that take each other's place from layer to layer: those of the program, and of the deeper one.
        more: how many layers the deeper one has more.
        fixed: buffers that belong to no layer.

    Raises:
        NotAlike: if the kernels of the layers differ too much.
    """
    layered = {buffer for few, _ in chains for buffer in few}
    names = [_names(kernel) for kernel in kernels]
    keys = [(_key(kernel), *(_role(b, layered) for b in of)) for kernel, of in zip(kernels, names)]
    alone = [(buffer,) for buffer in fixed]
    layers = Layers([*keys, *(object() for _ in alone)], [*names, *alone], [few for few, _ in chains])
    if not layers.count:
        raise NotAlike
    longer = _longer(layers.chains, chains, more)
    found: list[Kernel] = []
    becomes: dict[Buffer, Buffer] = {}
    copies: dict[Kernel, int] = {}
    for n, new in layers.deepened(more, longer):
        if n < len(kernels):
            buffers = dict(zip(names[n], new))
            becomes.update((buffers[b], buffers[b.becomes]) for b in buffers if b.becomes is not None)
            found.append(_on(kernels[n], buffers, copies))
    for buffer, state in becomes.items():
        buffer.becomes = state
    return found


def _role(buffer: Buffer, layered: set[Buffer]) -> Hashable:
    """Return what buffers at the same place of equal layers have in common; buffers of no layer are only themselves."""
    return (
        (buffer.home, buffer.becomes is None) if buffer.home is Home.SCRATCH or buffer in layered else buffer
    )


def _key(kernel: Kernel) -> Hashable:
    """Return what kernels of equal layers have in common."""
    if isinstance(kernel, Strips):
        axes = (kernel.thread, *kernel.loops)
        return (tuple(axis.size for axis in axes), *map(signature, kernel.body))
    return kernel if isinstance(kernel, _ALONE) else signature(kernel)


def _names(kernel: Kernel) -> list[Buffer]:
    """Return the buffers of a kernel, and the states whose next values they are, in the order of equal kernels."""
    if isinstance(kernel, Strips):
        return [buffer for inner in kernel.body for buffer in _names(inner)]
    own = list(kernel.reads | kernel.writes) if isinstance(kernel, _ALONE) else kernel.buffers
    return [*own, *(buffer.becomes for buffer in own if buffer.becomes is not None)]


def _longer(found: Sequence[list[Buffer]], chains: Chains, more: int) -> list[list[Buffer]]:
    """Return the chains of the deeper program, with new buffers where there are none yet."""
    known = {few[0]: (few, many) for few, many in chains}
    longer = []
    for chain in found:
        few, many = known.get(chain[0], ([], []))
        middle = len(chain) // 2
        if few == chain:
            longer.append(many)
        elif chain[middle].home is Home.SCRATCH:
            new = [
                replace(chain[middle], name=f"{chain[middle].name}.{n}", becomes=None) for n in range(more)
            ]
            longer.append([*chain[:middle], *new, *chain[middle:]])
        else:
            raise NotAlike
    return longer


def _on(kernel: Kernel, buffers: Mapping[Buffer, Buffer], copies: dict[Kernel, int]) -> Kernel:
    """Return a kernel on other buffers; `copies` counts the names that were given."""
    if all(one is other for one, other in buffers.items()):
        return kernel
    number = copies[kernel] = copies.get(kernel, -1) + 1
    return renamed(kernel, buffers, f"{kernel.name}.{number}")
