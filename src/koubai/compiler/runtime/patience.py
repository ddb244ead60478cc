"""What a thread does that waits for long: it offers its core to others, because the one it waits for may need it.

To yield is quick where threads of a step share a core. Where a program that only computes shares it, that program has
the core for milliseconds after each yield; so one slow yield ends them for a while, and the thread naps instead: it
gets its core back soon after it wakes up, or another one that is free.
"""

from __future__ import annotations

from koubai.compiler.llvm.writer import Writer
from koubai.compiler.runtime.control import NAP, SHORT, SKIP, SLOW, YIELD, atomic_load, atomic_store, word
from koubai.compiler.runtime.target import Target

_TURNS = 64  # from one yield to the next
_NAP = 20  # microseconds; the system makes about 70 of it
_WAITS = 100  # without a yield, after a slow one


def patience(target: Target) -> list[Writer]:
    """Return the functions `koubai_give_way`, which `wait_until` calls, and `koubai_ticks`, a clock."""
    return [_ticks(target), _try_yield(), _give_way()]


def _give_way() -> Writer:
    """`void koubai_give_way(control, turn, limit)`: nap after the turn `limit`, and yield now and then before."""
    w = Writer("koubai_give_way", [("ptr", "%control"), ("i64", "%turn"), ("i64", "%limit")])
    late, early, after = w.label("late"), w.label("early"), w.label("done")
    w.do(f"br i1 {w.let('icmp sge i64 %turn, %limit')}, label %{late}, label %{early}")
    w.begin(late)
    w.do(f"call i32 {_function(w, NAP)}(i32 {_NAP})")
    w.do(f"br label %{after}")
    w.begin(early)
    with w.when(w.let(f"icmp eq i64 {w.let(f'and i64 %turn, {_TURNS - 1}')}, 0")):
        w.do("call void @koubai_try_yield(ptr %control, i64 %turn)")
    w.do(f"br label %{after}")
    w.begin(after)
    return w


def _try_yield() -> Writer:
    """`void koubai_try_yield(control, turn)`: yield, unless that was slow not long ago."""
    w = Writer("koubai_try_yield", [("ptr", "%control"), ("i64", "%turn")], linkage="internal")
    skip = word(w, "%control", SKIP)
    left = atomic_load(w, skip)
    skips, first = w.let(f"icmp sgt i64 {left}, 0"), w.let(f"icmp eq i64 %turn, {SHORT}")
    with w.when(w.let(f"and i1 {skips}, {first}")):  # once in every wait
        atomic_store(w, w.sub(left, 1), skip)
    with w.when(w.let(f"xor i1 {skips}, true")):
        slow = _timed_yield(w)
        with w.when(slow):
            atomic_store(w, _WAITS, skip)
    return w


def _timed_yield(w: Writer) -> str:
    """Write a yield and return whether it was slow, as an i1."""
    start = w.let("call i64 @koubai_ticks()")
    w.do(f"call i32 {_function(w, YIELD)}()")
    passed = w.let(f"sub i64 {w.let('call i64 @koubai_ticks()')}, {start}")
    limit = w.let(f"load i64, ptr {word(w, '%control', SLOW)}, align 8")
    return w.let(f"icmp ugt i64 {passed}, {limit}")


def _ticks(target: Target) -> Writer:
    """`i64 koubai_ticks()`: the processor's clock, in a unit of its own."""
    w = Writer("koubai_ticks", [], "i64")
    if (
        target.architecture == "aarch64"
    ):  # the cycle counter is out of bounds for programs there, the timer is not
        now = w.let('call i64 asm sideeffect "mrs $0, cntvct_el0", "=r"()')
    else:
        w.declare("i64 @llvm.readcyclecounter()")
        now = w.let("call i64 @llvm.readcyclecounter()")
    w.do(f"ret i64 {now}")
    return w


def _function(w: Writer, position: int) -> str:
    return w.let(f"load ptr, ptr {word(w, '%control', position)}, align 8")
