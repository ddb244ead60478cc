"""Equal layers: stretches of a program that repeat themselves, on names that move on from layer to layer.

A program is a list of items, such as nodes or kernels, each with the names that it reads and writes, such as symbols
or buffers. Where items repeat themselves, the names at one place of a layer and at the same place of the next ones are
a *chain*. Item by item the program is then known for any number of layers: an item of the next layer has the next
name of each chain. A backward pass goes through the layers, and so through the chains, in the opposite direction.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain as joined
from itertools import filterfalse
from typing import Generic, TypeVar

from koubai.compiler.repeats import Run, repeats

N = TypeVar("N", bound=Hashable)
FEWEST = 4  # layers that must be equal
EDGE = 2  # names at the ends of chains that what is outside of the layers may touch
ALIKE = 3  # by how much the number of equal layers may differ between forward pass, backward pass and update


class NotAlike(Exception):
    """Items repeat themselves, but not on names that move on evenly."""


@dataclass(frozen=True)
class _Stack:
    """A run of items.

    Attributes:
        run: which items.
        forwards: whether it goes through chains from their first name to their last.
        moving: for each item of a layer, which of its names move on; the others are the same in all layers.
    """

    run: Run
    forwards: bool
    moving: list[list[bool]]


class Layers(Generic[N]):
    """The layers of a program.

    Args:
        keys: of each item, what those of equal layers have in common.
        names: of each item.
        chains: parts of chains that are known already.

    Attributes:
        chains: names that follow each other from layer to layer.
        count: how many layers are equal in all respects; 0 if there are none.

    Raises:
        NotAlike: if what repeats itself are no layers in this sense.
    """

    def __init__(
        self, keys: Sequence[Hashable], names: Sequence[Sequence[N]], chains: Iterable[Sequence[N]] = ()
    ) -> None:
        self._keys, self._names = keys, names
        self._next: dict[N, N] = {}
        self._before: dict[N, N] = {}
        self._stacks: list[_Stack] = []
        self._inside: set[int] = set()
        for chain in chains:
            self._link(chain)
        self.chains: list[list[N]] = []
        self._place: dict[N, tuple[int, int]] = {}
        while self._add_runs():
            pass
        self._stacks.sort(key=lambda stack: stack.run.first)
        self.count = min((stack.run.count for stack in self._stacks), default=0)
        self._check()

    # --- runs ---------------------------------------------------------------------------------------------------

    def _add_runs(self) -> bool:
        """Find what repeats itself besides what is known already, and return whether there is any."""
        self._find_chains()
        keys: list[Hashable] = list(range(len(self._keys)))  # what is known already has keys of its own
        for n in filterfalse(self._inside.__contains__, range(len(keys))):
            keys[n] = self._key(n)
        waiting = self._of_one_depth(repeats(keys, FEWEST))
        for run in waiting:
            self._inside.update(range(run.first, run.end))
        found = bool(waiting)
        while waiting:
            self._add(next((r for r in waiting if self._direction(r) is not None), waiting[0]), waiting)
        return found

    def _key(self, n: int) -> Hashable:
        """Return the key of an item and the chains it goes through."""
        place = self._place
        return (self._keys[n], *[place[s][0] if s in place else None for s in self._names[n]])

    def _of_one_depth(self, runs: list[Run]) -> list[Run]:
        """Return the runs that are there about as often as the longest one."""
        all_ = [*runs, *(stack.run for stack in self._stacks)]
        most = max(all_, key=lambda run: run.period * run.count).count if all_ else 0
        return [run for run in runs if abs(run.count - most) <= ALIKE]

    def _find_chains(self) -> None:
        self.chains = [self._chain(name) for name in self._next if name not in self._before]
        self._place = {name: (n, at) for n, chain in enumerate(self.chains) for at, name in enumerate(chain)}

    # --- chains -------------------------------------------------------------------------------------------------

    def _columns(self, run: Run, item: int) -> list[tuple[N, ...]]:
        """Return the names at each place of an item, layer by layer."""
        return list(zip(*self._names[item : run.end : run.period]))

    def _direction(self, run: Run) -> bool | None:
        """Whether a run goes forwards through the chains that are known; None if it goes through none."""
        middle = run.count // 2
        for column in joined.from_iterable(self._columns(run, item) for item in run.at(0)):
            one, other = column[middle - 1 : middle + 1]
            if one is not other and other in (self._next.get(one), self._before.get(one)):
                return other is self._next.get(one)
        return None

    def _add(self, run: Run, waiting: list[Run]) -> None:
        """Lengthen the chains by the names of a run."""
        waiting.remove(run)
        forwards = self._direction(run) is not False
        moving = []
        known: set[tuple[N, ...]] = set()  # what one item makes, another one reads
        for columns in (self._columns(run, item) for item in run.at(0)):
            moving.append([column[0] is not column[1] for column in columns])
            for column, moves in zip(columns, moving[-1]):
                if column not in known:
                    known.add(column)
                    stays = column.count(column[0]) == len(column)
                    if not (self._link(column if forwards else column[::-1]) if moves else stays):
                        raise NotAlike
        self._stacks.append(_Stack(run, forwards, moving))

    def _link(self, names: Sequence[N]) -> bool:
        """Let names follow each other in a chain, and return whether that can be."""
        ones, others = list(names[:-1]), list(names[1:])
        follows = list(map(self._next.setdefault, ones, others)) == others
        return follows and list(map(self._before.setdefault, others, ones)) == ones

    def _chain(self, name: N) -> list[N]:
        found = [name]
        while found[-1] in self._next:
            found.append(self._next[found[-1]])
        return found

    def _check(self) -> None:
        """Make sure that names move on, and that what does not move on touches chains only at their ends."""
        most = max((stack.run.count for stack in self._stacks), default=0)
        goes_round = not self._next.keys() <= self._place.keys()
        if goes_round or any(
            len(chain) > most + ALIKE for chain in self.chains
        ):  # or one stack follows another
            raise NotAlike
        for stack in self._stacks:
            for n, moving in zip(stack.run.at(0), stack.moving):
                self._check_ends(name for name, moves in zip(self._names[n], moving) if not moves)
        for n, names in enumerate(self._names):
            if n not in self._inside:
                self._check_ends(names)

    def _check_ends(self, names: Iterable[N]) -> None:
        for name in names:
            if name in self._place:
                chain, at = self._place[name]
                if EDGE <= at < len(self.chains[chain]) - EDGE:
                    raise NotAlike

    def chain_of(self, name: N) -> int | None:
        """Return the number of the chain that a name is in."""
        return self._place[name][0] if name in self._place else None

    def inner(self) -> Iterator[int]:
        """Yield the items of one layer in the middle."""
        for stack in self._stacks:
            yield from stack.run.at(stack.run.count // 2)

    # --- other depths -------------------------------------------------------------------------------------------

    def deepened(self, more: int, chains: Sequence[Sequence[N]]) -> Iterator[tuple[int, tuple[N, ...]]]:
        """Yield the items of the program with more layers: each like which item it is, and its names.

        Args:
            more: how many layers; negative for fewer.
            chains: the names of that program, in the order of `self.chains`.
        """
        done = 0
        for stack in self._stacks:
            run = stack.run
            yield from ((n, tuple(self._names[n])) for n in range(done, run.first))
            middle = min(run.count, run.count + more) // 2
            for turn in range(run.count + more):
                like = turn if turn < middle else max(turn - more, middle)
                by = turn - like if stack.forwards else more - (turn - like)
                for n, moving in zip(run.at(like), stack.moving):
                    names = zip(self._names[n], moving)
                    yield n, tuple([self._moved(s, by, chains) if moves else s for s, moves in names])
            done = run.end
        yield from ((n, tuple(self._names[n])) for n in range(done, len(self._names)))

    def _moved(self, name: N, by: int, chains: Sequence[Sequence[N]]) -> N:
        """Return the name that is some layers further on in the chains of another program."""
        chain, at = self._place[name]
        return chains[chain][at + by]
