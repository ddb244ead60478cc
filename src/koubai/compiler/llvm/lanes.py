"""Values that can be calculated with: every operator writes one instruction.

It lets the formulas of vector mathematics read as formulas. A Python number beside such a value becomes a constant of
its type.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from koubai import dtypes
from koubai.compiler.llvm.value import Value, suffix, type_of
from koubai.compiler.llvm.writer import Writer
from koubai.dtypes import DType


class Lanes:
    """A value of one or several lanes, and the function that is being written.

    Args:
        writer: receives the instructions.
        value: what to calculate with.
    """

    __slots__ = ("value", "writer")

    def __init__(self, writer: Writer, value: Value) -> None:
        self.writer = writer
        self.value = value

    @property
    def dtype(self) -> DType:
        """The element type of every lane."""
        return self.value.dtype

    @property
    def floating(self) -> bool:
        """Whether the lanes are floating-point numbers."""
        return self.dtype.kind == "f"

    def like(self, number: Lanes | float) -> Lanes:
        """Return `number` as a constant of this type; what is a value already stays."""
        if isinstance(number, Lanes):
            return number
        return Lanes(self.writer, self.writer.constant(number, self.dtype, self.value.lanes))

    # --- arithmetic; integers wrap around ---------------------------------------------------------------------

    def _do(self, instruction: str, other: Lanes | float) -> Lanes:
        return Lanes(self.writer, self.writer.binary(instruction, self.value, self.like(other).value))

    def __add__(self, other: Lanes | float) -> Lanes:
        return self._do("fadd" if self.floating else "add", other)

    def __sub__(self, other: Lanes | float) -> Lanes:
        return self._do("fsub" if self.floating else "sub", other)

    def __mul__(self, other: Lanes | float) -> Lanes:
        return self._do("fmul" if self.floating else "mul", other)

    def __truediv__(self, other: Lanes | float) -> Lanes:
        return self._do("fdiv", other)

    def __radd__(self, other: float) -> Lanes:
        return self.like(other) + self

    def __rsub__(self, other: float) -> Lanes:
        return self.like(other) - self

    def __rmul__(self, other: float) -> Lanes:
        return self.like(other) * self

    def __rtruediv__(self, other: float) -> Lanes:
        return self.like(other) / self

    def __mod__(self, other: Lanes) -> Lanes:
        """C's fmod: the remainder with the sign of the dividend. It calls a function for every lane."""
        return self._do("frem", other)

    def __neg__(self) -> Lanes:
        if not self.floating:
            return 0 - self
        name = self.writer.let(f"fneg {self.value}")
        return Lanes(self.writer, Value(name, self.dtype, self.value.lanes))

    # --- bits -------------------------------------------------------------------------------------------------

    def __and__(self, other: Lanes | int) -> Lanes:
        return self._do("and", other)

    def __or__(self, other: Lanes | int) -> Lanes:
        return self._do("or", other)

    def __xor__(self, other: Lanes | int) -> Lanes:
        return self._do("xor", other)

    def __invert__(self) -> Lanes:
        return self ^ (1 if self.dtype == dtypes.bool_ else -1)

    def __lshift__(self, other: Lanes | int) -> Lanes:
        return self._do("shl", other)

    def __rshift__(self, other: Lanes | int) -> Lanes:
        return self._do("ashr" if self.dtype.kind == "i" else "lshr", other)

    def bits(self) -> Lanes:
        """Return the bits of floating-point numbers as integers of the same width."""
        return self._convert("bitcast", np.dtype(f"i{self.dtype.itemsize}"))

    def floats(self) -> Lanes:
        """Return the floating-point numbers that have these bits."""
        return self._convert("bitcast", np.dtype(f"f{self.dtype.itemsize}"))

    # --- comparisons: all but `differs` are false beside NaN --------------------------------------------------

    def _compare(self, condition: str, other: Lanes | float) -> Lanes:
        equality = condition in ("eq", "ne")
        ordered = {"f": "fcmp u" if condition == "ne" else "fcmp o"}.get(
            self.dtype.kind, "icmp " if equality else "icmp s" if self.dtype.kind == "i" else "icmp u"
        )
        return Lanes(
            self.writer, self.writer.compare(ordered + condition, self.value, self.like(other).value)
        )

    def __lt__(self, other: Lanes | float) -> Lanes:
        return self._compare("lt", other)

    def __le__(self, other: Lanes | float) -> Lanes:
        return self._compare("le", other)

    def __gt__(self, other: Lanes | float) -> Lanes:
        return self._compare("gt", other)

    def __ge__(self, other: Lanes | float) -> Lanes:
        return self._compare("ge", other)

    def equals(self, other: Lanes | float) -> Lanes:
        """Compare for equality."""
        return self._compare("eq", other)

    def differs(self, other: Lanes | float) -> Lanes:
        """Compare for inequality; NaN differs from everything, itself included."""
        return self._compare("ne", other)

    def isnan(self) -> Lanes:
        """Tell which lanes are NaN."""
        return self.differs(self)

    # --- functions that processors have -----------------------------------------------------------------------

    def apply(self, intrinsic: str, *others: Lanes | float) -> Lanes:
        """Call an intrinsic such as `sqrt`, `floor` or `rint`."""
        arguments = [self.value, *(self.like(other).value for other in others)]
        return Lanes(self.writer, self.writer.intrinsic(intrinsic, *arguments))

    def __abs__(self) -> Lanes:
        if self.floating:
            return self.apply("fabs")
        return where(self < 0, -self, self) if self.dtype.kind == "i" else self

    def sqrt(self) -> Lanes:
        """The square root, correctly rounded."""
        return self.apply("sqrt")

    def copysign(self, other: Lanes) -> Lanes:
        """These sizes with the signs of `other`."""
        return self.apply("copysign", other)

    @property
    def has_powers_of_two(self) -> bool:
        """Whether `times_power_of_two` is an instruction: with AVX-512, of 16 numbers of float32."""
        return self.writer.avx512 and self.dtype == dtypes.float32 and self.value.lanes == 16

    def times_power_of_two(self, exponents: Lanes) -> Lanes:
        """Multiply by 2 to the power of whole numbers, with one rounding."""
        function, kind = "@llvm.x86.avx512.mask.scalef.ps.512", self.value.type
        self.writer.declare(f"{kind} {function}({kind}, {kind}, {kind}, i16, i32)")
        every, as_usual = "i16 -1", "i32 4"  # lanes, and rounding
        arguments = f"{self.value}, {exponents.value}, {self.value}, {every}, {as_usual}"
        return Lanes(
            self.writer, Value(self.writer.let(f"call {kind} {function}({arguments})"), self.dtype, 16)
        )

    # --- conversions ------------------------------------------------------------------------------------------

    def to(self, dtype: DType) -> Lanes:
        """Convert as NumPy does; what does not fit into an integer becomes the nearest one that does.

        Integers under 32 bits are reached through 32 bits, whose lower part is taken, as processors do.
        """
        if dtype == self.dtype:
            return self
        if dtype == dtypes.bool_:
            return self.differs(0)
        if dtypes.float16 in (dtype, self.dtype) and dtypes.float32 not in (dtype, self.dtype):
            return self._through_single(dtype)
        if self.floating:
            return self._resize(dtype) if dtype.kind == "f" else self._to_integer(dtype)
        signed = self.dtype.kind == "i"
        if dtype.kind == "f":
            return self._convert("sitofp" if signed else "uitofp", dtype)
        return self._resize(dtype, "sext" if signed else "zext")

    def _through_single(self, dtype: DType) -> Lanes:
        """Convert from or to float16, for which float32 is what processors offer."""
        if self.dtype == dtypes.float64:
            return self._odd_single().to(dtype)
        return self.to(dtypes.float32).to(dtype)

    def _odd_single(self) -> Lanes:
        """Round float64 to float32 so that rounding once more, to float16, gives what one rounding would.

        An inexact result is the neighbour with an odd last bit: it is never the middle between two of float16.
        """
        near = self.to(dtypes.float32)
        back = near.to(dtypes.float64)
        inward = near.bits() - (abs(back) > abs(self)).to(dtypes.int32)
        inexact = (back < self) | (back > self)
        return (inward | inexact.to(dtypes.int32)).floats()

    def _to_integer(self, dtype: DType) -> Lanes:
        wide = dtypes.int64 if dtype == dtypes.int64 else dtypes.int32
        to, source = type_of(wide, self.value.lanes), self.value
        mangled = f"{suffix(wide, source.lanes)}.{suffix(source.dtype, source.lanes)}"
        self.writer.declare(f"{to} @llvm.fptosi.sat.{mangled}({source.type})")
        name = self.writer.let(f"call {to} @llvm.fptosi.sat.{mangled}({source})")
        return Lanes(self.writer, Value(name, wide, source.lanes)).to(dtype)

    def _resize(self, dtype: DType, widen: str = "fpext") -> Lanes:
        before, after = (0 if d == dtypes.bool_ else d.itemsize for d in (self.dtype, dtype))
        if before == after:
            return Lanes(self.writer, Value(self.value.name, dtype, self.value.lanes))
        narrow = "fptrunc" if dtype.kind == "f" else "trunc"
        return self._convert(widen if after > before else narrow, dtype)

    def _convert(self, instruction: str, dtype: DType) -> Lanes:
        return Lanes(self.writer, self.writer.convert(instruction, self.value, dtype))

    # --- exceptions -------------------------------------------------------------------------------------------

    def any(self) -> str:
        """Return an i1 that tells whether any lane of a bool value is true."""
        lanes = self.value.lanes
        if lanes == 1:
            return self.value.name
        packed = self.writer.let(f"bitcast {self.value} to i{lanes}")
        return self.writer.let(f"icmp ne i{lanes} {packed}, 0")

    def unless(self, rare: Lanes, remedy: Callable[[], Lanes]) -> Lanes:
        """Return these lanes, but those of `remedy` where `rare` holds; it is skipped while no lane needs it."""
        writer, before, after = self.writer, self.writer.block, self.writer.label("usual")
        inside, needed = self.writer.label("rare"), rare.any()
        writer.do(f"br i1 {needed}, label %{inside}, label %{after}")
        writer.begin(inside)
        mended = where(rare, remedy(), self)
        last = writer.block
        writer.do(f"br label %{after}")
        writer.begin(after)
        choices = f"[ {self.value.name}, %{before} ], [ {mended.value.name}, %{last} ]"
        name = writer.let(f"phi {self.value.type} {choices}")
        return Lanes(writer, Value(name, self.dtype, self.value.lanes))

    def call(self, function: str) -> Lanes:
        """Call a function of C's library, lane by lane; it must be one of a float64."""
        writer, result = self.writer, self.value
        writer.declare(f"double @{function}(double)")
        for position in range(self.value.lanes):
            argument = writer.lane(self.value, position)
            name = writer.let(f"call double @{function}({argument})")
            element = Value(name, self.dtype)
            result = element if self.value.lanes == 1 else writer.with_lane(result, element, position)
        return Lanes(writer, result)


def fma(a: Lanes, b: Lanes | float, c: Lanes | float) -> Lanes:
    """a · b + c with one rounding."""
    return a.apply("fma", b, c)


def where(condition: Lanes, a: Lanes | float, b: Lanes | float) -> Lanes:
    """Choose lane by lane; one of the two may be a number, or both if lanes of the condition say the type."""
    known = a if isinstance(a, Lanes) else b
    assert isinstance(known, Lanes), "one of the two choices has to be a value"
    chosen = condition.writer.select(condition.value, known.like(a).value, known.like(b).value)
    return Lanes(condition.writer, chosen)
