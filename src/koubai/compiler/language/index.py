"""Where an element stands: whole-number expressions over loop axes, simplified as they are built.

An index is a sum `3·i + j // 4 + 7`. Its atoms are axes, quotients and remainders (which reshapes make), and positions
that are data (which gathers make). Every atom has known bounds, and that is what most simplifications rest on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

_numbers = itertools.count()
_number: Callable[[Any], int] = attrgetter("number")  # the order of axes, the same as that of `_key`


class Axis:
    """A loop: a number that runs from 0 to `size` - 1. Axes are told apart by identity."""

    __slots__ = ("number", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.number = next(_numbers)

    @property
    def bounds(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        return 0, max(self.size - 1, 0)

    def __repr__(self) -> str:
        return f"a{self.number}"


@dataclass(frozen=True)
class Quotient:
    """`of` // `by`, rounded down."""

    of: Index
    by: int

    @property
    def bounds(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        low, high = self.of.bounds
        return low // self.by, high // self.by

    @property
    def axes(self) -> frozenset[Axis]:
        """All axes that it depends on, however deep."""
        return self.of.axes

    def __repr__(self) -> str:
        return f"({self.of})//{self.by}"


@dataclass(frozen=True)
class Remainder:
    """`of` % `by`, not negative."""

    of: Index
    by: int

    @property
    def bounds(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        return 0, self.by - 1

    @property
    def axes(self) -> frozenset[Axis]:
        """All axes that it depends on, however deep."""
        return self.of.axes

    def __repr__(self) -> str:
        return f"({self.of})%{self.by}"


@dataclass(frozen=True)
class Position:
    """A position that is data: the whole number `value`, an expression, known to lie in [0, size)."""

    value: Any
    size: int

    @property
    def bounds(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        return 0, max(self.size - 1, 0)

    @property
    def axes(self) -> frozenset[Axis]:
        """All axes that it depends on, however deep."""
        axes: frozenset[Axis] = self.value.axes
        return axes

    def __repr__(self) -> str:
        return f"[{self.value}]"


Atom = Axis | Quotient | Remainder | Position


class Index:
    """A sum of atoms, each with a factor, and a constant. It never changes, and equal sums are equal.

    Attributes:
        terms: (atom, factor) pairs, in a fixed order.
        constant: what is added to them.
    """

    __slots__ = ("_axes", "_bounds", "_hash", "constant", "terms")

    def __init__(self, terms: tuple[tuple[Atom, int], ...] = (), constant: int = 0) -> None:
        self.terms = terms
        self.constant = constant
        self._hash = hash((terms, constant))
        self._axes: frozenset[Axis] | None = None
        self._bounds: tuple[int, int] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Index) or self._hash != other._hash:
            return False
        return self.constant == other.constant and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    @classmethod
    def of(cls, value: Index | Atom | int) -> Index:
        """Return an atom or a number as an index."""
        if isinstance(value, Index):
            return value
        if isinstance(value, int):
            return cls((), value)
        if isinstance(value, Axis):
            return cls(((value, 1),)) if value.size > 1 else cls()
        return cls() if value.bounds == (0, 0) else cls(((value, 1),))

    @property
    def bounds(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        if self._bounds is None:
            low = high = self.constant
            for atom, factor in self.terms:
                one, other = atom.bounds
                low += (one if factor > 0 else other) * factor
                high += (other if factor > 0 else one) * factor
            self._bounds = low, high
        return self._bounds

    @property
    def axes(self) -> frozenset[Axis]:
        """All axes that it depends on, however deep."""
        if self._axes is None:
            found: set[Axis] = set()
            for atom, _ in self.terms:
                if isinstance(atom, Axis):
                    found.add(atom)
                else:
                    found |= atom.axes
            self._axes = frozenset(found)
        return self._axes

    @property
    def divided(self) -> frozenset[Axis]:
        """The axes inside of its quotients, remainders and positions that are data."""
        return frozenset[Axis]().union(*[a.axes for a, _ in self.terms if not isinstance(a, Axis)])

    @property
    def is_affine(self) -> bool:
        """Whether all atoms are axes."""
        return all(type(atom) is Axis for atom, _ in self.terms)

    def factor(self, axis: Axis) -> int:
        """The factor of an axis in the sum."""
        for atom, factor in self.terms:
            if atom is axis:
                return factor
        return 0

    def __add__(self, other: Index | Atom | int) -> Index:
        other = Index.of(other)
        for one, rest in ((self, other), (other, self)):
            if not one.terms:
                return Index(rest.terms, one.constant + rest.constant) if one.constant else rest
        sums: dict[Atom, int] = dict(self.terms)
        for atom, factor in other.terms:
            sums[atom] = sums.get(atom, 0) + factor
        return _collected(sums, self.constant + other.constant)

    def __sub__(self, other: Index | Atom | int) -> Index:
        return self + Index.of(other) * -1

    def __mul__(self, factor: int) -> Index:
        if factor == 1:
            return self
        if factor == 0:
            return Index()
        return Index(tuple((atom, f * factor) for atom, f in self.terms), self.constant * factor)

    def __floordiv__(self, by: int) -> Index:
        whole = tuple([(atom, factor // by) for atom, factor in self.terms if factor % by == 0])
        quotient = Index(whole, self.constant // by)
        if len(whole) == len(self.terms):
            return quotient
        rest = self._rest(by)
        low, high = rest.bounds
        if low // by == high // by:
            return quotient + low // by
        return quotient + _quotient(rest, by)

    def __mod__(self, by: int) -> Index:
        rest = self._rest(by)
        low, high = rest.bounds
        if low // by == high // by:
            return rest + -(low // by) * by
        return _remainder(rest, by)

    def _rest(self, by: int) -> Index:
        """Return what is left of it when every term that `by` divides is taken out."""
        terms = tuple([term for term in self.terms if term[1] % by])
        return Index(terms, self.constant % by)

    def replace(self, values: Mapping[Axis, Index]) -> Index:
        """Put other indices in the place of axes."""
        if self.axes.isdisjoint(values):
            return self
        if len(self.terms) == 1 and not self.constant:
            return _replaced(self.terms[0][0], values) * self.terms[0][1]
        return weighted([(_replaced(atom, values), factor) for atom, factor in self.terms], self.constant)

    def __repr__(self) -> str:
        parts = [f"{atom}" if factor == 1 else f"{factor}·{atom}" for atom, factor in self.terms]
        return " + ".join([*parts, *([str(self.constant)] if self.constant or not parts else [])])


def weighted(terms: Iterable[tuple[Index, int]], constant: int = 0) -> Index:
    """Return the sum of indices, each times a factor, and a constant."""
    sums: dict[Atom, int] = {}
    for index, factor in terms:
        constant += index.constant * factor
        for atom, inner in index.terms:
            sums[atom] = sums.get(atom, 0) + inner * factor
    return _collected(sums, constant)


def _replaced(atom: Atom, values: Mapping[Axis, Index]) -> Index:
    if isinstance(atom, Axis):
        return values[atom] if atom in values else Index(((atom, 1),))
    if isinstance(atom, Position):
        return Index.of(Position(atom.value.replace(values), atom.size))
    inner = atom.of.replace(values)
    return inner // atom.by if isinstance(atom, Quotient) else inner % atom.by


def _collected(sums: dict[Atom, int], constant: int) -> Index:
    """Make an index of factors by atom; (x // c) · c k + (x % c) · k becomes x · k.

    Likewise ((x // c) % d) · c k + (x % c) · k becomes (x % c d) · k.
    """
    if len(sums) < 2:
        return Index(tuple(term for term in sums.items() if term[1]), constant)
    if {*map(type, sums)} == {Axis}:
        ordered = sorted(sums, key=_number)
        return Index(tuple([(axis, sums[axis]) for axis in ordered if sums[axis]]), constant)
    for atom in [a for a in sums if type(a) is Remainder]:
        factor = sums[atom]
        for partner, whole in _partners(atom, sums):
            if factor and sums.get(partner) == factor * atom.by:
                del sums[atom], sums[partner]
                return _collected(sums, constant) + whole * factor
    return Index(tuple((atom, factor) for atom, factor in _sorted(sums) if factor), constant)


def _partners(atom: Remainder, sums: dict[Atom, int]) -> Iterable[tuple[Atom, Index]]:
    """Yield what completes a remainder, and what both are together."""
    for of, by in _rounded_down(atom):
        yield Quotient(of, by), atom.of
        for other in list(sums):
            if isinstance(other, Remainder) and other.of == of // by:
                yield other, atom.of % (atom.by * other.by)


def _rounded_down(atom: Remainder) -> Iterable[tuple[Index, int]]:
    """Yield what is divided and by what, in all forms of the quotient that belongs to a remainder."""
    yield atom.of, atom.by
    for inner, factor in atom.of.terms:
        if isinstance(inner, Quotient) and factor == 1:  # x + y // c = (c x + y) // c
            yield (atom.of - inner) * inner.by + inner.of, atom.by * inner.by


def _sorted(sums: dict[Atom, int]) -> list[tuple[Atom, int]]:
    return sorted(sums.items(), key=lambda item: _key(item[0]))


def _key(atom: Atom) -> tuple[Any, ...]:
    """An order of atoms, so that equal sums are equal indices."""
    if isinstance(atom, Axis):
        return (0, atom.number, ())
    if isinstance(atom, Position):
        return (1, atom.value.number, ())
    kind = 2 if isinstance(atom, Quotient) else 3
    return (kind, atom.by, tuple((_key(a), f) for a, f in atom.of.terms), atom.of.constant)


def _quotient(rest: Index, by: int) -> Index:
    """Return rest // by, which is neither constant nor split further by `_divided`."""
    if len(rest.terms) == 1 and rest.terms[0][1] == 1 and not rest.constant:
        atom = rest.terms[0][0]
        if isinstance(atom, Quotient):  # (x // a) // b = x // (a b)
            return atom.of // (atom.by * by)
        if isinstance(atom, Remainder) and atom.by % by == 0:  # (x % ab) // b = (x // b) % a
            return (atom.of // by) % (atom.by // by)
    common = _common_factor(rest, by)
    if common > 1:
        smaller = Index(
            tuple((atom, factor // common) for atom, factor in rest.terms), rest.constant // common
        )
        return smaller // (by // common)
    return Index(((Quotient(rest, by), 1),))


def _common_factor(rest: Index, by: int) -> int:
    """The largest g that divides `by` and all factors; of the constant, what is below g does not matter then."""
    return math.gcd(by, *(factor for _, factor in rest.terms))


def _remainder(rest: Index, by: int) -> Index:
    if len(rest.terms) == 1 and rest.terms[0][1] == 1 and not rest.constant:
        atom = rest.terms[0][0]
        if isinstance(atom, Remainder) and atom.by % by == 0:  # (x % ab) % b = x % b
            return atom.of % by
    common = _common_factor(rest, by)
    if 1 < common < by and rest.constant % common == rest.constant:
        smaller = Index(tuple((atom, factor // common) for atom, factor in rest.terms))
        return (smaller % (by // common)) * common + rest.constant
    return Index(((Remainder(rest, by), 1),))


def flatten(indices: Iterable[Index], lengths: Iterable[int]) -> Index:
    """Return the position in an array of the given lengths, row by row."""
    total = Index()
    for index, length in zip(indices, lengths):
        total = total * length + index
    return total


def unflatten(flat: Index, lengths: tuple[int, ...]) -> tuple[Index, ...]:
    """Return the indices that `flatten` would make `flat` of."""
    indices: list[Index] = []
    for length in reversed(lengths[1:]):
        indices.append(flat % length)
        flat = flat // length
    return (flat, *reversed(indices)) if lengths else ()


def splits(indices: Iterable[Index], loops: Iterable[Axis]) -> dict[Axis, int]:
    """Return those of `loops` that better were two, as they are divided or taken remainders of, with the divisor."""
    own = set(loops)
    wanted: dict[Axis, int] = {}
    for index in indices:
        for atom, _ in index.terms:
            if isinstance(atom, Quotient | Remainder):
                for axis, by in _dividing(atom, own):
                    wanted.setdefault(axis, by)
    return wanted


def affine_in(index: Index, loops: Iterable[Axis]) -> bool:
    """Whether an index is a sum of loops, and of what does not depend on them."""
    own = set(loops)
    return all(isinstance(atom, Axis) or own.isdisjoint(atom.axes) for atom, _ in index.terms)


def depends(atom: Atom, axis: Axis) -> bool:
    """Whether an atom is an axis or depends on it."""
    return atom is axis or (not isinstance(atom, Axis) and axis in atom.axes)


def _dividing(atom: Quotient | Remainder, own: set[Axis]) -> Iterable[tuple[Axis, int]]:
    """Yield (axis, inner length) where cutting an axis takes the division away."""
    inner = atom.of
    for term, factor in inner.terms:
        if isinstance(term, Axis) and term in own and atom.by % abs(factor) == 0:
            by = atom.by // abs(factor)
            if 1 < by < term.size and term.size % by == 0:
                yield term, by
    yield from splits([inner], own).items()
