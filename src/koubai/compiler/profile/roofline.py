"""What this machine can do at most: multiplications and additions, and bytes to and from memory; both are measured."""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass

import numpy as np

from koubai import dtypes
from koubai.arrays import Array
from koubai.compiler.llvm.module import Module
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.profile.work import Work
from koubai.compiler.runtime.arena import Arena
from koubai.compiler.runtime.objects import Library, build
from koubai.compiler.runtime.pool import pool
from koubai.compiler.runtime.target import Target

_CHAINS = 12  # independent sums, enough that none waits for its own last addition
_LARGE = 64 << 20  # bytes that no cache holds
_SECONDS = 0.02  # for each measurement: the best of many short runs, so that other programs do not matter


@dataclass(frozen=True)
class Roof:
    """The limits.

    Attributes:
        flops: the most operations in float32 a second.
        speeds: (bytes, bytes a second): how fast so much is read and written again and again.
    """

    flops: float
    speeds: tuple[tuple[int, float], ...]

    def seconds(self, work: Work) -> float:
        """Return how long the work takes at least."""
        return max(work.flops / self.flops, work.bytes / self.speed(work.bytes))

    def speed(self, size: int) -> float:
        """Return how fast `size` bytes are read and written, in bytes a second."""
        return next((speed for limit, speed in self.speeds if size <= limit), self.speeds[-1][1])


@functools.cache
def roof(target: Target, threads: int) -> Roof:
    """Measure what `threads` threads can do, each on a core of its own; takes about a tenth of a second."""
    library = build(_module(target), target)
    sizes = (threads * target.level1 // 2, threads * target.level2 // 2, _LARGE)
    speeds = [(size, _speed(library, threads, size)) for size in sizes]
    return Roof(threads * _peak(library, target), tuple(speeds))


def _peak(library: Library, target: Target) -> float:
    """Return the operations a second of one thread."""
    turns = 30_000
    seconds = _best(library, "multiply", np.array([turns], np.int64), 1)
    return 2.0 * turns * _CHAINS * target.lanes(dtypes.float32) / seconds


def _speed(library: Library, threads: int, size: int) -> float:
    """Return the bytes a second of threads that add a number to an array in place: it is read and written.

    What fits in the caches of the cores is measured with one thread, because others do not matter there.
    """
    own = size // threads // 64 * 64
    team = threads if size == _LARGE else 1
    arena = Arena(own * team)
    sweeps = max(1, (1 << 20) // own)
    frame = np.array([sweeps, own // 64, arena.address], np.int64)
    return 2.0 * own * threads * sweeps / _best(library, "sweep", frame, team)


def _best(library: Library, name: str, frame: Array, threads: int) -> float:
    """Return the shortest time that a function takes."""
    address, best, runs = library.address(name), math.inf, 0
    deadline = time.perf_counter() + _SECONDS
    while runs < 3 or time.perf_counter() < deadline:
        began = time.perf_counter()
        pool().run(address, frame.ctypes.data, threads)
        best, runs = min(best, time.perf_counter() - began), runs + 1
    return best


def _module(target: Target) -> str:
    return Module([_multiply(target), _sweep()], target.attributes).text


def _multiply(target: Target) -> Writer:
    """`void multiply(i64 thread, ptr frame)`: chains of multiplications and additions."""
    w = Writer("multiply", [("i64", "%thread"), ("ptr", "%frame")])
    turns = w.let("load i64, ptr %frame")
    lanes = target.lanes(dtypes.float32)
    start = [w.constant(float(n), dtypes.float32, lanes) for n in range(_CHAINS)]
    factor, more = (w.constant(x, dtypes.float32, lanes) for x in (0.5, 1.0))
    sums = w.loop(0, turns, 1, lambda _, values: [w.fma(v, factor, more) for v in values], start)
    place = w.let(f"alloca {sums[0].type}, i64 {_CHAINS}")
    for n, total in enumerate(sums):  # volatile, or nothing would be computed
        w.do(f"store volatile {total}, ptr {w.at(place, n * lanes, dtypes.float32)}")
    return w


def _sweep() -> Writer:
    """`void sweep(i64 thread, ptr frame)`: 1 is added to an array of lines of 64 bytes, again and again."""
    w = Writer("sweep", [("i64", "%thread"), ("ptr", "%frame")])
    sweeps, lines, address = (w.let(f"load i64, ptr {w.at('%frame', n, dtypes.int64)}") for n in range(3))
    base = w.let(f"inttoptr i64 {address} to ptr")
    mine = w.at(base, w.mul(w.mul("%thread", lines), 16), dtypes.float32)
    one = w.constant(1.0, dtypes.float32, 16)

    def line(n: int | str, _: list[Value]) -> list[Value]:
        place = w.at(mine, w.mul(n, 16), dtypes.float32)
        w.store(w.binary("fadd", w.load(place, dtypes.float32, 16), one), place)
        return []

    def sweep(_: int | str, __: list[Value]) -> list[Value]:
        w.loop(0, lines, 1, line)
        return []

    w.loop(0, sweeps, 1, sweep)
    return w
