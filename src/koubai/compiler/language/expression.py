"""What is computed for one element: expressions over loop axes.

Equal expressions are one object, so what several results share is computed once. An expression knows the axes it
depends on, which tells in which loop it belongs.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any
from weakref import KeyedRef

import numpy as np

from koubai import dtypes
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.index import Atom, Axis, Index, Position, Quotient, weighted
from koubai.dtypes import DType

_numbers = itertools.count()
_known: dict[tuple[Any, ...], KeyedRef[tuple[Any, ...], Expression]] = {}
_lock = threading.RLock()  # around all that changes what is known


class Expression:
    """A value that is computed from others.

    Attributes:
        kind: "load" an element of the buffer `detail` at `indices`; "made", the element that would be there if it
            were stored; "constant" `detail`; "apply" the map named `detail[0]` with the attributes `detail[1:]`;
            "whole", the value of an index; "inside", whether the index lies in the range `detail`; "draw" a random
            number; "register", what an earlier stage computed.
        dtype: of the value.
        parts: the expressions it is computed from, without those inside of indices.
        indices: where it reads, or the index that it is about.
        detail: see `kind`.
        axes: the loops that it depends on.
        below: all that it is computed from, each once, parts before the whole.
        number: rises with every new expression, parts before the whole.
        flat: of a load the order and gap of its buffer and where it reads then, once `flat_index` has found it.
    """

    __slots__ = (
        "__weakref__",
        "_below",
        "axes",
        "detail",
        "dtype",
        "flat",
        "indices",
        "kind",
        "number",
        "parts",
    )

    kind: str
    dtype: DType
    parts: tuple[Expression, ...]
    indices: tuple[Index, ...]
    detail: Any
    axes: frozenset[Axis]
    number: int
    flat: tuple[tuple[int, ...], int, Index] | None
    _below: tuple[Expression, ...] | None

    def __new__(
        cls,
        kind: str,
        dtype: DType,
        parts: tuple[Expression, ...] = (),
        indices: tuple[Index, ...] = (),
        detail: Any = None,
    ) -> Expression:
        """Return the expression of this description; there is only one."""
        key = (kind, dtype, parts, indices, detail)
        with _lock:
            known = _known.get(key)
            found = None if known is None else known()
            if found is None:
                found = super().__new__(cls)
                found.kind, found.dtype, found.parts, found.indices, found.detail = key
                found.number = next(_numbers)
                found.axes = _axes_of(parts, indices)
                found._below = found.flat = None
                _known[key] = KeyedRef(found, _forget, key)
            return found

    @property
    def below(self) -> tuple[Expression, ...]:
        """All that it is computed from, each once, parts before the whole; found at the first question."""
        if self._below is None:
            everything = self.everything
            self._below = tuple(unknown(everything, ())) if everything else ()
        return self._below

    @property
    def everything(self) -> tuple[Expression, ...]:
        """All expressions it needs at once, those inside of indices included."""
        if not self.indices:
            return self.parts
        return (*self.parts, *_within(self.indices))

    def replace(self, axes: Mapping[Axis, Index]) -> Expression:
        """Put indices in the place of axes."""
        return self._changed({}, axes, {})

    def substitute(self, change: Mapping[Expression, Expression]) -> Expression:
        """Put expressions in the place of others."""
        if self not in change and change.keys().isdisjoint(self.below):
            return self
        return self._changed(change, {}, {})

    def _changed(
        self,
        change: Mapping[Expression, Expression],
        axes: Mapping[Axis, Index],
        done: dict[Expression, Expression],
    ) -> Expression:
        if self in change:
            return change[self]
        if not change and self.axes.isdisjoint(axes):
            return self
        if self not in done:
            inner: Callable[[Expression], Expression] = lambda part: part._changed(change, axes, done)  # noqa: E731
            parts = tuple(map(inner, self.parts))
            indices = tuple(_changed(index, inner, axes) for index in self.indices)
            done[self] = self._again(parts, indices)
        return done[self]

    def _again(self, parts: tuple[Expression, ...], indices: tuple[Index, ...]) -> Expression:
        """Return this expression with other parts and indices, decided where that is possible now."""
        if self.kind == "apply":
            decided = _decided(self.detail[0], parts)
            return decided or Expression("apply", self.dtype, parts, (), self.detail)
        if self.kind == "inside":
            return inside(indices[0], *self.detail)
        if self.kind == "load" and parts and parts[0].kind == "constant":
            parts = () if parts[0].detail.value else parts
        return Expression(self.kind, self.dtype, parts, indices, self.detail)

    def __repr__(self) -> str:
        if self.kind == "constant":
            return str(self.detail)
        if self.kind == "made":
            return str(self.parts[0])
        if self.kind == "load":
            return f"{self.detail.name}[{', '.join(map(str, self.indices))}]"
        if self.kind == "apply":
            return f"{self.detail[0]}({', '.join(map(str, self.parts))})"
        if self.kind == "register":
            return str(self.detail)
        if self.kind == "whole":
            return f"({self.indices[0]})"
        if self.kind == "inside":
            low, high, step = self.detail
            return f"({self.indices[0]} in range({low}, {high}{f', {step}' * (step != 1)}))"
        return f"{self.kind}({', '.join(map(str, (*self.parts, *self.indices)))}, {self.detail})"


def _forget(gone: KeyedRef[tuple[Any, ...], Expression]) -> None:
    """Let an expression that nobody has any more go, unless there is a new one of the same description."""
    with _lock:
        if _known.get(gone.key) is gone:
            del _known[gone.key]


def _axes_of(parts: tuple[Expression, ...], indices: tuple[Index, ...]) -> frozenset[Axis]:
    """Return the loops that parts and indices depend on; the first one's set itself if it has them all, as often."""
    sets = [part.axes for part in parts] + [index.axes for index in indices]
    axes = sets[0] if sets else frozenset()
    for other in sets[1:]:
        if not other <= axes:
            axes |= other
    return axes


def walk(roots: Iterable[Expression]) -> Iterable[Expression]:
    """Return all that `roots` are computed from, and themselves, each once, parts before the whole."""
    found: dict[Expression, None] = {}
    for root in roots:
        if root not in found:
            found.update(dict.fromkeys(root.below))
            found[root] = None
    return found


def unknown(roots: Iterable[Expression], known: Container[Expression]) -> Iterator[Expression]:
    """Yield what `walk` returns, but do not look into what is known already."""
    seen: set[Expression] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        expression, ready = stack.pop()
        if ready:
            yield expression
        elif expression not in seen and expression not in known:
            seen.add(expression)
            stack.append((expression, True))
            stack.extend([(part, False) for part in reversed(expression.everything)])


def _within(indices: tuple[Index, ...]) -> Iterator[Expression]:
    """Yield the positions that are data inside of indices."""
    for index in indices:
        for atom, _ in index.terms:
            if isinstance(atom, Position):
                yield atom.value
            elif not isinstance(atom, Axis):
                yield from _within((atom.of,))


def _changed(index: Index, change: Callable[[Any], Expression], axes: Mapping[Axis, Index]) -> Index:
    """Return an index with its positions changed and its axes replaced."""
    if index.is_affine:
        return index.replace(axes)

    def new(atom: Atom) -> Index:
        if isinstance(atom, Axis):
            return axes[atom] if atom in axes else Index(((atom, 1),))
        if isinstance(atom, Position):
            return Index.of(Position(change(atom.value), atom.size))
        inner = _changed(atom.of, change, axes)
        return inner // atom.by if isinstance(atom, Quotient) else inner % atom.by

    return weighted([(new(atom), factor) for atom, factor in index.terms], index.constant)


# --- the kinds


def load(buffer: Buffer, indices: Iterable[Index], guard: Expression | None = None) -> Expression:
    """The element of `buffer` at `indices`, one for each dimension; anything where the guard does not hold."""
    return Expression("load", buffer.dtype, (guard,) if guard else (), tuple(indices), buffer)


def made(place: Expression, value: Expression) -> Expression:
    """The value that a load would find in a buffer that is not stored."""
    return Expression("made", place.dtype, (value,), place.indices, place.detail)


def constant(number: Any, dtype: DType) -> Expression:
    """A number."""
    return Expression("constant", dtype, (), (), Number(np.asarray(number, dtype)))


def apply(
    name: str, parts: Iterable[Expression], dtype: DType, attributes: Mapping[str, Any] | None = None
) -> Expression:
    """A map of other expressions; `name` and `attributes` are those of the op."""
    parts = tuple(parts)
    known = _decided(name, parts)
    if known is not None:
        return known
    return Expression("apply", dtype, parts, (), (name, *sorted((attributes or {}).items())))


def _decided(name: str, parts: tuple[Expression, ...]) -> Expression | None:
    """Return what a choice or a condition is where a constant decides it."""
    first = parts[0]
    if name == "where" and first.kind == "constant":
        return parts[1] if first.detail.value else parts[2]
    if name in ("bitwise_and", "bitwise_or") and first.dtype == dtypes.bool_:
        for one, other in (parts, parts[::-1]):
            if one.kind == "constant":
                decides = bool(one.detail.value) == (name == "bitwise_or")
                return one if decides else other
    return None


def whole(index: Index) -> Expression:
    """An index as a value, int64."""
    return Expression("whole", dtypes.int64, (), (index,))


def inside(index: Index, low: int, high: int, step: int = 1) -> Expression:
    """Whether an index is one of range(low, high, step)."""
    least, most = index.bounds
    if most < low or least >= high:
        return constant(False, dtypes.bool_)
    if least >= low and most < high and step == 1:
        return constant(True, dtypes.bool_)
    return Expression("inside", dtypes.bool_, (), (index,), (low, max(low, high), step))


def draw(seed: Expression, count: Expression, position: Index, dtype: DType) -> Expression:
    """The random number in [0, 1) at a position of a draw, see `koubai.ops.random`."""
    return Expression("draw", dtype, (seed, count), (position,))


def register(name: str, dtype: DType) -> Expression:
    """What an earlier stage of the same kernel has left in a register."""
    return Expression("register", dtype, (), (), name)


class Number:
    """A constant's value, equal to another if all bits are."""

    __slots__ = ("value",)

    def __init__(self, value: np.ndarray[Any, Any]) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, bytes]:
        return self.value.dtype.str, self.value.tobytes()

    def __repr__(self) -> str:
        return str(self.value)
