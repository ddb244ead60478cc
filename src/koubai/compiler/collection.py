"""Compiling without pauses for Python's garbage collector.

A compiler makes very many small objects that all live until it is done. The collector looks through them again and
again and finds nothing, which takes as long as compiling itself when there are many.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Let the garbage collector rest until the block ends."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
