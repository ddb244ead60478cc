"""Expressions as instructions: the value of an expression for one element, or for neighbouring elements in the lanes
of a vector.

What does not depend on the axis along the lanes is computed once and only repeated where it meets something that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from koubai import dtypes
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, unknown, walk
from koubai.compiler.language.index import Atom, Axis, Index, Position, Quotient, Remainder
from koubai.compiler.language.kernel import Store
from koubai.compiler.language.places import flat_index, stored_at
from koubai.compiler.llvm import maps
from koubai.compiler.llvm.philox import BLOCK, words_of, write_draw, write_draws
from koubai.compiler.llvm.value import Value, suffix, type_of
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.dtypes import DType

Scope = tuple[
    dict[Expression, Value], dict[tuple[Index, bool], Int | Value], dict[Axis, Int], dict[str, Value]
]


class Elements:
    """Writes expressions into a function.

    Args:
        w: the function.
        pointers: the address of each buffer.

    Attributes:
        axes: the value of each loop that is entered; for the axis along the lanes that of lane 0, a multiple of
            `lanes`.
        registers: what earlier stages have left.
        along: the axis along the lanes, or None.
        lanes: how many there are.
        mask: which lanes count, or None for all.
    """

    def __init__(self, w: Writer, pointers: Mapping[Buffer, str]) -> None:
        self.w = w
        self.pointers = pointers
        self.axes: dict[Axis, Int] = {}
        self.registers: dict[str, Value] = {}
        self.along: Axis | None = None
        self.lanes = 1
        self.mask: Value | None = None
        self._values: dict[Expression, Value] = {}
        self._numbers: dict[tuple[Index, bool], Int | Value] = {}

    # --- scopes -----------------------------------------------------------------------------------------------

    def remembered(self) -> Scope:
        """Return what is known so far; give it to `forget` when the block ends in which that holds."""
        return dict(self._values), dict(self._numbers), dict(self.axes), dict(self.registers)

    def forget(self, before: Scope) -> None:
        """Go back to what was known before a block."""
        values, numbers, axes, registers = before
        self._values, self._numbers = dict(values), dict(numbers)
        self.axes, self.registers = dict(axes), dict(registers)

    def compute_early(self, values: Iterable[Expression], written: set[Buffer]) -> None:
        """Compute all parts of expressions that no loop still to be entered changes.

        Args:
            values: the expressions.
            written: buffers that this kernel writes; they are not read early.
        """
        late: set[Expression] = set()
        for e in walk(values):
            waits = not (e.axes <= self.axes.keys()) or self.along in e.axes
            waits = waits or (e.kind == "register" and e.detail not in self.registers)
            waits = waits or (e.kind == "load" and (e.detail in written or bool(e.parts)))
            if waits or any(part in late for part in e.everything):
                late.add(e)
            elif e.kind != "constant":
                self.value(e)

    # --- values -----------------------------------------------------------------------------------------------

    def value(self, e: Expression) -> Value:
        """Return the value of an expression: a scalar, or a vector if it differs from lane to lane."""
        found = self._values.get(e)
        if found is None:
            for part in unknown([e], self._values):  # parts first, so that nothing here is recursive
                self._values[part] = self._write(part)
            found = self._values[e]
        return found

    def vector(self, e: Expression) -> Value:
        """Return the value of an expression in all lanes."""
        value = self.value(e)
        if e.kind == "constant" and self.lanes > 1:
            return self.w.constant(e.detail.value, e.dtype, self.lanes)
        return self.w.splat(value, self.lanes)

    def _write(self, e: Expression) -> Value:
        w = self.w
        if e.kind == "constant":
            return w.constant(e.detail.value, e.dtype)
        if e.kind == "register":
            return self.registers[e.detail]
        if e.kind == "load":
            return self._load(e)
        if e.kind == "made":
            return self.value(e.parts[0])
        if e.kind == "whole":
            return self._whole(e.indices[0])
        if e.kind == "inside":
            return self._inside(e)
        parts = [self.value(part) for part in e.parts]
        if e.kind == "draw":
            return self._draw(e, *parts)
        if any(part.lanes > 1 for part in parts):
            parts = [self.vector(part) for part in e.parts]
        return self._apply(e, parts)

    def _draw(self, e: Expression, seed: Value, count: Value) -> Value:
        index = e.indices[0]
        if seed.lanes == count.lanes == 1 and self._begins_block(index, e.dtype):
            return write_draws(self.w, seed, count, self.number(index), self.lanes, e.dtype)
        return write_draw(self.w, seed, count, self._whole(index), e.dtype)

    def _begins_block(self, index: Index, dtype: DType) -> bool:
        """Whether lanes are neighbours in a draw, and lane 0 has the first word of a block."""
        steps = [index.constant, self.lanes, *(f for atom, f in index.terms if not self._atom_varies(atom))]
        return self._is_dense(index) and all(step * words_of(dtype) % BLOCK == 0 for step in steps)

    def _apply(self, e: Expression, parts: list[Value]) -> Value:
        name, attributes = e.detail[0], dict(e.detail[1:])
        w = self.w
        if name == "bits":
            return (
                w.convert("bitcast", parts[0], e.dtype)
                if parts[0].dtype.kind != e.dtype.kind
                else Value(parts[0].name, e.dtype, parts[0].lanes)
            )
        if name == "position":
            return self._position(parts[0], attributes)
        return maps.write_map(w, name, parts, attributes, e.dtype)

    def _position(self, value: Value, attributes: dict[str, int]) -> Value:
        """A position as it is, or counted from the end if it is negative and may be."""
        if not attributes["wraps"]:
            return value
        w = self.w
        size = w.constant(attributes["size"], value.dtype, value.lanes)
        zero = w.constant(0, value.dtype, value.lanes)
        return w.select(w.compare("icmp slt", value, zero), w.binary("add", value, size), value)

    # --- indices ----------------------------------------------------------------------------------------------

    def varies(self, index: Index) -> bool:
        """Whether an index differs from lane to lane."""
        if self.lanes == 1:
            return False
        return any(self._atom_varies(atom) for atom, _ in index.terms)

    def _atom_varies(self, atom: Atom) -> bool:
        if isinstance(atom, Axis):
            return atom is self.along
        if isinstance(atom, Position):
            return self.value(atom.value).lanes > 1
        if isinstance(atom, Quotient) and self._stays(atom):
            return False
        return self.varies(atom.of)

    def _stays(self, atom: Quotient | Remainder) -> bool:
        """Whether a division has no turn between the lanes: they begin at a multiple of their number."""
        steps = [f for inner, f in atom.of.terms if not self._atom_varies(inner)]
        dense = self._is_dense(atom.of)
        return dense and not any(n % self.lanes for n in (atom.by, atom.of.constant, *steps))

    def number(self, index: Index) -> Int:
        """Return an index that is the same in all lanes; the axis along the lanes counts as in lane 0."""
        key = (index, False)
        if key not in self._numbers:
            total: Int = 0
            for atom, factor in index.terms:
                total = self.w.add(total, self.w.mul(self._atom(atom), factor))
            self._numbers[key] = self.w.add(total, index.constant)
        return self._numbers[key]  # type: ignore[return-value]

    def _atom(self, atom: Atom) -> Int:
        if isinstance(atom, Axis):
            return self.axes[atom]
        if isinstance(atom, Position):
            return self._clamped(self.value(atom.value), atom.size).name
        lifted, turns = _lifted(atom)
        inner = self.number(lifted)
        if isinstance(atom, Quotient):
            return self.w.add(self.w.div(inner, atom.by), -turns)
        return self.w.mod(inner, atom.by)

    def _clamped(self, value: Value, size: int) -> Value:
        """A position that lies in range whatever the data say; wrong ones are reported by a check of their own."""
        w = self.w
        if value.dtype != dtypes.int64:
            value = w.convert("sext" if value.dtype.kind == "i" else "zext", value, dtypes.int64)
        fits = w.compare("icmp ult", value, w.constant(size, dtypes.int64, value.lanes))
        return w.select(fits, value, w.constant(0, dtypes.int64, value.lanes))

    def _steps(self, factor: int) -> Value:
        return self.w.lanes_of([lane * factor for lane in range(self.lanes)], dtypes.int64)

    def numbers(self, index: Index) -> Value:
        """Return an index lane by lane."""
        key = (index, True)
        if key not in self._numbers:
            self._numbers[key] = self._numbers_of(index)
        return self._numbers[key]  # type: ignore[return-value]

    def _numbers_of(self, index: Index) -> Value:
        w = self.w
        same = [(atom, factor) for atom, factor in index.terms if not self._atom_varies(atom)]
        total = w.splat(w.index(self.number(Index(tuple(same), index.constant))), self.lanes)
        for atom, factor in index.terms:
            if self._atom_varies(atom):
                lanes = self._atom_lanes(atom)
                if factor != 1:
                    lanes = w.binary("mul", lanes, w.constant(factor, dtypes.int64, self.lanes))
                total = w.binary("add", total, lanes)
        return total

    def _atom_lanes(self, atom: Atom) -> Value:
        w = self.w
        if isinstance(atom, Axis):
            return w.binary("add", w.splat(w.index(self.axes[atom]), self.lanes), self._steps(1))
        if isinstance(atom, Position):
            return self._clamped(self.value(atom.value), atom.size)
        lifted, turns = _lifted(atom)
        instruction = "udiv" if isinstance(atom, Quotient) else "urem"
        found = w.binary(instruction, self.numbers(lifted), w.constant(atom.by, dtypes.int64, self.lanes))
        if not turns or isinstance(atom, Remainder):
            return found
        return w.binary("sub", found, w.constant(turns, dtypes.int64, self.lanes))

    def _whole(self, index: Index) -> Value:
        return self.numbers(index) if self.varies(index) else self.w.index(self.number(index))

    def _inside(self, e: Expression) -> Value:
        """Whether an index is in a range."""
        (low, high, step), w = e.detail, self.w
        value = self._whole(e.indices[0])
        moved = w.binary("sub", value, w.constant(low, dtypes.int64, value.lanes)) if low else value
        # one comparison does for both ends: below the range the difference is a huge unsigned number
        found = w.compare("icmp ult", moved, w.constant(high - low, dtypes.int64, value.lanes))
        if step == 1:
            return found
        rest = w.binary("urem", moved, w.constant(step, dtypes.int64, value.lanes))
        hits = w.compare("icmp eq", rest, w.constant(0, dtypes.int64, value.lanes))
        return w.binary("and", found, hits)

    # --- memory -----------------------------------------------------------------------------------------------

    def _load(self, e: Expression) -> Value:
        flat = flat_index(e)
        pointer = self.pointers[e.detail]
        guard = self.value(e.parts[0]) if e.parts else None
        if not self.varies(flat) and (guard is None or guard.lanes == 1):
            return self.w.load(pointer, e.dtype, 1, self._safe(flat, guard))
        if self._is_dense(flat):
            whole = guard is not None and guard.lanes == 1
            offset = self._safe(flat, guard) if whole else self.number(flat)
            mask = self._both(None if whole or guard is None else guard)
            if whole and mask is None and e.detail.size < self._turns:  # or it might read behind the end
                mask = self.vector(e.parts[0])
            return self.w.load(pointer, e.dtype, self.lanes, offset, mask)
        offsets = (
            self.numbers(flat)
            if self.varies(flat)
            else self.w.splat(self.w.index(self.number(flat)), self.lanes)
        )
        return self._gather(pointer, e.dtype, offsets, guard)

    @property
    def _turns(self) -> int:
        """How many elements are read along the lanes."""
        return self.lanes if self.along is None else max(self.lanes, self.along.size)

    def _safe(self, flat: Index, guard: Value | None) -> Int:
        """An offset that may be read even where the guard does not hold."""
        if guard is None:
            return self.number(flat)
        own = Index(tuple(term for term in flat.terms if term[0] is self.along))
        first = self.w.let(f"select {guard}, i64 {self.number(flat - own)}, i64 0")
        return self.w.add(first, self.number(own))

    def _both(self, guard: Value | None) -> Value | None:
        if guard is None or self.mask is None:
            return self.mask if guard is None else guard
        return self.w.binary("and", self.mask, guard)

    def _is_dense(self, flat: Index) -> bool:
        """Whether neighbouring lanes are neighbours in memory."""
        varying = [(atom, factor) for atom, factor in flat.terms if self._atom_varies(atom)]
        if len(varying) != 1 or varying[0][1] != 1:
            return False
        (atom, _) = varying[0]
        return atom is self.along or (isinstance(atom, Remainder) and self._stays(atom))

    def _gather(self, pointer: str, dtype: DType, offsets: Value, guard: Value | None) -> Value:
        w = self.w
        guard = w.splat(guard, self.lanes) if guard is not None else None
        mask = self._both(guard) or w.constant(True, dtypes.bool_, self.lanes)
        kept = dtypes.uint8 if dtype == dtypes.bool_ else dtype
        kind, name = type_of(kept, self.lanes), suffix(kept, self.lanes)
        addresses = w.let(f"getelementptr {type_of(kept)}, ptr {pointer}, {offsets}")
        pointers = f"<{self.lanes} x ptr>"
        full = f"llvm.masked.gather.{name}.v{self.lanes}p0"
        w.declare(f"{kind} @{full}({pointers}, i32, <{self.lanes} x i1>, {kind})")
        found = w.let(
            f"call {kind} @{full}({pointers} {addresses}, i32 {kept.itemsize}, {mask}, {kind} zeroinitializer)"
        )
        if dtype == dtypes.bool_:
            found = w.let(f"icmp ne {kind} {found}, zeroinitializer")
        return Value(found, dtype, self.lanes)

    def store_all(self, stores: Iterable[Store]) -> None:
        """Write stores after all their values: what one overwrites, the value of another may need."""
        stores = list(stores)
        for store in stores:
            self.value(store.value)
        for store in stores:
            self.store(store)

    def store(self, store: Store) -> None:
        """Write a store."""
        flat = stored_at(store)
        pointer = self.pointers[store.buffer]
        if not self.varies(flat):
            value = self.value(store.value)
            self.w.store(self.w.lane(value, 0), pointer, self.number(flat))
        elif self._is_dense(flat):
            self.w.store(self.vector(store.value), pointer, self.number(flat), self.mask)
        else:
            self._scatter(self.vector(store.value), pointer, self.numbers(flat))

    def _scatter(self, value: Value, pointer: str, offsets: Value) -> None:
        w = self.w
        mask = self.mask or w.constant(True, dtypes.bool_, self.lanes)
        if value.dtype == dtypes.bool_:
            value = w.convert("zext", value, dtypes.uint8)
        addresses = w.let(f"getelementptr {type_of(value.dtype)}, ptr {pointer}, {offsets}")
        pointers = f"<{self.lanes} x ptr>"
        full = f"llvm.masked.scatter.{suffix(value.dtype, self.lanes)}.v{self.lanes}p0"
        w.declare(f"void @{full}({value.type}, {pointers}, i32, <{self.lanes} x i1>)")
        w.do(f"call void @{full}({value}, {pointers} {addresses}, i32 {value.dtype.itemsize}, {mask})")


def _lifted(atom: Quotient | Remainder) -> tuple[Index, int]:
    """Return what is divided, as many whole divisors higher as keep it from being negative, and how many those are."""
    turns = max(0, -(atom.of.bounds[0] // atom.by))
    return atom.of + turns * atom.by, turns
