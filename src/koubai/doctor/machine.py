"""What the machine has, and how much of it a look may take."""

from __future__ import annotations

import functools
import os
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["one_thread", "physical_memory"]


def physical_memory() -> int:
    """Return the bytes of memory that this machine has, 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def one_thread() -> AbstractContextManager[Any]:
    """Within it NumPy's products are computed in one thread.

    The threads of OpenBLAS wait for the next product without sleeping, for up to a tenth of a second. In that time they
    would take a core from the threads of a compiled training, which makes its steps twice as long.
    """
    limited: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limited


@functools.cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
