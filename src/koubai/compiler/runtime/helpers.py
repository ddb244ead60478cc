"""Other processes that compile their share of a large step, as threads cannot: LLVM runs once at a time in a process.

They start when it is clear that there is something to compile, and wait for it while the step is being planned. What
cannot be done in another process is done in this one, so that a step never fails for want of help.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import spawn
from pathlib import Path

from koubai.compiler.runtime import machine_code
from koubai.compiler.runtime.machine import physical_cores
from koubai.compiler.runtime.objects import compile_object
from koubai.compiler.runtime.target import Target

FEWEST = 100  # nodes of a graph below which a process would start for nothing
MOST = 3  # processes: what is planned in this one takes longer than what more of them would save
_PATIENCE = 120.0  # seconds


@contextmanager
def helpers(target: Target, nodes: int) -> Iterator[Helpers]:
    """Let there be as many helpers as are worth their start for a graph, until the block ends."""
    count = min(physical_cores() - 1, MOST) if nodes >= FEWEST and _are_wanted() else 0
    processes: list[subprocess.Popen[bytes]] = []
    with suppress(OSError):
        while len(processes) < count:
            processes.append(_started(target))
    try:
        yield Helpers(target, processes)
    finally:
        for process in processes:
            _end(process)


class Helpers:
    """Processes that wait for something to compile.

    Args:
        target: what they compile for.
        processes: each of them compiles one module.
    """

    def __init__(self, target: Target, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self._target, self._processes = target, processes

    def __len__(self) -> int:
        return len(self._processes)

    def compile(self, first: str, *others: str) -> list[bytes]:
        """Return the object files of modules: of the first from this process, of each other one from a helper."""
        with ThreadPoolExecutor(max(len(others), 1)) as waiters:
            answers = [waiters.submit(_asked, *pair) for pair in zip(self._processes, others, strict=True)]
            objects = [compile_object(first, self._target)]
        for answer, ir in zip(answers, others):
            data = answer.result()
            fits = data[:4] == objects[0][:4]  # a program that is not Python may say anything
            objects.append(data if fits else compile_object(ir, self._target))
        return objects


def _are_wanted() -> bool:
    """Whether this process can start another Python, and nobody has forbidden it."""
    forbidden = os.environ.get("KOUBAI_HELPERS", "").lower() in ("off", "0", "false")
    return bool(spawn.get_executable()) and not getattr(sys, "frozen", False) and not forbidden


def _started(target: Target) -> subprocess.Popen[bytes]:
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


def _asked(process: subprocess.Popen[bytes], ir: str) -> bytes:
    """Return the object file that a helper makes of a module; nothing if it fails."""
    try:
        data, _ = process.communicate(ir.encode(), _PATIENCE)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return b""
    return data if process.returncode == 0 else b""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process, whatever it is doing, and what connects it with this one."""
    process.kill()
    with suppress(OSError):
        process.__exit__(None, None, None)
