"""What is raised when a run cannot be recorded: which run, why, and that nothing is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["RecordError", "writing"]


class RecordError(OSError):
    """The record of a run cannot be written, for example because the disk is full. What is there is safe."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn errors of the disk and of the database into a `RecordError` of the run in `folder`."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise RecordError(
            f"cannot write the record {folder}: {error}. What was recorded before is safe: make room or "
            "repair the disk, and resume the run"
        ) from error
