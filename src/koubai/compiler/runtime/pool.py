"""The threads that run compiled steps: the one that calls, and workers that stay for the next call.

A compiled step is a function `void step(i64 thread, ptr frame)` that all threads run together. A worker waits for the
next step without sleeping for a moment, because steps follow each other quickly, and then sleeps on a lock.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import threading
import time
from collections.abc import Callable

from koubai.compiler.runtime import machine
from koubai.compiler.runtime.control import GIVE_WAY, LINGER, MOST_THREADS, PARKED, SHORT, SLOW, SPIN, Control
from koubai.compiler.runtime.objects import build
from koubai.compiler.runtime.serving import serving_ir
from koubai.compiler.runtime.target import host

_SPIN_SECONDS = 50e-6  # how long a thread waits for the others of a step before it naps
_LINGER_SECONDS = 120e-6  # how long a worker waits for the next step before it sleeps
_SLOW_SECONDS = 300e-6  # a yield that takes longer has given the core to another program
_NAPS = 5  # how often a caller naps while workers wake up, before it rings again
_DEAD_SECONDS = 1.0  # a thread that has not begun after this time never will
_ALONE = "koubai.set_num_threads(1) runs steps in the calling thread alone"

_launch_type = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64
)
_serve_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
_ticks_type = ctypes.CFUNCTYPE(ctypes.c_int64)

_chosen_threads: int | None = None


class Pool:
    """The threads of this process; `pool()` gives it.

    Attributes:
        control: the address that the barriers of a step need; always the same in one process.
    """

    def __init__(self) -> None:
        self._block = Control()
        self.control = self._block.address
        self._library = build(serving_ir(host()), host())
        self._launch = _launch_type(self._library.address("koubai_launch"))
        self._serve = _serve_type(self._library.address("koubai_serve"))
        self._set_patience()
        self._workers: list[_Worker] = []
        self._turn = threading.RLock()  # a signal handler may run a step between two of its thread's
        for kept in (self._block, self._library):
            # A worker may outlive the interpreter: what it reads must never be freed.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))

    def run(self, address: int, frame: int, threads: int) -> None:
        """Run a step in `threads` threads together, this one and workers; return when all have ended.

        Callers in several Python threads take turns. An exception that a signal handler raises, such as
        KeyboardInterrupt, is raised before the step has begun or after it has ended in all threads.

        Args:
            address: of the step, `void step(i64 thread, ptr frame)`.
            frame: what it gets as its second argument.
            threads: how many; the step must use the same number for its barriers.

        Raises:
            RuntimeError: if the workers cannot be started, have died, or the step was aborted.
        """
        if threads == 1:
            self._launch(self.control, address, frame, 1, 0)
            return
        with self._turn:
            if threads > len(self._workers) + 1:
                self._hire(threads)
            outcome = self._launch(self.control, address, frame, threads, 0)
            if outcome:
                self._wake_and_launch(address, frame, threads)

    def abort(self) -> None:
        """Let all threads through all barriers, of this step and of every later one.

        This ends a step that hangs because its threads do not meet at the same barriers. Its results are worthless,
        and `run` raises RuntimeError from now on.
        """
        self._block.abort()

    def _set_patience(self) -> None:
        """Measure how long a turn of waiting and a tick take, and say after how many a thread does something else."""
        words, turns = self._block.words, SHORT
        ticks = _ticks_type(self._library.address("koubai_ticks"))
        words[GIVE_WAY] = self._library.address("koubai_give_way")
        began, first, times = time.perf_counter(), ticks(), []
        for _ in range(100):  # no worker is there yet, so this only waits
            start = time.perf_counter()
            self._launch(self.control, 0, 0, 2, turns)
            times.append(time.perf_counter() - start)
        turn, tick = min(times) / turns, (time.perf_counter() - began) / (ticks() - first)
        words[SPIN], words[LINGER] = int(_SPIN_SECONDS / turn), int(_LINGER_SECONDS / turn)
        words[SLOW] = int(_SLOW_SECONDS / tick)
        self._patience = int(words[LINGER]) + _NAPS

    def _wake_and_launch(self, address: int, frame: int, threads: int) -> None:
        """Run a step that did not begin because workers sleep."""
        deadline = time.monotonic() + _DEAD_SECONDS
        outcome = 1
        while outcome > 0 and not self._block.aborted:
            self._wake(threads)
            outcome = self._launch(self.control, address, frame, threads, self._patience)
            if outcome > 0 and time.monotonic() > deadline:
                self._workers[outcome - 1].check()
        if outcome:
            raise RuntimeError(f"a compiled step was aborted: its results are worthless; {_ALONE}")

    def _wake(self, threads: int) -> None:
        for worker in self._workers[: threads - 1]:
            if self._block.state(worker.number) == PARKED:
                worker.wake()

    def _hire(self, threads: int) -> None:
        if threads > MOST_THREADS:
            raise RuntimeError(f"a step can have {MOST_THREADS} threads at most, not {threads}")
        while len(self._workers) < threads - 1:
            number = len(self._workers) + 1
            worker = _Worker(number, functools.partial(self._serve, self.control, number))
            # Noted first: if a signal interrupts the start, the thread may run or not, but never two of a number.
            self._workers.append(worker)
            try:
                worker.thread.start()
            except RuntimeError as error:
                self._workers.pop()
                raise RuntimeError(f"cannot start a thread for compiled steps ({error}); {_ALONE}") from error

    def _dismiss(self) -> None:
        """End the workers, so that none is in generated code when the interpreter ends."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.dismiss()
        for worker in workers:
            worker.thread.join(_DEAD_SECONDS)

    def _after_fork(self) -> None:
        """Begin again in a forked child, where only the thread that forked lives on."""
        self._workers = []
        self._turn = threading.RLock()
        self._block.reset()


class _Worker:
    """A thread that runs steps: in generated code while they come, asleep on a lock while they do not."""

    def __init__(self, number: int, serve: Callable[[], None]) -> None:
        self.number = number
        self.thread = threading.Thread(target=self._work, name=f"koubai-{number}", daemon=True)
        self._serve = serve
        self._bell = threading.Lock()
        self._bell.acquire()
        self._dismissed = False

    def _work(self) -> None:
        while not self._dismissed:
            self._serve()
            self._bell.acquire()

    def wake(self) -> None:
        """Ring, if no earlier ring is still unheard."""
        if self._bell.locked():
            self._bell.release()

    def dismiss(self) -> None:
        """Let the thread end after the step that it runs."""
        self._dismissed = True
        self.wake()

    def check(self) -> None:
        """Raise an error if the thread is not there any more."""
        if not self.thread.is_alive():
            raise RuntimeError(f"thread {self.thread.name} of the compiled steps has died; {_ALONE}")


# --- the one pool ---------------------------------------------------------------------------------------------


class _Holder:
    """Makes the pool when it is first asked for."""

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self._making = threading.Lock()

    def get(self) -> Pool:
        with self._making:
            if self.pool is None:
                self.pool = Pool()
                atexit.register(self.pool._dismiss)
            return self.pool

    def after_fork(self) -> None:
        self._making = threading.Lock()
        if self.pool is not None:
            self.pool._after_fork()


_holder = _Holder()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_holder.after_fork)


def pool() -> Pool:
    """Return the pool of this process."""
    return _holder.pool or _holder.get()


def get_num_threads() -> int:
    """Return how many threads run a compiled step.

    Unless `set_num_threads` says so, that is the environment variable KOUBAI_NUM_THREADS, or the number of physical
    cores that the process may use.

    Raises:
        ValueError: if KOUBAI_NUM_THREADS is not a number from 1 to 256.
    """
    if _chosen_threads is not None:
        return _chosen_threads
    wished = os.environ.get("KOUBAI_NUM_THREADS")
    if wished is None:
        return min(machine.physical_cores(), MOST_THREADS)
    if not wished.isdecimal():
        raise ValueError(f"KOUBAI_NUM_THREADS must be a number of threads, got {wished!r}")
    return _checked(int(wished))


def set_num_threads(threads: int) -> None:
    """Choose how many threads run a compiled step.

    The sums of a step are split among its threads, so its results may differ in the last bit from those
    with another number.

    Args:
        threads: 1 to 256.

    Raises:
        ValueError: if it is another number.
    """
    global _chosen_threads
    _chosen_threads = _checked(threads)


def _checked(threads: int) -> int:
    if not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"the number of threads must be from 1 to {MOST_THREADS}, got {threads}")
    return threads
