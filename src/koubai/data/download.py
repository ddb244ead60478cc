"""Keeps files of data sets in a cache folder: fetched once, resumed when cut off, checked by SHA-256.

A file has its own name in the cache only when it is whole; until then it is a `.part` file beside it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koubai.i18n import _

TIMEOUT = 30  # seconds without a byte until a server counts as silent
_CHUNK = 1 << 16  # bytes


class DownloadError(OSError):
    """A file is neither in the cache nor to be had from any of its addresses."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set.

    Args:
        path: where it stands below the data folder, such as "mnist/train-images-idx3-ubyte.gz".
        sha256: the checksum of its content, in hexadecimal; None where nobody can know it, as for an archive that a
            server packs anew: it is whole when the server sent it to its end, and who unpacks it checks what is in it.
        size: bytes; None likewise.
        addresses: where it can be had, the canonical address first.
    """

    path: str
    sha256: str | None
    size: int | None
    addresses: tuple[str, ...]


def data_folder() -> Path:
    """The folder that holds data sets: the variable KOUBAI_DATA, else a cache folder of this user's."""
    chosen = os.environ.get("KOUBAI_DATA")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "koubai"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "koubai"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "koubai"


def fetch(remote: RemoteFile, progress: bool = True) -> Path:
    """The file on this machine; downloaded first when it is not in the data folder, or damaged there.

    Args:
        remote: which file.
        progress: show a progress bar where standard error is a terminal.

    Raises:
        DownloadError: when no address gives the file; the message says where to put it by hand.
    """
    target = data_folder() / remote.path
    if _is_whole(target, remote):
        return target
    damaged = target.exists()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target), _progress_bar(target.name, remote.size, progress) as show:
            reasons = _download(remote, target, show)
    except OSError as error:  # the folder cannot be written
        reasons = [str(error)]
    if reasons:
        raise DownloadError(_advice(remote, target, damaged, reasons))
    return target


def not_whole(path: Path, reason: str) -> ValueError:
    """The error for an archive without a published checksum in which not all is as it should be."""
    problem = _("The archive {path} is not whole ({reason}): move it away to get it again.")
    return ValueError(problem.format(path=path, reason=reason))


def _download(remote: RemoteFile, target: Path, show: Callable[[int], object]) -> list[str]:
    """Put the file in its place; the reasons why each address failed, or none on success."""
    if _is_whole(target, remote):  # another process fetched it while this one waited for the lock
        return []
    part = target.with_name(target.name + ".part")
    reasons = []
    for address in remote.addresses:
        reason = _try_address(address, remote, part, show)
        if reason is None:
            os.replace(part, target)
            return []
        reasons.append(f"{address}: {reason}")
    return reasons


def _try_address(address: str, remote: RemoteFile, part: Path, show: Callable[[int], object]) -> str | None:
    """Complete the part file from one address; None on success, else why it failed.

    As long as each connection brings some bytes more, it goes on from there. What another address began may
    be what is wrong, so a resumed file with a wrong checksum gets a second chance from its first byte.
    """
    begun_here = _size(part) == 0
    while True:
        before = _size(part)
        try:
            _receive(address, remote, part, show)
        except (OSError, ValueError) as error:
            return str(error) or type(error).__name__
        now = _size(part)
        if remote.size is None or _is_whole(part, remote):
            return None
        if now < remote.size and now <= before:
            return f"sent {now} of {remote.size} bytes"
        if now >= remote.size:
            part.unlink()
            if begun_here:
                return f"what it sent has not the SHA-256 {remote.sha256}"
            begun_here = True


def _receive(address: str, remote: RemoteFile, part: Path, show: Callable[[int], object]) -> None:
    """Append what is missing to the part file, or write it anew where the server cannot continue."""
    start = 0 if remote.size is None else _size(part)
    if remote.size is not None and start >= remote.size:
        return  # complete but unchecked, or too long; the checksum decides
    with _open(address, start) as response:
        continues = response.status == 206 and f"bytes {start}-" in response.headers.get("Content-Range", "")
        with part.open("ab" if continues else "wb") as stream:
            while (chunk := response.read(_CHUNK)) and (remote.size is None or stream.tell() <= remote.size):
                stream.write(chunk)
                show(stream.tell())
            _check_length(response.headers.get("Content-Length"), stream.tell(), remote)


def _check_length(announced: str | None, received: int, remote: RemoteFile) -> None:
    """A file of unknown size is whole when all came that the server announced."""
    if remote.size is None and announced is not None and received != int(announced):
        raise OSError(f"sent {received} of {announced} bytes")


@contextmanager
def _open(address: str, start: int) -> Iterator[Any]:
    """The server's answer to a request for the bytes from `start` on.

    Raises:
        OSError: when there is no answer, or one that makes no sense.
    """
    from http.client import HTTPException  # imported here because most uses find the file in the cache
    from urllib.request import Request, urlopen

    headers = {"User-Agent": "koubai", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with urlopen(Request(address, headers=headers), timeout=TIMEOUT) as response:
            yield response
    except HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _is_whole(path: Path, remote: RemoteFile) -> bool:
    if remote.size is None:
        return path.exists()
    if _size(path) != remote.size:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == remote.sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _advice(remote: RemoteFile, target: Path, damaged: bool, reasons: list[str]) -> str:
    missing = _("The data file {path} is missing, and it could not be downloaded:")
    broken = _("The data file {path} is damaged, and it could not be downloaded again:")
    lines = [
        (broken if damaged else missing).format(path=target),
        *(f"  - {reason}" for reason in reasons),
        _("Without a connection, get it on another machine and put it there by hand:"),
        f"  {remote.addresses[0]}",
        f"  -> {target}",
        *([f"  SHA-256 {remote.sha256}, {remote.size} bytes"] if remote.sha256 else []),
        _("The environment variable KOUBAI_DATA names another folder for data sets."),
    ]
    return "\n".join(lines)


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Let one process at a time fetch a file, where the system has file locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _progress_bar(name: str, size: int | None, wanted: bool) -> Iterator[Callable[[int], object]]:
    """Give a function that shows how many bytes there are now."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda received: None
        return
    from rich import progress
    from rich.console import Console

    columns: list[Any] = [
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    ]
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=size)
        yield lambda received: bar.update(task, completed=received)
