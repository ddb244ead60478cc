"""What this process may use, what it runs on, and where libraries keep what they compile."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def empty_folder(variable: str) -> Iterator[None]:
    """Let an environment variable name an empty folder, such as for a cache, which is deleted afterwards."""
    before = os.environ.get(variable)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[variable] = folder
        try:
            yield
        finally:
            os.environ.pop(variable)
            if before is not None:
                os.environ[variable] = before
