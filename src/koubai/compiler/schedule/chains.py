"""Loops that run through all memory as one would, and the one that takes their place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import permutations

from koubai.compiler.language.index import Axis, Index, unflatten


def chains(loops: Iterable[Axis], places: Sequence[Index]) -> list[list[Axis]]:
    """Divide loops into lists of those that could be one, outermost first.

    Args:
        loops: in any order.
        places: all indices that the loops are used in.
    """
    found = [[axis] for axis in loops]
    apart = frozenset[Axis]().union(*(place.divided for place in places))
    along = {axis: [place.factor(axis) for place in places] for (axis,) in found}

    def run_on(outer: list[Axis], inner: list[Axis]) -> bool:
        """Whether every index runs on from the end of the inner loops to the next turn of the outer ones."""
        size = _size(inner)
        if size == 1 or _size(outer) == 1 or not apart.isdisjoint((*outer, *inner)):
            return False
        return along[outer[-1]] == [factor * size for factor in along[inner[-1]]]

    while pair := next((pair for pair in permutations(found, 2) if run_on(*pair)), None):
        outer, inner = pair
        found = [chain for chain in found if chain is not outer]
        inner[:0] = outer
    return found


class Joined:
    """One loop for each of some chains.

    Args:
        chains: those with a single loop stay as they are.

    Attributes:
        values: what the loops are that are gone now.
    """

    def __init__(self, chains: Iterable[list[Axis]]) -> None:
        self.values: dict[Axis, Index] = {}
        self._new: dict[Axis, tuple[Axis, ...]] = {}
        for chain in chains:
            if len(chain) > 1:
                one = Axis(_size(chain))
                self.values.update(zip(chain, unflatten(Index.of(one), tuple(axis.size for axis in chain))))
                self._new.update({axis: (one,) if axis is chain[-1] else () for axis in chain})

    def loops(self, axes: Iterable[Axis]) -> tuple[Axis, ...]:
        """Return loops with the new ones in the places of the innermost of their chains."""
        return tuple([new for axis in axes for new in self._new.get(axis, (axis,))])


def _size(chain: list[Axis]) -> int:
    return math.prod([axis.size for axis in chain])
