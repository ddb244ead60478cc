"""The barrier of a step: no thread goes on before all have come.

It is one word that every thread adds 1 to. The low 16 bits count who has come, the bits above them how often the
barrier has opened: the last to come adds what carries into them and leaves a count of 0.
"""

from __future__ import annotations

from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.runtime.control import BARRIER, atomic_load, wait_until, word
from koubai.compiler.runtime.target import Target

NAME = "koubai_barrier"

_BITS = 16


def write_barrier(target: Target) -> Writer:
    """Return the function `void koubai_barrier(ptr control, i64 threads)`, which belongs into the step's module."""
    w = Writer(NAME, [("ptr", "%control"), ("i64", "%threads")], linkage="internal")
    with w.when(w.let("icmp sgt i64 %threads, 1")):
        _meet(w, target)
    return w


def call_barrier(w: Writer, control: str, threads: Int) -> None:
    """Write a call of the barrier into a step.

    Args:
        w: the step.
        control: the address that `pool().control` gives.
        threads: how many run the step.
    """
    w.do(f"call void @{NAME}(ptr {control}, i64 {threads})")


def _meet(w: Writer, target: Target) -> None:
    counter = word(w, "%control", BARRIER)
    before = w.let(f"atomicrmw add ptr {counter}, i64 1 acq_rel")
    come = w.add(w.let(f"and i64 {before}, {(1 << _BITS) - 1}"), 1)
    last, wait, after = w.label("last"), w.label("wait"), w.label("open")
    w.do(f"br i1 {w.let(f'icmp eq i64 {come}, %threads')}, label %{last}, label %{wait}")
    w.begin(last)
    carry = w.sub(1 << _BITS, "%threads")
    w.do(f"atomicrmw add ptr {counter}, i64 {carry} acq_rel")
    w.do(f"br label %{after}")
    w.begin(wait)
    openings = w.let(f"lshr i64 {before}, {_BITS}")
    wait_until(w, target, "%control", lambda turn: _has_opened(w, counter, openings))
    w.do(f"br label %{after}")
    w.begin(after)


def _has_opened(w: Writer, counter: str, openings: str) -> str:
    now = w.let(f"lshr i64 {atomic_load(w, counter)}, {_BITS}")
    return w.let(f"icmp ne i64 {now}, {openings}")
