"""Phases of a few equal layers made those of many: what `graph/shorten.py` has left out is put back.

The kernels of one more layer are those of its neighbour on the buffers of the next layer, and its phases likewise.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.kernel import Host, Kernel, Repeat, Scatter, Strips
from koubai.compiler.language.renamed import renamed
from koubai.compiler.language.signature import signature
from koubai.compiler.layers import Layers, NotAlike
from koubai.compiler.schedule.phases import Phase

_ALONE = (Host, Repeat, Scatter)  # kernels that belong to no layer
Item = Phase | Kernel
Chains = Sequence[tuple[list[Buffer], list[Buffer]]]


@dataclass
class Deeper:
    """A program with more layers.

    Attributes:
        phases: its kernels.
        over: new values that are written over a state, with that.
        chains: buffers that take each other's place from layer to layer.
    """

    phases: list[Phase] = field(default_factory=list)
    over: dict[Buffer, Buffer] = field(default_factory=dict)
    chains: list[list[Buffer]] = field(default_factory=list)


def lengthened(
    phases: list[Phase],
    chains: Chains,
    more: int,
    fixed: Iterable[Buffer],
    over: Collection[Buffer],
    whole: Collection[Kernel],
) -> Deeper:
    """Return a deeper program.

    Args:
        phases: of a program.
        chains: inputs that take each other's place from layer to layer: those of the program, and of the deeper one.
        more: how many layers the deeper one has more.
        fixed: buffers that belong to no layer.
        over: the new values of the program that are written over a state.
        whole: kernels that are those of the deeper program already.

    Raises:
        NotAlike: if the kernels of the layers differ too much.
    """
    layered = {buffer for few, _ in chains for buffer in few}
    items: list[Item] = []
    for phase in phases:
        items += [phase, *phase.kernels]
    names = [[] if isinstance(item, Phase) or item in whole else _names(item) for item in items]
    keys = [(_key(item), *(_role(b, layered, over) for b in of)) for item, of in zip(items, names)]
    alone = [(buffer,) for buffer in fixed]
    layers = Layers([*keys, *(object() for _ in alone)], [*names, *alone], [few for few, _ in chains])
    if not layers.count:
        raise NotAlike
    longer = _longer(layers.chains, chains, more)
    made = [(items[n], names[n], new) for n, new in layers.deepened(more, longer) if n < len(items)]
    return _written(made, over, longer)


def _written(
    made: Iterable[tuple[Item, Sequence[Buffer], Sequence[Buffer]]],
    over: Collection[Buffer],
    chains: list[list[Buffer]],
) -> Deeper:
    """Return the program that is made of items, each with buffers and what is put in their place."""
    deeper = Deeper(chains=chains)
    becomes: dict[Buffer, Buffer] = {}
    copies: dict[Kernel, int] = {}
    for item, names, new in made:
        if isinstance(item, Phase):
            deeper.phases.append(replace(item, kernels=[]))
            continue
        buffers = dict(zip(names, new))
        deeper.phases[-1].kernels.append(_on(item, buffers, copies))
        for buffer, put in buffers.items():
            if buffer.becomes is not None:
                (deeper.over if buffer in over else becomes)[put] = buffers[buffer.becomes]
    for buffer, state in (*becomes.items(), *deeper.over.items()):
        buffer.becomes = state
    return deeper


def _role(buffer: Buffer, layered: set[Buffer], over: Collection[Buffer]) -> Hashable:
    """Return what buffers at the same place of equal layers have in common; buffers of no layer are only themselves."""
    if buffer.home is Home.SCRATCH or buffer in layered:
        return buffer.home, buffer.becomes is None, buffer in over
    return buffer


def _key(item: Item) -> Hashable:
    """Return what phases and kernels of equal layers have in common."""
    if isinstance(item, Phase):
        return item.meets if item.gate is None else item.gate
    if isinstance(item, Strips):
        axes = (item.thread, *item.loops)
        return (tuple(axis.size for axis in axes), *map(signature, item.body))
    return item if isinstance(item, _ALONE) else signature(item)


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
            new = [chain[middle].another(f"{chain[middle].name}.{n}") for n in range(more)]
            longer.append([*chain[:middle], *new, *chain[middle:]])
        else:
            raise NotAlike
    return longer


def _on(kernel: Kernel, buffers: Mapping[Buffer, Buffer], copies: dict[Kernel, int]) -> Kernel:
    """Return a kernel on other buffers; `copies` counts the names that were given."""
    if list(buffers) == list(buffers.values()):
        return kernel
    number = copies[kernel] = copies.get(kernel, -1) + 1
    return renamed(kernel, buffers, f"{kernel.name}.{number}")
