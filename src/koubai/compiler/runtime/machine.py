"""What this process may use of the machine: cores and caches.

A step's threads wait for each other without sleeping, so one thread a physical core is the most that is useful, and
fewer where the process may not use them all.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_CGROUPS = Path("/sys/fs/cgroup")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@functools.cache
def physical_cores() -> int:
    """Return how many physical cores this process may use, at least 1.

    Respects the process's affinity and, on Linux, the time that its control group allows.
    """
    cpus = _allowed_cpus()
    cores = {_core_of(cpu) for cpu in cpus}
    return max(1, min(len(cores), _quota()))


def cache_sizes() -> tuple[int, int]:
    """Return the bytes of a core's first-level data cache and second-level cache; typical sizes if not known."""
    found = {}
    for folder in sorted((_CPUS / "cpu0" / "cache").glob("index*")):
        if _read(folder / "type") in ("Data", "Unified"):
            found[_read(folder / "level")] = _bytes(_read(folder / "size"))
    return found.get("1") or 32 << 10, found.get("2") or 1 << 20


def _allowed_cpus() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _core_of(cpu: int) -> tuple[str, str]:
    """Return what hyper-threads of one core have in common; a core of its own where the system does not say."""
    topology = _CPUS / f"cpu{cpu}" / "topology"
    core = _read(topology / "core_id")
    return (_read(topology / "physical_package_id"), core) if core else ("", str(cpu))


def _quota() -> int:
    """Return how many whole cores the control groups of this process allow; a huge number without a limit."""
    first = _CGROUPS / "cpu"  # the first version of control groups; the second has a tree of folders
    limits = [f"{_read(first / 'cpu.cfs_quota_us')} {_read(first / 'cpu.cfs_period_us')}"]
    own = _CGROUPS / _read(Path("/proc/self/cgroup")).rpartition("::/")[2]
    limits += [_read(group / "cpu.max") for group in (own, *own.parents)]
    return min(map(_cores_for, limits))


def _cores_for(limit: str) -> int:
    """Read "time period", both in microseconds: `150000 100000` is one core and a half, of which one is whole."""
    time, _, period = limit.partition(" ")
    if not (time.isdecimal() and period.isdecimal() and int(period)):
        return 1 << 30
    return max(1, int(time) // int(period))


def _bytes(size: str) -> int:
    """Read a size such as `48K`."""
    number, unit = size.rstrip("KMG"), size[-1:]
    return int(number) * _UNITS.get(unit, 1) if number.isdecimal() else 0


def _read(path: Path) -> str:
    """Return a small file's text; nothing if it cannot be read."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
