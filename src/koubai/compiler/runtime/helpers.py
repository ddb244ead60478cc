"""Other processes that compile their share of a large step, as threads cannot: LLVM runs once at a time in a process.

They start when it is clear that there is something to compile, and are given kernels as soon as these are written. When
all are written, this process joins in. What cannot be done in another process is done in this one, so that a step never
fails for want of help.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import spawn
from pathlib import Path
from queue import SimpleQueue

from koubai.compiler.llvm.module import Module
from koubai.compiler.runtime import machine_code
from koubai.compiler.runtime.machine import physical_cores
from koubai.compiler.runtime.objects import compile_object
from koubai.compiler.runtime.target import Target

FEWEST = 50  # nodes of a graph below which a process would start for nothing
MOST = 3  # processes: what is planned in this one takes longer than what more of them would save
_PATIENCE = 120.0  # seconds

_Process = subprocess.Popen[bytes]


@contextmanager
def helpers(target: Target, nodes: int) -> Iterator[Helpers]:
    """Let there be as many helpers as are worth their start for a graph, until the block ends."""
    count = min(physical_cores() - 1, MOST) if nodes >= FEWEST and _are_wanted() else 0
    processes: list[_Process] = []
    with suppress(OSError):
        while len(processes) < count:
            processes.append(_started(target))
    with ThreadPoolExecutor(max(len(processes), 1)) as waiters:
        try:
            yield Helpers(target, processes, waiters)
        finally:
            waiters.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                _end(process)


class Helpers:
    """Processes that wait for something to compile.

    Args:
        target: what they compile for.
        processes: each of them compiles one module after the other.
        waiters: a thread for each of them.
    """

    def __init__(self, target: Target, processes: Sequence[_Process], waiters: Executor) -> None:
        self._target, self._processes, self._waiters = target, processes, waiters
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._taken: list[tuple[str, Future[bytes]]] = []
        for process in processes:
            self._idle.put(process)

    def __len__(self) -> int:
        return len(self._processes)

    def take(self, module: Module) -> None:
        """Let the next helper that is idle compile a module."""
        self._taken.append((module.text, self._waiters.submit(self._ask, module.text)))

    def compile(self, last: str) -> list[bytes]:
        """Return the object files of a last module, and of all that were taken."""
        objects = [compile_object(last, self._target)]
        waiting = (ir for ir, answer in reversed(self._taken) if answer.cancel())
        done = {ir: compile_object(ir, self._target) for ir in waiting}
        for ir, answer in self._taken:
            data = done[ir] if ir in done else _result(answer)
            fits = data[:4] == objects[0][:4]  # a program that is not Python may say anything
            objects.append(data if fits else compile_object(ir, self._target))
        return objects

    def _ask(self, ir: str) -> bytes:
        """Return the object file that a helper makes of a module; nothing if it fails."""
        process = self._idle.get()
        try:
            return _asked(process, ir.encode())
        except (OSError, ValueError):
            return b""
        finally:
            self._idle.put(process)


def _are_wanted() -> bool:
    """Whether this process can start another Python, and nobody has forbidden it."""
    forbidden = os.environ.get("KOUBAI_HELPERS", "").lower() in ("off", "0", "false")
    return bool(spawn.get_executable()) and not getattr(sys, "frozen", False) and not forbidden


def _started(target: Target) -> _Process:
    import llvmlite

    python = os.fsdecode(spawn.get_executable())
    folder = Path(llvmlite.__file__).parents[1]
    return subprocess.Popen(
        [python, "-I", "-S", machine_code.__file__, folder, target.triple, target.cpu, target.features],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for this process, which ends the others
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _asked(process: _Process, ir: bytes) -> bytes:
    """Return what a helper says; see `machine_code.serve`."""
    given, said = process.stdin, process.stdout
    assert given
    assert said
    given.write(b"%d\n" % len(ir) + ir)
    given.flush()
    length = int(said.readline())
    data = said.read(length)
    return data if len(data) == length else b""


def _result(answer: Future[bytes]) -> bytes:
    """Return an answer that is on its way; nothing if it takes too long."""
    try:
        return answer.result(_PATIENCE)
    except TimeoutError:
        return b""


def _end(process: _Process) -> None:
    """End a process, whatever it is doing, and what connects it with this one."""
    process.kill()
    with suppress(OSError):
        process.__exit__(None, None, None)
