"""Kernels of a phase that read the same large array go through it abreast: slice by slice, each slice by all of them.

What one of them has fetched from far away the others find in the thread's cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Kernel, loads

T = TypeVar("T")
Ways = Mapping[Buffer, int | None]  # the dimension along which each is divided; None if every part needs all


@dataclass
class Group(Generic[T]):
    """Kernels that go through large arrays together, or one alone.

    Attributes:
        kernels: in any order.
        slices: in how many they go through them.
        shares: the large arrays that they divide, each with the dimension.
    """

    kernels: list[T]
    slices: int = 1
    shares: set[tuple[Buffer, int]] = field(default_factory=set)


def abreast(kernels: Iterable[tuple[T, Ways]], near: int) -> list[Group[T]]:
    """Put kernels that divide the same large array alike into groups.

    Args:
        kernels: which need not wait for each other, and how each divides what it touches.
        near: bytes of an array that the threads' caches keep while it is used.
    """
    groups: list[Group[T]] = []
    for kernel, ways in kernels:
        mine = {(b, dim) for b, dim in ways.items() if dim is not None and b.bytes > near}
        together = next((group for group in groups if group.shares & mine), None)
        if together is None:
            groups.append(Group([kernel], shares=mine))
        else:
            largest = max(b.bytes for b, _ in together.shares & mine)
            together.kernels.append(kernel)
            together.slices = max(together.slices, -(-largest // near))
            together.shares |= mine
    return groups


def divided(kernel: Kernel, axis: Axis | None) -> Iterator[tuple[Buffer, int | None]]:
    """Yield each buffer that a kernel touches, with the dimension that a loop divides; None if all of it is touched."""
    seen: set[tuple[Buffer, int | None]] = set()
    places = [(e.detail, e.indices) for e in loads(kernel.values)]
    places += [(store.buffer, store.indices) for store in kernel.stores]
    for buffer, indices in places:
        found = buffer, _dimension(indices, axis)
        if found not in seen:
            seen.add(found)
            yield found


def in_order_of(
    buffers: Iterable[Buffer], ways: Iterable[tuple[Buffer, int | None]]
) -> tuple[int | None, ...]:
    """Return for each of some buffers the one dimension along which it is divided; None if there is no such one."""
    found: dict[Buffer, int | None] = {}
    for buffer, dim in ways:
        found[buffer] = dim if found.get(buffer, dim) == dim else None
    return tuple(map(found.get, buffers))


def _dimension(indices: tuple[Index, ...], axis: Axis | None) -> int | None:
    return next((dim for dim, index in enumerate(indices) if axis is not None and axis in index.axes), None)
