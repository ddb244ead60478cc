"""Runs something in a process of its own, and reads how much memory that takes.

The process is a fork: it has all that this one has, whatever it does is undone when it ends, and if memory runs out,
only it is killed. Where there is no such thing (anywhere but on Linux), it runs in this process, and nobody knows its
memory.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from koubai.i18n import _

__all__ = ["IS_APART", "peak_memory", "resident_memory", "run_apart"]

IS_APART = sys.platform.startswith("linux")
_STATUS = Path("/proc/self/status")
_KNOWN: dict[str, type[Exception]] = {
    error.__name__: error for error in (MemoryError, TypeError, IndexError, ValueError, RuntimeError)
}


def run_apart(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a function returns, which JSON must be able to hold.

    Raises:
        MemoryError: the process was killed, as it is when memory runs out.
        Exception: what the function raises; as a RuntimeError if it is none of the usual ones.
    """
    if not IS_APART:
        return function()
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(function, there), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the pool of threads knows how to be forked
        child.start()
    there.close()
    try:
        answer = json.loads(here.recv_bytes())
    except EOFError:
        raise MemoryError(_("the measured training was killed; most likely memory ran out")) from None
    finally:
        here.close()
        child.kill()
        child.join()
    if "error" in answer:
        raise _KNOWN.get(answer["error"], RuntimeError)(answer["message"])
    found: dict[str, Any] = answer["result"]
    return found


def _answer(function: Callable[[], dict[str, Any]], there: Connection) -> None:
    """Run the function in the child, without a word on the screen, and send what it returns or raises."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answer: dict[str, Any]
    try:
        answer = {"result": function()}
    except Exception as error:
        words = "\n".join([str(error), *getattr(error, "__notes__", ())])
        kind = next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _KNOWN), "")
        answer = {"error": kind or type(error).__name__, "message": words}
    there.send_bytes(json.dumps(answer).encode())


def resident_memory() -> int:
    """Return the bytes of memory that this process has now; 0 where the system does not say."""
    return _status("VmRSS")


def peak_memory() -> int:
    """Return the most bytes of memory that this process ever had; 0 where the system does not say."""
    return _status("VmHWM")


def _status(name: str) -> int:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(found[0]) * 1024 if found else 0
