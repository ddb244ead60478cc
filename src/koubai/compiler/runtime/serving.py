"""The generated code with which threads run steps: `launch` for the one that calls, `serve` for its workers.

A worker looks into its mailbox for a while and then parks. The caller first claims every worker that it needs, which
keeps it from parking; only when all are claimed does a step begin, so that a step is run by all threads or by none.
"""

from __future__ import annotations

from koubai.compiler.llvm.module import Module
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.runtime.barrier import call_barrier, write_barrier
from koubai.compiler.runtime.control import (
    ABORT,
    CLAIMED,
    FRAME,
    GO,
    IDLE,
    LINGER,
    PARKED,
    STEP,
    THREADS,
    WANTED,
    atomic_load,
    atomic_store,
    change,
    mailbox,
    says,
    wait_until,
    word,
)
from koubai.compiler.runtime.patience import patience
from koubai.compiler.runtime.target import Target

_CONTROL = ("ptr", "%control")
_MAILBOX = ("ptr", "%mailbox")
_THREADS = ("i64", "%threads")


def serving_ir(target: Target) -> str:
    """Return the module with `koubai_launch`, `koubai_serve` and what they need."""
    functions = [
        *patience(target),
        write_barrier(target),
        _tell(),
        _claim(target),
        _claim_all(),
        _launch(),
        _park(),
        _next(target),
        _serve(),
    ]
    return Module(functions, target.attributes).text


# --- the caller -----------------------------------------------------------------------------------------------


def _launch() -> Writer:
    """`i64 koubai_launch(control, step, frame, threads, patience)`: run a step in all threads, or in none.

    It returns 0 when all have ended, -1 if the step was aborted; if a worker sleeps, its number, and nothing has run.
    """
    parameters = [_CONTROL, ("ptr", "%step"), ("ptr", "%frame"), _THREADS, ("i64", "%patience")]
    w = Writer("koubai_launch", parameters, "i64")
    wanted = word(w, "%control", WANTED)  # workers that wake up now must not go to sleep again
    atomic_store(w, "%patience", wanted)
    claimed = w.let("call i64 @koubai_claim_all(ptr %control, i64 %threads, i64 %patience)")
    atomic_store(w, 0, wanted)
    asleep, ready = w.label("asleep"), w.label("ready")
    w.do(f"br i1 {w.let(f'icmp slt i64 {claimed}, %threads')}, label %{asleep}, label %{ready}")
    w.begin(asleep)
    w.do(f"call void @koubai_tell(ptr %control, i64 {claimed}, i64 {IDLE})")
    w.do(f"ret i64 {claimed}")
    w.begin(ready)
    with w.when(w.let("icmp sgt i64 %threads, 1")):
        w.do(f"store ptr %step, ptr {word(w, '%control', STEP)}, align 8")
        w.do(f"store ptr %frame, ptr {word(w, '%control', FRAME)}, align 8")
        w.do(f"store i64 %threads, ptr {word(w, '%control', THREADS)}, align 8")
        w.do(f"call void @koubai_tell(ptr %control, i64 %threads, i64 {GO})")
    w.do("call void %step(i64 0, ptr %frame)")
    call_barrier(w, "%control", "%threads")
    aborted = w.let(f"icmp ne i64 {atomic_load(w, word(w, '%control', ABORT))}, 0")
    w.do(f"ret i64 {w.let(f'sext i1 {aborted} to i64')}")
    return w


def _claim_all() -> Writer:
    """`i64 koubai_claim_all(control, threads, patience)`: claim workers in turn; return the first that sleeps.

    It returns `threads` if none does.
    """
    w = Writer("koubai_claim_all", [_CONTROL, _THREADS, ("i64", "%patience")], "i64", "internal")
    head, body, latch, after = map(w.label, ("claim", "next", "claimed", "done"))
    w.do(f"br label %{head}")
    w.begin(head)
    thread, following = w.fresh(), w.fresh()
    w.do(f"{thread} = phi i64 [ 1, %entry ], [ {following}, %{latch} ]")
    w.do(f"br i1 {w.let(f'icmp slt i64 {thread}, %threads')}, label %{body}, label %{after}")
    w.begin(body)
    box = mailbox(w, "%control", thread)
    claimed = w.let(f"call i1 @koubai_claim(ptr %control, ptr {box}, i64 %patience)")
    w.do(f"br i1 {claimed}, label %{latch}, label %{after}")
    w.begin(latch)
    w.do(f"{following} = add i64 {thread}, 1")
    w.do(f"br label %{head}")
    w.begin(after)
    w.do(f"ret i64 {thread}")
    return w


def _claim(target: Target) -> Writer:
    """`i1 koubai_claim(control, mailbox, patience)`: claim one worker, within so many turns."""
    w = Writer("koubai_claim", [_CONTROL, _MAILBOX, ("i64", "%patience")], "i1", "internal")

    def settled(turn: str) -> str:
        succeeded = change(w, "%mailbox", IDLE, CLAIMED)
        return w.let(f"or i1 {succeeded}, {w.let(f'icmp sge i64 {turn}, %patience')}")

    wait_until(w, target, "%control", settled, LINGER)  # a sleeper needs longer than one at a barrier
    w.do(f"ret i1 {says(w, '%mailbox', CLAIMED)}")
    return w


def _tell() -> Writer:
    """`void koubai_tell(control, end, state)`: write `state` into the mailboxes of workers 1 to end - 1."""
    w = Writer("koubai_tell", [_CONTROL, ("i64", "%end"), ("i64", "%state")], linkage="internal")

    def tell(thread: Int, _: list[Value]) -> list[Value]:
        atomic_store(w, "%state", mailbox(w, "%control", thread))
        return []

    w.loop(1, "%end", 1, tell)
    return w


# --- the workers ----------------------------------------------------------------------------------------------


def _serve() -> Writer:
    """`void koubai_serve(control, thread)`: run steps until none has come for a while."""
    w = Writer("koubai_serve", [_CONTROL, ("i64", "%thread")])
    box = mailbox(w, "%control", "%thread")
    atomic_store(w, IDLE, box)
    look, work, leave = map(w.label, ("look", "work", "leave"))
    w.do(f"br label %{look}")
    w.begin(look)
    came = w.let(f"call i1 @koubai_next(ptr %control, ptr {box})")
    w.do(f"br i1 {came}, label %{work}, label %{leave}")
    w.begin(work)
    atomic_store(w, IDLE, box)
    step = w.let(f"load ptr, ptr {word(w, '%control', STEP)}, align 8")
    frame = w.let(f"load ptr, ptr {word(w, '%control', FRAME)}, align 8")
    threads = w.let(f"load i64, ptr {word(w, '%control', THREADS)}, align 8")
    w.do(f"call void {step}(i64 %thread, ptr {frame})")
    call_barrier(w, "%control", threads)
    w.do(f"br label %{look}")
    w.begin(leave)
    return w


def _next(target: Target) -> Writer:
    """`i1 koubai_next(control, mailbox)`: wait for a step; false if the worker has parked instead."""
    w = Writer("koubai_next", [_CONTROL, _MAILBOX], "i1", "internal")

    def settled(turn: str) -> str:
        parked = w.let(f"call i1 @koubai_park(ptr %control, ptr %mailbox, i64 {turn})")
        return w.let(f"or i1 {parked}, {says(w, '%mailbox', GO)}")

    wait_until(w, target, "%control", settled, LINGER)
    w.do(f"ret i1 {says(w, '%mailbox', GO)}")
    return w


def _park() -> Writer:
    """`i1 koubai_park(control, mailbox, turn)`: park after many turns, unless a caller wants this worker."""
    w = Writer("koubai_park", [_CONTROL, _MAILBOX, ("i64", "%turn")], "i1", "internal")
    late, still = w.label("late"), w.label("still")
    unwanted = says(w, word(w, "%control", WANTED), 0)
    limit = w.let(f"load i64, ptr {word(w, '%control', LINGER)}, align 8")
    tired = w.let(f"and i1 {unwanted}, {w.let(f'icmp sge i64 %turn, {limit}')}")
    w.do(f"br i1 {tired}, label %{late}, label %{still}")
    w.begin(late)
    w.do(f"ret i1 {change(w, '%mailbox', IDLE, PARKED)}")
    w.begin(still)
    w.do("ret i1 false")
    return w
