"""Where the buffers of a call lie: at known places, or turn by turn in a table, in a loop over equal calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from koubai import dtypes
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.kernel import Kernel
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.schedule.memory import Plan

TABLE = "@places"


class Addresses:
    """Writes the addresses of buffers.

    Args:
        plan: where buffers lie.
        arguments: buffers whose addresses come with the frame, in this order.

    Attributes:
        in_turns: whether what is written now is a turn of a loop over equal calls.
    """

    def __init__(self, plan: Plan, arguments: list[Buffer]) -> None:
        self.plan, self.arguments = plan, arguments
        self.in_turns = False
        self._places: list[int] = []
        self._alike: dict[Kernel, Sequence[Kernel]] = {}
        self._turn: Int = 0
        self._arena = ""

    @property
    def table(self) -> str:
        """The table of what was asked for, as a definition of the module; nothing if it is empty."""
        places = ", ".join(f"i64 {place}" for place in self._places)
        return f"{TABLE} = internal constant [{len(self._places)} x i64] [{places}]" if places else ""

    def begin(self, arena: str) -> None:
        """Begin a function that knows the arena by this name."""
        self._arena = arena

    @contextmanager
    def turns(self, kernels: Sequence[Sequence[Kernel]], turn: Int) -> Iterator[None]:
        """Let the kernels of the first turn stand for those of all turns; `turn` is the number of the turn."""
        self.in_turns, self._turn = True, turn
        self._alike = {column[0]: column for column in zip(*kernels)}
        yield
        self.in_turns, self._alike = False, {}

    def of(self, w: Writer, kernel: Kernel) -> list[str]:
        """Return the addresses of a kernel's buffers."""
        return [
            self._one(w, column) for column in zip(*(k.buffers for k in self._alike.get(kernel, [kernel])))
        ]

    def of_buffer(self, w: Writer, buffer: Buffer) -> str:
        """Return the address of a buffer that is the same in all turns."""
        return self._one(w, [buffer])

    def _one(self, w: Writer, buffers: Sequence[Buffer]) -> str:
        """Return the address of what is one buffer after the other, turn by turn."""
        if buffers[0].home is Home.ARGUMENT:
            slot = w.at("%frame", 2 + self.arguments.index(buffers[0]), dtypes.int64)
            return w.let(f"load ptr, ptr {slot}")
        places = [self.plan.offsets[buffer] for buffer in buffers]
        place: Int = places[0] if len(set(places)) == 1 else self._looked_up(w, places)
        return w.at(self._arena, place, dtypes.uint8)

    def _looked_up(self, w: Writer, places: list[int]) -> str:
        slot = w.at(TABLE, w.add(self._turn, len(self._places)), dtypes.int64)
        self._places += places
        return w.let(f"load i64, ptr {slot}")
