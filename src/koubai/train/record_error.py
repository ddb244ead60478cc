"""What is raised when a run cannot be recorded: which run, why, and that nothing is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from koubai.i18n import _

__all__ = ["RecordError", "writing"]


class RecordError(OSError):
    """The record of a run cannot be written, for example because the disk is full. What is there is safe."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn errors of the disk and of the database into a `RecordError` of the run in `folder`."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if not folder.exists():
            raise RecordError(
                _("cannot make the folder {folder}: {error}").format(folder=folder, error=error)
            ) from error
        reason = _("the disk is full ({error})") if _is_full(folder) else "{error}"
        problem = _(
            "cannot write the record {folder}: {reason}. What was recorded before is safe: make room or repair "
            "the disk, and resume the run"
        )
        raise RecordError(problem.format(folder=folder, reason=reason.format(error=error))) from error


def _is_full(folder: Path) -> bool:
    """Whether less than a page of SQLite is left, whose own message is only "disk I/O error"."""
    return folder.exists() and shutil.disk_usage(folder).free < 4096
