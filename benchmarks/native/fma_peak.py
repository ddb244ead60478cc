"""How fast this machine multiplies and adds just now: a native loop of nothing but FMAs, on all threads at once.

It is the roof over every matrix product, and it moves: clocks change and neighbours come and go. So it is measured
again beside everything that is timed.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from koubai.compiler.llvm.module import Module
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.runtime.objects import Library, compile_object
from koubai.compiler.runtime.target import current
from koubai.dtypes import float32

CHAINS = 12  # independent sums: more than an FMA takes cycles times how many start in each
BURST = 4e-3  # seconds of one measurement
IN_A_ROW, BURSTS = 3, 15


def fma_peak(threads: int) -> float:
    """Return the floating-point operations per second of `threads` threads together.

    It is what some bursts in a row all reach: one alone may slip in between two moments of another program. Threads
    that others left spinning, which OpenMP's do for some 20 ms after their last work, go to sleep in the meantime.
    """
    bursts = [_burst(threads) for _ in range(BURSTS)]
    return max(map(min, zip(*(bursts[n:] for n in range(IN_A_ROW)))))


def _burst(threads: int) -> float:
    loop, turns, lanes = _loop(), _turns(), current().lanes(float32)
    barrier, seconds = threading.Barrier(threads), [0.0] * threads
    cores = _cores()

    def work(thread: int) -> None:
        _stay_on(cores[thread % len(cores)])
        out = (ctypes.c_float * lanes)()
        barrier.wait()
        start = time.perf_counter()
        loop(turns, ctypes.addressof(out))
        seconds[thread] = time.perf_counter() - start

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(2 * lanes * CHAINS * turns / own for own in seconds)


def _cores() -> list[int]:
    """Return the numbers of the processor's cores that this process may use, where the system says so."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


def _stay_on(core: int) -> None:
    """Keep the thread that calls on a core.

    New threads often begin on the core of who starts them, and within a burst the system has not yet spread them.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(threading.get_native_id(), {core})


@cache
def _turns() -> int:
    """How many turns of the loop take one burst."""
    turns, taken, loop = 1000, 0.0, _loop()
    out = (ctypes.c_float * current().lanes(float32))()
    while taken < BURST / 4:
        turns *= 2
        start = time.perf_counter()
        loop(turns, ctypes.addressof(out))
        taken = time.perf_counter() - start
    return int(turns * BURST / taken)


@cache
def _loop() -> Any:
    """Return the native function `loop(turns, out)`, which lets go of Python's lock while it runs."""
    return ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(_library().address("loop"))


@cache
def _library() -> Library:
    """Compile the loop; whoever holds the library holds the code."""
    return Library(current(), compile_object(_program(current().lanes(float32)), current()))


def _program(lanes: int) -> str:
    """Write the loop: every chain x ← 0.999 x + 0.001, again and again."""
    writer = Writer("loop", [("i64", "%turns"), ("ptr", "%out")])
    factor, summand = (writer.constant(number, float32, lanes) for number in (0.999, 0.001))

    def turn(_: Int, chains: list[Value]) -> Sequence[Value]:
        return [writer.fma(chain, factor, summand) for chain in chains]

    chains = writer.loop(0, "%turns", 1, turn, [writer.constant(c, float32, lanes) for c in range(CHAINS)])
    total = chains[0]
    for chain in chains[1:]:
        total = writer.binary("fadd", total, chain)
    writer.store(total, "%out")
    return Module([writer], current().attributes).text
