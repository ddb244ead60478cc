"""Files and folders that are either there in full or not at all, whatever happens while they are written.

They are written under a temporary name, synced to the disk and only then renamed: a process that is killed,
or a disk that is full, leaves the old state and at most some rubbish under a hidden name.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

__all__ = ["clear_rubbish", "remove_folder", "write_file", "write_folder"]

_HIDDEN = ".unfinished-"


def write_file(path: Path, content: bytes) -> None:
    """Write or replace the file at `path` in one step.

    Raises:
        OSError: The disk is full or the like; the old file, if there was one, is untouched.
    """
    hidden = _hidden_name(path.parent)
    try:
        _write_synced(hidden, content)
        os.replace(hidden, path)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_folder(path: Path, contents: Mapping[str, bytes]) -> None:
    """Make the folder `path`, which must not exist, with these files (name: content) in one step.

    Raises:
        OSError: The disk is full or the like; there is no folder `path` then.
    """
    hidden = _hidden_name(path.parent)
    try:
        hidden.mkdir(parents=True)
        for name, content in contents.items():
            _write_synced(hidden / name, content)
        _sync_folder(hidden)
        hidden.rename(path)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    _sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder in such a way that it is never seen with only some of its files."""
    hidden = _hidden_name(path.parent)
    path.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def clear_rubbish(folder: Path) -> None:
    """Remove what writers that were killed have left in `folder`."""
    for rubbish in folder.glob(f"{_HIDDEN}*"):
        if rubbish.is_dir():
            shutil.rmtree(rubbish, ignore_errors=True)
        else:
            rubbish.unlink(missing_ok=True)


def _hidden_name(folder: Path) -> Path:
    return folder / f"{_HIDDEN}{uuid.uuid4().hex}"


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Sync the names in a folder, so that a rename survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
