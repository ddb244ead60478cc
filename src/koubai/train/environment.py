"""What a run was made with: versions, platform and git revision, so that it can be understood years later."""

from __future__ import annotations

import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import koubai

__all__ = ["describe_environment"]

_PACKAGES = ("numpy", "safetensors", "pydantic", "typer", "rich", "llvmlite", "scikit-learn", "matplotlib")


def describe_environment() -> dict[str, Any]:
    """Return the versions of Python, Koubai and what it stands on, the platform, the time and the git revision."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "command": sys.argv,
        "python": platform.python_version(),
        "koubai": koubai.__version__,
        **_versions(),
        "platform": platform.platform(),
        "git": _git_revision(Path.cwd()),
    }


def _versions() -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # an extra that this environment does without
            continue
    return found


def _git_revision(folder: Path) -> dict[str, Any] | None:
    """Return the revision checked out in `folder` and whether files differ from it; None outside git."""
    revision = _git(folder, "rev-parse", "HEAD")
    return revision and {
        "revision": revision,
        "modified": bool(_git(folder, "status", "--porcelain", "-uno")),
    }


def _git(folder: Path, *arguments: str) -> Any:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
