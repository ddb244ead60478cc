"""A function of LLVM IR, written as text, instruction by instruction.

Every method appends instructions and returns the name of the result. Values know their element type and how many lanes
they have; whole numbers that are known already stay Python `int`s and are folded, so that no instruction is wasted on
them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.compiler.llvm.constant_table import ConstantTable
from koubai.dtypes import DType

Int = int | str  # a whole number that is known now, or the name of an i64

_TYPES = {
    "b1": "i1",
    "u1": "i8",
    "i1": "i8",
    "i2": "i16",
    "u2": "i16",
    "i4": "i32",
    "u4": "i32",
    "i8": "i64",
    "u8": "i64",
    "f2": "half",
    "f4": "float",
    "f8": "double",
}
_SUFFIXES = {"half": "f16", "float": "f32", "double": "f64"}


@dataclass(frozen=True)
class Value:
    """A value in registers.

    Attributes:
        name: as it stands in the text: `%v7`, or a constant.
        dtype: of each lane; bool is i1 here and a byte in memory.
        lanes: 1 for a scalar.
    """

    name: str
    dtype: DType
    lanes: int = 1

    @property
    def type(self) -> str:
        """The LLVM type."""
        return type_of(self.dtype, self.lanes)

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


def type_of(dtype: DType, lanes: int = 1) -> str:
    """Return the LLVM type of `lanes` elements of `dtype`."""
    scalar = _TYPES[dtype.str[1:]]
    return scalar if lanes == 1 else f"<{lanes} x {scalar}>"


def suffix(dtype: DType, lanes: int) -> str:
    """Return how intrinsics name a type: `v16f32`, `i64`."""
    scalar = type_of(dtype)
    short = _SUFFIXES.get(scalar, scalar)
    return short if lanes == 1 else f"v{lanes}{short}"


class Writer:
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
        self.name = name
        self.parameters = list(parameters)
        self.result = result
        self.linkage = linkage
        self.avx512 = avx512
        self.declarations: set[str] = set()
        self._lines: list[str] = ["entry:"]
        self._block = "entry"
        self._count = 0
        self._constants = ConstantTable(f"@{name}.constants")
        self._from_memory = False
        self._made_in: dict[str, str] = {}  # which block made an address
        self._fixed: set[str] = set()  # addresses that other blocks use
        self._sums: dict[str, tuple[str, int]] = {}  # numbers that are another number and a constant
        self._results: dict[str, tuple[str, str]] = {}  # the block and the result of an instruction on numbers

    # --- text -------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """Return the whole function, without the declarations that it needs."""
        parameters = ", ".join(f"{type_} {name}" for type_, name in self.parameters)
        head = f"define {self.linkage} {self.result} @{self.name}({parameters}) #0 {{"
        last = [] if self._lines[-1].lstrip().startswith("ret ") else ["  ret void"]
        entry, *lines = self._with_fixed_addresses()
        table = self._constants
        return "\n".join([*table.definition, head, entry, *table.address, *lines, *last, "}"])

    def _with_fixed_addresses(self) -> Iterator[str]:
        """Yield the lines; where other blocks use an address, LLVM must not ask how it was made.

        It would take the sum apart for every loop that uses it, which costs up to half of its time, and registers.
        """
        for line in self._lines:
            name, _, made = line.strip().partition(" = ")
            if name in self._fixed:
                yield f"  {name}.made = {made}"
                yield f"  {name} = freeze ptr {name}.made"
            else:
                yield line

    def fresh(self) -> str:
        """Return a name that is not used yet."""
        self._count += 1
        return f"%v{self._count}"

    def do(self, text: str) -> None:
        """Append an instruction without a result."""
        self._lines.append(f"  {text}")

    def let(self, text: str) -> str:
        """Append an instruction and return the name of its result."""
        name = self.fresh()
        self.do(f"{name} = {text}")
        return name

    def declare(self, text: str) -> None:
        """Note a declaration that the module needs."""
        self.declarations.add(f"declare {text}")

    # --- whole numbers: addresses and counts ------------------------------------------------------------------

    def add(self, a: Int, b: Int) -> Int:
        """a + b."""
        (base, constant), (other, more) = self._apart(a), self._apart(b)
        if base and other:
            base = self._once(f"add nsw i64 {base}, {other}")
        return self._plus(base or other, constant + more)

    def sub(self, a: Int, b: Int) -> Int:
        """a - b."""
        (base, constant), (other, less) = self._apart(a), self._apart(b)
        if other and base != other:
            base = self._once(f"sub nsw i64 {base or 0}, {other}")
        elif other:
            base = ""
        return self._plus(base, constant - less)

    def mul(self, a: Int, b: Int) -> Int:
        """a · b."""
        if isinstance(a, int):
            a, b = b, a
        if not isinstance(b, int):
            return self._once(f"mul nsw i64 {a}, {b}")
        base, constant = self._apart(a)
        if b == 0 or not base:
            return constant * b
        return self._plus(base if b == 1 else self._once(f"mul nsw i64 {base}, {b}"), constant * b)

    def _apart(self, number: Int) -> tuple[str, int]:
        """Return a number as one that is not known, "" for none, and a constant that is added to it."""
        return ("", number) if isinstance(number, int) else self._sums.get(number, (number, 0))

    def _plus(self, base: str, constant: int) -> Int:
        """Return a sum that remembers its parts: what is computed from it shares all but the constant."""
        if not base or not constant:
            return base or constant
        name = self._once(f"add nsw i64 {base}, {constant}")
        self._sums[name] = base, constant
        return name

    def _once(self, text: str) -> str:
        """Return the result of an instruction that is written once in a block."""
        block, name = self._results.get(text, ("", ""))
        if block != self._block:
            name = self.let(text)
            self._results[text] = self._block, name
        return name

    def div(self, a: Int, b: int) -> Int:
        """The quotient of a number that is not negative, rounded down."""
        if isinstance(a, int):
            return a // b
        return a if b == 1 else self.let(f"udiv i64 {a}, {b}")

    def mod(self, a: Int, b: int) -> Int:
        """The remainder of a number that is not negative."""
        if isinstance(a, int):
            return a % b
        return 0 if b == 1 else self.let(f"urem i64 {a}, {b}")

    def minimum(self, a: Int, b: Int) -> Int:
        """The smaller of two."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return self.let(f"select i1 {self.let(f'icmp slt i64 {a}, {b}')}, i64 {a}, i64 {b}")

    def maximum(self, a: Int, b: Int) -> Int:
        """The larger of two."""
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        return self.let(f"select i1 {self.let(f'icmp sgt i64 {a}, {b}')}, i64 {a}, i64 {b}")

    # --- memory -----------------------------------------------------------------------------------------------

    def at(self, pointer: str, offset: Int, dtype: DType) -> str:
        """Return the address of the element at `offset`."""
        if self._made_in.get(pointer, self._block) != self._block:
            self._fixed.add(pointer)
        base, constant = self._apart(offset)
        for step in (base, constant):  # neighbours share all but the constant, which costs nothing
            if step:
                pointer = self._once(f"getelementptr {_memory(dtype, 1)}, ptr {pointer}, i64 {step}")
                self._made_in[pointer] = self._block
        return pointer

    def load(
        self, pointer: str, dtype: DType, lanes: int = 1, offset: Int = 0, mask: Value | None = None
    ) -> Value:
        """Load neighbouring elements; with a mask only those that it holds, and 0 for the others."""
        address, kind = self.at(pointer, offset, dtype), _memory(dtype, lanes)
        align = dtype.itemsize
        if mask is None:
            name = self.let(f"load {kind}, ptr {address}, align {align}")
        else:
            mangled = f"v{lanes}{_memory_suffix(dtype)}.p0"
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
        address, kind = self.at(pointer, offset, value.dtype), _memory(value.dtype, value.lanes)
        name, align = value.name, value.dtype.itemsize
        if value.dtype == dtypes.bool_:
            name = self.let(f"zext {value} to {kind}")
        if mask is None:
            self.do(f"store {kind} {name}, ptr {address}, align {align}")
            return
        mangled = f"v{value.lanes}{_memory_suffix(value.dtype)}.p0"
        self.declare(f"void @llvm.masked.store.{mangled}({kind}, ptr, i32, <{value.lanes} x i1>)")
        self.do(f"call void @llvm.masked.store.{mangled}({kind} {name}, ptr {address}, i32 {align}, {mask})")

    def prefetch(self, address: str, write: bool = False) -> None:
        """Ask for the line of the cache at an address, to read or to write it soon."""
        self.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.do(f"call void @llvm.prefetch.p0(ptr {address}, i32 {int(write)}, i32 3, i32 1)")

    # --- values -----------------------------------------------------------------------------------------------

    def constant(self, number: Any, dtype: DType, lanes: int = 1) -> Value:
        """Return a number as a value."""
        text = _literal(number, dtype)
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
        address = self.let(f"getelementptr inbounds i8, ptr {self._constants.pointer}, i64 {place}")
        return Value(self.let(f"load {constant.type}, ptr {address}"), constant.dtype, constant.lanes)

    def lanes_of(self, numbers: Sequence[Any], dtype: DType) -> Value:
        """Return a constant vector."""
        scalar = type_of(dtype)
        text = "<" + ", ".join(f"{scalar} {_literal(n, dtype)}" for n in numbers) + ">"
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

    def label(self, prefix: str) -> str:
        """Return the name of a new block."""
        self._count += 1
        return f"{prefix}{self._count}"

    def begin(self, label: str) -> None:
        """Begin a block."""
        self._lines.append(f"{label}:")
        self._block = label

    @property
    def block(self) -> str:
        """The block that is being written."""
        return self._block

    def loop(
        self,
        first: Int,
        end: Int,
        step: int,
        body: Callable[[Int, list[Value]], Sequence[Value]],
        carried: Sequence[Value] = (),
    ) -> list[Value]:
        """Write `for i in range(first, end, step)`, and return the carried values after it.

        Args:
            first, end: the range; where both are known and it has one turn, no loop is written.
            step: a positive number.
            body: `body(i, values)` writes one turn and returns the new carried values.
            carried: values that each turn takes from the one before it.
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

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Write what follows so that it runs only if the i1 `condition` holds."""
        inside, after = self.label("then"), self.label("done")
        self.do(f"br i1 {condition}, label %{inside}, label %{after}")
        self.begin(inside)
        yield
        self.do(f"br label %{after}")
        self.begin(after)


def _memory(dtype: DType, lanes: int) -> str:
    """The type in memory: a bool is a byte there."""
    return type_of(dtypes.uint8 if dtype == dtypes.bool_ else dtype, lanes)


def _memory_suffix(dtype: DType) -> str:
    return suffix(dtypes.uint8 if dtype == dtypes.bool_ else dtype, 1)


def _literal(number: Any, dtype: DType) -> str:
    """Write a number as a constant of LLVM: floating ones by the bits of their double."""
    if dtype == dtypes.bool_:
        return "true" if number else "false"
    if dtype.kind != "f":
        return str(int(number))
    exact = float(np.asarray(number).astype(dtype))
    if dtype == dtypes.float16:
        return f"0xH{np.asarray(number).astype(np.float16).view(np.uint16).item():04X}"
    return f"0x{struct.unpack('<Q', struct.pack('<d', exact))[0]:016X}"


def module(functions: Sequence[Writer], attributes: str = "", table: str = "") -> str:
    """Return a module: its declarations, functions, and what holds for all of them.

    Args:
        functions: in any order.
        attributes: of every function, such as `"prefer-vector-width"="512"`.
        table: the definition of a constant.
    """
    defined = {f"@{function.name}(" for function in functions}
    needed = {text for function in functions for text in function.declarations}
    needed = {text for text in needed if not any(name in text for name in defined)}
    bodies = "\n\n".join(function.text() for function in functions)
    head = "\n".join([*sorted(needed), *([table] if table else [])])
    return f"{head}\n\n{bodies}\n\nattributes #0 = {{ nounwind {attributes} }}\n"
