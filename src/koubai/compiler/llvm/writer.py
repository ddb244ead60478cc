"""A function of LLVM IR, written as text, instruction by instruction.

Every method appends instructions and returns the name of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from koubai import dtypes
from koubai.compiler.llvm.constant_table import ConstantTable
from koubai.compiler.llvm.value import Value, in_memory, literal, suffix, suffix_in_memory, type_of
from koubai.compiler.llvm.whole_numbers import Int, WholeNumbers
from koubai.dtypes import DType


class Writer(WholeNumbers):
    """One function that is being written.

    Args:
        name: of the function.
        parameters: (LLVM type, name with its %) pairs.
        result: the LLVM type that it returns.
        linkage: such as "internal", "internal noinline".
        avx512: whether instructions of AVX-512 may be called by their names.
    """

    def __init__(
        self,
        name: str,
        parameters: Sequence[tuple[str, str]],
        result: str = "void",
        linkage: str = "",
        avx512: bool = False,
    ) -> None:
        super().__init__()
        self.name = name
        self.parameters = list(parameters)
        self.result = result
        self.linkage = linkage
        self.avx512 = avx512
        self._constants = ConstantTable(f"@{name}.constants")
        self._from_memory = False

    # --- text -------------------------------------------------------------------------------------------------

    @property
    def head(self) -> str:
        """What it is called with and gives back."""
        parameters = ", ".join(f"{type_} {name}" for type_, name in self.parameters)
        return f"{self.result} @{self.name}({parameters})"

    @property
    def length(self) -> int:
        """How many instructions it has."""
        return len(self._lines)

    def text(self, linkage: str | None = None) -> str:
        """Return the whole function, without the declarations that it needs; `linkage` may be another one."""
        head = f"define {self.linkage if linkage is None else linkage} {self.head} #0 {{"
        last = [] if self._lines[-1].lstrip().startswith("ret ") else ["  ret void"]
        entry, *lines = self._with_fixed_addresses()
        table = self._constants
        return "\n".join([*table.definition, head, entry, *table.address, *lines, *last, "}"])

    # --- memory -----------------------------------------------------------------------------------------------

    def load(
        self, pointer: str, dtype: DType, lanes: int = 1, offset: Int = 0, mask: Value | None = None
    ) -> Value:
        """Load neighbouring elements; with a mask only those that it holds, and 0 for the others."""
        address, kind = self.at(pointer, offset, dtype), in_memory(dtype, lanes)
        align = dtype.itemsize
        if mask is None:
            name = self.let(f"load {kind}, ptr {address}, align {align}")
        else:
            mangled = f"v{lanes}{suffix_in_memory(dtype)}.p0"
            self.declare(f"{kind} @llvm.masked.load.{mangled}(ptr, i32, <{lanes} x i1>, {kind})")
            name = self.let(
                f"call {kind} @llvm.masked.load.{mangled}(ptr {address}, i32 {align}, {mask}, {kind} zeroinitializer)"
            )
        if dtype == dtypes.bool_:
            name = self.let(
                f"icmp ne {kind} {name}, zeroinitializer" if lanes > 1 else f"icmp ne i8 {name}, 0"
            )
        return Value(name, dtype, lanes)

    def store(self, value: Value, pointer: str, offset: Int = 0, mask: Value | None = None) -> None:
        """Store to neighbouring elements; with a mask only those that it holds."""
        address, kind = self.at(pointer, offset, value.dtype), in_memory(value.dtype, value.lanes)
        name, align = value.name, value.dtype.itemsize
        if value.dtype == dtypes.bool_:
            name = self.let(f"zext {value} to {kind}")
        if mask is None:
            self.do(f"store {kind} {name}, ptr {address}, align {align}")
            return
        mangled = f"v{value.lanes}{suffix_in_memory(value.dtype)}.p0"
        self.declare(f"void @llvm.masked.store.{mangled}({kind}, ptr, i32, <{value.lanes} x i1>)")
        self.do(f"call void @llvm.masked.store.{mangled}({kind} {name}, ptr {address}, i32 {align}, {mask})")

    def prefetch(self, address: str, write: bool = False) -> None:
        """Ask for the line of the cache at an address, to read or to write it soon."""
        self.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.do(f"call void @llvm.prefetch.p0(ptr {address}, i32 {int(write)}, i32 3, i32 1)")

    # --- values -----------------------------------------------------------------------------------------------

    def constant(self, number: Any, dtype: DType, lanes: int = 1) -> Value:
        """Return a number as a value."""
        text = literal(number, dtype)
        if lanes > 1:
            text = "<" + ", ".join([f"{type_of(dtype)} {text}"] * lanes) + ">"
        value = Value(text, dtype, lanes)
        if self._from_memory and lanes > 1 and dtype.kind == "f" and number:
            return self._loaded(value)
        return value

    @contextmanager
    def constants_from_memory(self) -> Iterator[None]:
        """Load the vectors of equal numbers that are written inside from a table.

        Processors take an operand from memory at no cost, while LLVM would spend two instructions on each of them. It
        is for long code; in a small loop registers hold them.
        """
        self._from_memory = True
        yield
        self._from_memory = False

    def _loaded(self, constant: Value) -> Value:
        place = self._constants.place_of(constant)
        address = self.at(self._constants.pointer, place, dtypes.uint8)
        return Value(self.let(f"load {constant.type}, ptr {address}"), constant.dtype, constant.lanes)

    def lanes_of(self, numbers: Sequence[Any], dtype: DType) -> Value:
        """Return a constant vector."""
        scalar = type_of(dtype)
        text = "<" + ", ".join(f"{scalar} {literal(n, dtype)}" for n in numbers) + ">"
        return Value(text, dtype, len(numbers))

    def splat(self, value: Value, lanes: int) -> Value:
        """Repeat a scalar in all lanes."""
        if lanes == value.lanes:
            return value
        kind = type_of(value.dtype, lanes)
        first = self.let(f"insertelement {kind} poison, {value}, i64 0")
        name = self.let(f"shufflevector {kind} {first}, {kind} poison, <{lanes} x i32> zeroinitializer")
        return Value(name, value.dtype, lanes)

    def index(self, number: Int) -> Value:
        """Return a whole number as a value."""
        return Value(str(number), dtypes.int64)

    def lane(self, value: Value, position: int) -> Value:
        """Return one lane."""
        if value.lanes == 1:
            return value
        return Value(self.let(f"extractelement {value}, i64 {position}"), value.dtype)

    def with_lane(self, value: Value, element: Value, position: int) -> Value:
        """Return the vector with one lane replaced."""
        name = self.let(f"insertelement {value}, {element}, i64 {position}")
        return Value(name, value.dtype, value.lanes)

    def binary(self, instruction: str, a: Value, b: Value) -> Value:
        """Apply an instruction such as `fadd` or `and` to two values of one type."""
        return Value(self.let(f"{instruction} {a}, {b.name}"), a.dtype, a.lanes)

    def compare(self, condition: str, a: Value, b: Value) -> Value:
        """Compare, with a condition such as `fcmp olt` or `icmp eq`."""
        return Value(self.let(f"{condition} {a}, {b.name}"), dtypes.bool_, a.lanes)

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """Choose lane by lane."""
        return Value(self.let(f"select {condition}, {a}, {b}"), a.dtype, a.lanes)

    def convert(self, instruction: str, value: Value, dtype: DType) -> Value:
        """Apply a conversion such as `fpext` or `sitofp`."""
        kind = type_of(dtype, value.lanes)
        return Value(self.let(f"{instruction} {value} to {kind}"), dtype, value.lanes)

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """Call an intrinsic whose result has the type of its first argument: `fma`, `sqrt`, `fabs`, `copysign`."""
        first = arguments[0]
        full = f"llvm.{name}.{suffix(first.dtype, first.lanes)}"
        self.declare(f"{first.type} @{full}({', '.join(a.type for a in arguments)})")
        called = self.let(f"call {first.type} @{full}({', '.join(map(str, arguments))})")
        return Value(called, first.dtype, first.lanes)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a · b + c with one rounding."""
        return self.intrinsic("fma", a, b, c)

    def shuffle(self, a: Value, b: Value, order: Sequence[int]) -> Value:
        """Pick lanes out of two vectors, those of the second counted on from those of the first."""
        picks = ", ".join(f"i32 {position}" for position in order)
        name = self.let(f"shufflevector {a}, {b}, <{len(order)} x i32> <{picks}>")
        return Value(name, a.dtype, len(order))

    def fold(self, value: Value, combine: Callable[[Value, Value], Value]) -> Value:
        """Combine all lanes, halves with halves: always the same tree."""
        while value.lanes > 1:
            half = value.lanes // 2
            low = self.shuffle(value, value, range(half))
            high = self.shuffle(value, value, range(half, 2 * half))
            if half == 1:
                low, high = self.lane(value, 0), self.lane(value, 1)
            value = combine(low, high)
        return value

    # --- control ----------------------------------------------------------------------------------------------

    def loop(
        self,
        first: Int,
        end: Int,
        step: int,
        body: Callable[[Int, list[Value]], Sequence[Value]],
        carried: Sequence[Value] = (),
        opaque: bool = False,
    ) -> list[Value]:
        """Write `for i in range(first, end, step)`, and return the carried values after it.

        Args:
            first, end: the range; where both are known and it has one turn, no loop is written.
            step: a positive number.
            body: `body(i, values)` writes one turn and returns the new carried values.
            carried: values that each turn takes from the one before it.
            opaque: LLVM does not see how the counter moves on. In a large body it would look for long for addresses
                that move on with the counter, and the code is as fast without them.
        """
        known = isinstance(first, int) and isinstance(end, int)
        if known and first >= end:  # type: ignore[operator]
            return list(carried)
        if known and end - first <= step:  # type: ignore[operator]
            return list(body(first, list(carried)))
        before, head, after = self._block, self.label("loop"), self.label("done")
        if known:
            self.do(f"br label %{head}")
        else:
            enters = self.let(f"icmp slt i64 {first}, {end}")
            self.do(f"br i1 {enters}, label %{head}, label %{after}")
        self.begin(head)
        i, top = self.fresh(), len(self._lines)
        turning = [Value(self.fresh(), v.dtype, v.lanes) for v in carried]
        new = list(body(i, turning))
        following = self.let(f"add nsw i64 {i}, {step}")
        if opaque:  # no instruction, but nothing is known about its result
            following = self.let(f'call i64 asm "", "=r,0"(i64 {following})')
        again, latch = self.let(f"icmp slt i64 {following}, {end}"), self._block
        self.do(f"br i1 {again}, label %{head}, label %{after}")
        phis = [f"  {i} = phi i64 [ {first}, %{before} ], [ {following}, %{latch} ]"]
        for t, old, n in zip(turning, carried, new):
            phis.append(f"  {t.name} = phi {t.type} [ {old.name}, %{before} ], [ {n.name}, %{latch} ]")
        self._lines[top:top] = phis
        self.begin(after)
        if known:
            return new
        return [
            Value(
                self.let(f"phi {n.type} [ {old.name}, %{before} ], [ {n.name}, %{latch} ]"), n.dtype, n.lanes
            )
            for old, n in zip(carried, new)
        ]

    def piece(
        self,
        size: int,
        end: Int,
        step: int,
        body: Callable[[Int, list[Value]], Sequence[Value]],
        neutral: Sequence[Value],
        together: Callable[[list[Value], list[Value]], list[Value]],
    ) -> Callable[[Int, list[Value]], list[Value]]:
        """Return what writes some steps of a loop that reduces, with sums of their own: a body for a loop over pieces.

        Args:
            size: how far they go: a multiple of `step`, by which the loop over pieces moves on.
            end, step, body: of the loop that is cut into pieces, see `loop`.
            neutral: what the sums of a piece begin with.
            together: `together(some, others)` writes what sums are together.
        """

        def write(first: Int, totals: list[Value]) -> list[Value]:
            last = self.minimum(self.add(first, size), end)
            return together(totals, self.loop(first, last, step, body, neutral))

        return write

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Write what follows so that it runs only if the i1 `condition` holds."""
        inside, after = self.label("then"), self.label("done")
        self.do(f"br i1 {condition}, label %{inside}, label %{after}")
        self.begin(inside)
        yield
        self.do(f"br label %{after}")
        self.begin(after)
