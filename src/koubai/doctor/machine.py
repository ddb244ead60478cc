"""What the machine has."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["physical_memory"]

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
