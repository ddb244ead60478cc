"""Compiled steps on the disk, so that the second run of a program starts at once.

Each file checks itself: one that is damaged or that this library did not write counts as missing. Nothing that goes
wrong here is an error, it only means that the step is compiled again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import struct
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from koubai import atomic
from koubai.compiler.runtime.machine_code import llvm
from koubai.compiler.runtime.target import Target

LIMIT = 1 << 30  # bytes of all files together

_MAGIC = b"koubai object 2\n"
_HEAD = struct.Struct("<32sQQ")  # SHA-256 of the rest, bytes of the metadata, bytes of the objects
_SUFFIX = ".kobj"
_OLD_RUBBISH = 3600.0  # seconds after which an unfinished file is surely nobody's
_log = logging.getLogger(__name__)
_complained = False


def key_of(text: str, target: Target) -> str:
    """Return the name under which the objects of this text are kept: it names all that they depend on."""
    method = "winograd" if target.winograd else "direct"
    parts = [text, target.triple, target.cpu, target.features, method, *_versions()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def get(key: str) -> tuple[list[bytes], dict[str, Any]] | None:
    """Return the objects and metadata that are kept under `key`, or None."""
    folder = _folder()
    if folder is None:
        return None
    path = folder / f"{key}{_SUFFIX}"
    try:
        found = _unpacked(path.read_bytes()) if _is_ours(path) else None
        if found is not None:
            os.utime(path)  # used now, so deleted last
    except OSError:
        return None
    return found


def put(key: str, objects: Sequence[bytes], metadata: Mapping[str, Any]) -> None:
    """Keep objects and metadata that JSON can hold under `key`; do nothing if the disk does not let us."""
    folder = _folder()
    if folder is None:
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic.write_file(folder / f"{key}{_SUFFIX}", _packed(objects, metadata))
        _trim(folder)
    except OSError as error:
        _complain(error)


def _folder() -> Path | None:
    """Return the folder of the cache: KOUBAI_CACHE, else the system's place for such things; None for no cache."""
    chosen = os.environ.get("KOUBAI_CACHE")
    if chosen:
        return None if chosen == "off" else Path(chosen)
    try:
        return _system_folder() / "koubai" / "compiled"
    except RuntimeError:  # this user has no home
        return None


def _system_folder() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path.home() / ".cache"


@functools.cache
def _versions() -> tuple[str, ...]:
    """Return what else the code depends on: LLVM, this library, and the text of its compiler, which may be changed."""
    import llvmlite

    from koubai import __version__

    sources = hashlib.sha256()
    for path in sorted(Path(__file__).parent.parent.rglob("*.py")):
        sources.update(path.read_bytes())
    return llvmlite.__version__, str(llvm().llvm_version_info), __version__, sources.hexdigest()


def _packed(objects: Sequence[bytes], metadata: Mapping[str, Any]) -> bytes:
    described = json.dumps([[len(data) for data in objects], dict(metadata)]).encode()
    content = b"".join([described, *objects])
    size = len(content) - len(described)
    return _MAGIC + _HEAD.pack(hashlib.sha256(content).digest(), len(described), size) + content


def _unpacked(file: bytes) -> tuple[list[bytes], dict[str, Any]] | None:
    """Return the objects and metadata in a file; None if it is damaged or something else."""
    start = len(_MAGIC) + _HEAD.size
    if len(file) < start or not file.startswith(_MAGIC):
        return None
    digest, described, size = _HEAD.unpack_from(file, len(_MAGIC))
    content = file[start:]
    if len(content) != described + size or hashlib.sha256(content).digest() != digest:
        return None
    sizes, metadata = json.loads(content[:described])
    ends = list(accumulate(sizes, initial=described))
    return [content[first:end] for first, end in pairwise(ends)], metadata


def _is_ours(path: Path) -> bool:
    """Tell whether nobody but this user can have written the file: its content will be run."""
    if os.name != "posix":
        return True
    status = path.stat()
    return status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o022


def _trim(folder: Path) -> None:
    """Delete the files that were not used for longest until the rest is within the limit."""
    files = sorted(_files(folder), key=lambda file: file[1])
    excess = sum(size for _, _, size in files) - LIMIT
    for path, used, size in files:
        abandoned = path.suffix != _SUFFIX and used < time.time() - _OLD_RUBBISH
        if excess > 0 or abandoned:
            path.unlink(missing_ok=True)
            excess -= size


def _files(folder: Path) -> list[tuple[Path, float, int]]:
    """Return (path, time of last use, bytes) of the finished and unfinished files of the cache, and no others."""
    found = []
    for entry in os.scandir(folder):
        if entry.name.endswith(_SUFFIX) or entry.name.startswith(".unfinished-"):
            try:
                status = entry.stat()
            except FileNotFoundError:  # another process has just deleted or renamed it
                continue
            found.append((Path(entry.path), status.st_mtime, status.st_size))
    return found


def _complain(error: OSError) -> None:
    """Say once that there is no cache, and why."""
    global _complained
    if not _complained:
        _complained = True
        _log.warning("compiled steps are not kept on disk: %s (KOUBAI_CACHE names another folder)", error)
