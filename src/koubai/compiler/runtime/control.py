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
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.runtime.arena import Arena
from koubai.compiler.runtime.target import Target

MOST_THREADS = 256

# Where things are, in words of 8 bytes; a line is 16 of them, because processors fetch lines in pairs.
_LINE = 16
BARRIER = 0
ABORT, SPIN, LINGER, SLOW, GIVE_WAY, YIELD, NAP = (_LINE + k for k in range(7))
STEP, FRAME, THREADS, WANTED = (2 * _LINE + k for k in range(4))
SKIP = 3 * _LINE
MAILBOXES = 4 * _LINE
SIZE = MAILBOXES + MOST_THREADS * _LINE

# What a worker's mailbox says.
PARKED = 0  # it sleeps, or does not exist yet
IDLE = 1  # it looks into its mailbox again and again
CLAIMED = 2  # a step will come: it must not go to sleep
GO = 3  # the step is there

SHORT = 256  # turns of waiting in which nothing is done but waiting


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
        self.words[YIELD], self.words[NAP] = _system_functions()

    def reset(self) -> None:
        """Forget all threads: a forked child has none of them."""
        self.words[BARRIER] = self.words[ABORT] = self.words[WANTED] = 0
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


def wait_until(
    w: Writer, target: Target, control: str, ready: Callable[[str], str], patience: int = SPIN
) -> None:
    """Write a loop that turns until something holds, or until the whole step is aborted.

    Args:
        w: the function; the loop is appended.
        target: the processor.
        control: the block.
        ready: `ready(turn)` writes the test and returns the i1.
        patience: the word that says after how many turns the thread sleeps for a moment.
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
    _pause(w, target)
    with w.when(w.let(f"icmp sge i64 {turn}, {SHORT}")):
        limit = w.let(f"load i64, ptr {word(w, control, patience)}, align 8")
        give_way = w.let(f"load ptr, ptr {word(w, control, GIVE_WAY)}, align 8")
        w.do(f"call void {give_way}(ptr {control}, i64 {turn}, i64 {limit})")
    w.do(f"br label %{latch}")
    w.begin(latch)
    w.do(f"{following} = add i64 {turn}, 1")
    w.do(f"br label %{head}")
    w.begin(after)


def _pause(w: Writer, target: Target) -> None:
    """Write what lets a core rest for an instant, where it can be had."""
    if target.architecture == "x86_64":
        w.declare("void @llvm.x86.sse2.pause()")
        w.do("call void @llvm.x86.sse2.pause()")
    elif target.architecture == "aarch64":
        w.declare("void @llvm.aarch64.hint(i32)")
        w.do("call void @llvm.aarch64.hint(i32 1)")


def _system_functions() -> tuple[int, int]:
    """Return the system's functions by which a thread yields its core, and by which it sleeps for some microseconds.

    Windows has no sleep as short as that, so there both yield.
    """
    if os.name == "nt":
        switch = _address(ctypes.WinDLL("kernel32").SwitchToThread)  # type: ignore[attr-defined, unused-ignore]
        return switch, switch
    library = ctypes.CDLL(None)
    return _address(library.sched_yield), _address(library.usleep)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
