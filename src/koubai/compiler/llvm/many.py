"""Many steps in one call: a loop around the step, for when nobody looks at it in between.

Before each step the first thread puts its numbers and the addresses of its arguments where the step reads them; after
it, it takes the results away. The loop ends early when a step has found something wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from koubai import dtypes
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.runtime.barrier import call_barrier

NAME = "many"
# The words of what `many` is given; the tables have a row for each step.
FRAME, COUNT, NUMBERS, RESULTS, DONE, ARGUMENTS = range(6)


def write_many(
    threads: int,
    arguments: int,
    numbers: tuple[int, int],
    results: tuple[int, int],
    flags: Sequence[int],
) -> Writer:
    """Return the function `void many(i64 thread, ptr frame)`.

    Args:
        threads: how many run it together.
        arguments: how many the step has.
        numbers, results: where these lie in the arena: offset and bytes.
        flags: the offsets of the bools that must be true after a step.
    """
    return _Many(threads, arguments, numbers, results, flags).write()


class _Many:
    def __init__(
        self,
        threads: int,
        arguments: int,
        numbers: tuple[int, int],
        results: tuple[int, int],
        flags: Sequence[int],
    ) -> None:
        self.threads, self.arguments = threads, arguments
        self.numbers, self.results, self.flags = numbers, results, flags
        self.w = Writer(NAME, [("i64", "%thread"), ("ptr", "%given")])

    def write(self) -> Writer:
        w = self.w
        self.frame = self._word(FRAME, "ptr")
        self.arena = w.let(f"load ptr, ptr {self.frame}")
        self.control = w.let(f"load ptr, ptr {w.at(self.frame, 1, dtypes.int64)}")
        w.loop(0, self._word(COUNT, "i64"), 1, self._turn)
        return w

    def _word(self, number: int, kind: str) -> str:
        return self.w.let(f"load {kind}, ptr {self.w.at('%given', number, dtypes.int64)}")

    def _turn(self, i: Int, _: list[Value]) -> list[Value]:
        w = self.w
        with w.when(w.let("icmp eq i64 %thread, 0")):
            self._copy(self._row(NUMBERS, i, self.numbers[1]), self._place(self.numbers[0]), self.numbers[1])
            addresses = 8 * self.arguments
            self._copy(self._row(ARGUMENTS, i, addresses), w.at(self.frame, 2, dtypes.int64), addresses)
        self._meet()
        w.do(f"call void @part0(i64 %thread, ptr {self.frame})")
        self._meet()
        with w.when(w.let("icmp eq i64 %thread, 0")):
            self._copy(self._place(self.results[0]), self._row(RESULTS, i, self.results[1]), self.results[1])
        self._stop_if_wrong()
        with w.when(w.let("icmp eq i64 %thread, 0")):
            w.do(f"store i64 {w.add(i, 1)}, ptr {w.at('%given', DONE, dtypes.int64)}")
        return []

    def _meet(self) -> None:
        if self.threads > 1:
            call_barrier(self.w, self.control, self.threads)

    def _place(self, offset: int) -> str:
        return self.w.at(self.arena, offset, dtypes.uint8)

    def _row(self, table: int, i: Int, size: int) -> str:
        start = self._word(table, "ptr")
        return self.w.at(start, self.w.mul(i, size), dtypes.uint8)

    def _copy(self, source: str, target: str, size: int) -> None:
        """Copy whole words."""
        w = self.w

        def turn(i: Int, _: list[Value]) -> list[Value]:
            w.store(w.load(source, dtypes.int64, offset=i), target, i)
            return []

        w.loop(0, size // 8, 1, turn)

    def _stop_if_wrong(self) -> None:
        w = self.w
        for offset in self.flags:
            well = w.load(self._place(offset), dtypes.bool_)
            stop, go_on = w.label("stop"), w.label("go")
            w.do(f"br i1 {well.name}, label %{go_on}, label %{stop}")
            w.begin(stop)
            w.do("ret void")
            w.begin(go_on)
