"""What the machine has, and how much of it a look may take."""

from __future__ import annotations

import functools
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

__all__ = ["one_thread", "physical_memory"]

# Of this process's container: control groups of the second version, and of the first.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def physical_memory() -> int:
    """Return the bytes of memory that this machine has, or lets a container have; 0 where the system does not say."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    return min([whole, *filter(None, map(_limit, _LIMITS))])


def _limit(file: Path) -> int:
    """Return the bytes that a control group allows, 0 for no limit."""
    try:
        said = file.read_text().strip()
    except OSError:
        return 0
    return int(said) if said.isdecimal() else 0


def one_thread() -> AbstractContextManager[Any]:
    """Within it NumPy's products are computed in one thread.

    The threads of OpenBLAS wait for the next product without sleeping, for up to a tenth of a second. In that time they
    would take a core from the threads of a compiled training, which makes its steps twice as long. They do so where
    threadpoolctl is missing, which scikit-learn brings along.
    """
    libraries = _libraries()
    return nullcontext() if libraries is None else libraries.limit(limits=1, user_api="blas")


@functools.cache
def _libraries() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()
