"""Whole numbers and addresses.

Numbers that are known already stay Python `int`s and are folded. Of other sums their constants are known: neighbouring
places differ in nothing else, so that instructions for one of them do for all.
"""

from __future__ import annotations

from collections.abc import Iterator

from koubai.compiler.llvm.instructions import Instructions
from koubai.compiler.llvm.value import in_memory
from koubai.dtypes import DType

Int = int | str  # a whole number that is known now, or the name of an i64


class WholeNumbers(Instructions):
    """Instructions for counts and addresses."""

    def __init__(self) -> None:
        super().__init__()
        # Numbers and addresses that are another one and a constant.
        self._sums: dict[str, tuple[str, int]] = {}
        self._places: dict[tuple[str, DType], tuple[str, int]] = {}
        self._made_in: dict[str, str] = {}  # which block made an address
        self._fixed: set[str] = set()  # addresses that other blocks count from

    def add(self, a: Int, b: Int) -> Int:
        """a + b."""
        (base, constant), (other, more) = self._apart(a), self._apart(b)
        if base and other:
            base = self.once(f"add nsw i64 {base}, {other}")
        return self._plus(base or other, constant + more)

    def sub(self, a: Int, b: Int) -> Int:
        """a - b."""
        (base, constant), (other, less) = self._apart(a), self._apart(b)
        if other and base != other:
            base = self.once(f"sub nsw i64 {base or 0}, {other}")
        elif other:
            base = ""
        return self._plus(base, constant - less)

    def mul(self, a: Int, b: Int) -> Int:
        """a · b."""
        if isinstance(a, int):
            a, b = b, a
        if not isinstance(b, int):
            return self.once(f"mul nsw i64 {a}, {b}")
        base, constant = self._apart(a)
        if b == 0 or not base:
            return constant * b
        return self._plus(base if b == 1 else self.once(f"mul nsw i64 {base}, {b}"), constant * b)

    def _apart(self, number: Int) -> tuple[str, int]:
        """Return a number as one that is not known, "" for none, and a constant that is added to it."""
        return ("", number) if isinstance(number, int) else self._sums.get(number, (number, 0))

    def _plus(self, base: str, constant: int) -> Int:
        """Return a sum that remembers its parts: what is computed from it shares all but the constant."""
        if not base or not constant:
            return base or constant
        name = self.once(f"add nsw i64 {base}, {constant}")
        self._sums[name] = base, constant
        return name

    def div(self, a: Int, b: int) -> Int:
        """The quotient of a number that is not negative, rounded down."""
        if isinstance(a, int):
            return a // b
        return a if b == 1 else self.once(f"udiv i64 {a}, {b}")

    def mod(self, a: Int, b: int) -> Int:
        """The remainder of a number that is not negative."""
        if isinstance(a, int):
            return a % b
        return 0 if b == 1 else self.once(f"urem i64 {a}, {b}")

    def minimum(self, a: Int, b: Int) -> Int:
        """The smaller of two."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return self.once(f"select i1 {self.once(f'icmp slt i64 {a}, {b}')}, i64 {a}, i64 {b}")

    def maximum(self, a: Int, b: Int) -> Int:
        """The larger of two."""
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        return self.once(f"select i1 {self.once(f'icmp sgt i64 {a}, {b}')}, i64 {a}, i64 {b}")

    # --- addresses --------------------------------------------------------------------------------------------

    def at(self, pointer: str, offset: Int, dtype: DType) -> str:
        """Return the address of the element at `offset`; it need not be one that may be read."""
        origin, before = self._places.get((pointer, dtype), (pointer, 0))
        base, constant = self._apart(offset)
        near, constant = self._moved(origin, base, dtype) if base else origin, before + constant
        if not constant:
            return near
        place = self._moved(near, constant, dtype)
        self._places[place, dtype] = near, constant
        return place

    def _moved(self, pointer: str, steps: Int, dtype: DType) -> str:
        """Return an address some elements further on, of which LLVM need not know what it was made of elsewhere."""
        if self._made_in.get(pointer, self._block) != self._block:
            self._fixed.add(pointer)
        moved = self.once(f"getelementptr {in_memory(dtype)}, ptr {pointer}, i64 {steps}")
        self._made_in[moved] = self._block
        return moved

    def _with_fixed_addresses(self) -> Iterator[str]:
        """Yield the lines; where other blocks count from an address, LLVM must not ask how it was made.

        It would take the sum apart for every loop that uses it, which costs up to half of its time, and registers.
        """
        for line in self._lines:
            name, _, made = line.strip().partition(" = ")
            if name in self._fixed:
                yield f"  {name}.made = {made}"
                yield f"  {name} = freeze ptr {name}.made"
            else:
                yield line
