"""What this process may use, and what it runs on."""

from __future__ import annotations

import importlib.metadata
import os
import platform

from koubai.compiler.runtime.target import host

LIBRARIES = ("koubai", "numpy", "llvmlite", "torch", "jax", "jaxlib")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Return what was measured, and on which processor."""
    found = {"python": platform.python_version(), "cpu": host().cpu, "system": platform.system()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
