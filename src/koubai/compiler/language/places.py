"""Where an element lies: the index of an access, counted in elements from the start of its buffer."""

from __future__ import annotations

from collections.abc import Iterable

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Axis, Index, depends, weighted
from koubai.compiler.language.kernel import Store


def flat_place(buffer: Buffer, indices: Iterable[Index]) -> Index:
    """Return where the element at `indices` lies."""
    return weighted(zip(indices, buffer.strides))


def flat_index(reference: Expression) -> Index:
    """Return where a load reads, which changes only with the order of its buffer's dimensions and the gap."""
    buffer = reference.detail
    known = reference.flat
    if known is None or known[0] is not buffer.order or known[1] != buffer.gap:
        known = reference.flat = buffer.order, buffer.gap, flat_place(buffer, reference.indices)
    return known[2]


def stored_at(store: Store) -> Index:
    """Return where a store writes."""
    return flat_index(store.read_again)


def step_of(place: Index, axis: Axis) -> int:
    """Return how far one step of a loop moves through memory, or about how far where it is not always the same."""
    steps = [abs(factor) for atom, factor in place.terms if depends(atom, axis)]
    return min(steps, default=0)
