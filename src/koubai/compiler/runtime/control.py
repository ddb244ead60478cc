"""The block of memory through which the threads of a step signal to each other, and how generated code waits on it.

There is one block a process, and it stays where it is for as long as the process lives. Words that different threads
write lie on cache lines of their own, so that a thread that waits does not slow down the others.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from koubai import dtypes
from koubai.compiler.llvm.writer import Int, Writer
from koubai.compiler.runtime.arena import Arena
from koubai.compiler.runtime.target import Target

MOST_THREADS = 256

# Where things are, in words of 8 bytes; a line is 16 of them, because processors fetch lines in pairs.
_LINE = 16
BARRIER = 0
YIELD, ABORT, SPIN = _LINE, _LINE + 1, _LINE + 2
STEP, FRAME, THREADS = 2 * _LINE, 2 * _LINE + 1, 2 * _LINE + 2
MAILBOXES = 3 * _LINE
SIZE = MAILBOXES + MOST_THREADS * _LINE

# What a worker's mailbox says.
PARKED = 0  # it sleeps, or does not exist yet
IDLE = 1  # it looks into its mailbox again and again
CLAIMED = 2  # a step will come: it must not go to sleep
GO = 3  # the step is there

_PATIENCE = 200  # turns of waiting before the processor is offered to others


class Control:
    """The block of this process.

    Attributes:
        address: of the block; always the same in a process and in the processes that it forks.
        words: the block as whole numbers.
    """

    def __init__(self) -> None:
        self._arena = Arena(SIZE * 8)
        self.address = self._arena.address
        self.words: NDArray[Any] = self._arena.view(0, (SIZE,), dtypes.int64)
        self.words[YIELD] = _yield_address()

    def reset(self) -> None:
        """Forget all threads: a forked child has none of them."""
        self.words[BARRIER] = self.words[ABORT] = 0
        self.words[MAILBOXES:] = PARKED

    def abort(self) -> None:
        """End all waiting, for good."""
        self.words[ABORT] = 1

    @property
    def aborted(self) -> bool:
        """Tell whether `abort` was called."""
        return bool(self.words[ABORT])

    def state(self, thread: int) -> int:
        """Return what the mailbox of a worker says."""
        return int(self.words[MAILBOXES + (thread - 1) * _LINE])


def word(w: Writer, control: str, position: int) -> str:
    """Write the address of a word of the block."""
    return w.at(control, position, dtypes.int64)


def mailbox(w: Writer, control: str, thread: Int) -> str:
    """Write the address of a worker's mailbox; the first worker is thread 1."""
    return w.at(word(w, control, MAILBOXES), w.mul(w.sub(thread, 1), _LINE), dtypes.int64)


def atomic_load(w: Writer, pointer: str) -> str:
    """Write a load that sees everything that was written before the word."""
    return w.let(f"load atomic i64, ptr {pointer} acquire, align 8")


def atomic_store(w: Writer, number: Int, pointer: str) -> None:
    """Write a store that becomes visible after everything that was written before it."""
    w.do(f"store atomic i64 {number}, ptr {pointer} release, align 8")


def says(w: Writer, pointer: str, number: int) -> str:
    """Write the test whether a word is `number`, and return it as an i1."""
    return w.let(f"icmp eq i64 {atomic_load(w, pointer)}, {number}")


def change(w: Writer, pointer: str, old: int, new: int) -> str:
    """Write "if the word is `old`, make it `new`", and return whether it was, as an i1."""
    pair = w.let(f"cmpxchg ptr {pointer}, i64 {old}, i64 {new} seq_cst seq_cst")
    return w.let(f"extractvalue {{ i64, i1 }} {pair}, 1")


def wait_until(w: Writer, target: Target, control: str, ready: Callable[[str], str]) -> None:
    """Write a loop that turns until something holds, or until the whole step is aborted.

    Args:
        w: the function; the loop is appended.
        target: the processor.
        control: the block.
        ready: `ready(turn)` writes the test and returns the i1.
    """
    before, head, turning, latch, after = w.block, *map(w.label, ("wait", "turn", "again", "done"))
    turn, following = w.fresh(), w.fresh()
    w.do(f"br label %{head}")
    w.begin(head)
    w.do(f"{turn} = phi i64 [ 0, %{before} ], [ {following}, %{latch} ]")
    aborted = w.let(f"icmp ne i64 {atomic_load(w, word(w, control, ABORT))}, 0")
    ends = w.let(f"or i1 {ready(turn)}, {aborted}")
    w.do(f"br i1 {ends}, label %{after}, label %{turning}")
    w.begin(turning)
    _relax(w, target, control, turn)
    w.do(f"br label %{latch}")
    w.begin(latch)
    w.do(f"{following} = add i64 {turn}, 1")
    w.do(f"br label %{head}")
    w.begin(after)


def _relax(w: Writer, target: Target, control: str, turn: str) -> None:
    """Write one turn of waiting: let the core rest, and after many turns let other threads have it now and then."""
    pause = {"x86_64": "@llvm.x86.sse2.pause()", "aarch64": "@llvm.aarch64.hint(i32 1)"}.get(
        target.architecture
    )
    if pause is not None:
        w.declare(f"void {pause.replace(' 1', '')}")
        w.do(f"call void {pause}")
    impatient = w.let(f"icmp sgt i64 {turn}, {_PATIENCE}")
    odd = w.let(f"trunc i64 {turn} to i1")
    with w.when(w.let(f"and i1 {impatient}, {odd}")):
        give_way = w.let(f"load ptr, ptr {word(w, control, YIELD)}")
        w.do(f"call i32 {give_way}()")


def _yield_address() -> int:
    """Return the system's function by which a thread lets others have its core."""
    if os.name == "nt":
        function = ctypes.WinDLL("kernel32").SwitchToThread  # type: ignore[attr-defined, unused-ignore]
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0
