"""The Free Spoken Digit Dataset: "zero" to "nine", 50 times each by 6 speakers, 3,000 recordings at 8 kHz.

Nobody published a checksum of its archive, and GitHub packs it anew when it likes. So the address names one commit, and
what is checked, each time, is the SHA-256 over the names and contents of all recordings of that commit.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data.download import RemoteFile, data_folder, fetch
from koubai.data.wav import Wave, read_sound
from koubai.i18n import _

RATE = 8000  # samples per second
_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
_ARCHIVE = RemoteFile(
    f"fsdd/{_COMMIT}.tar.gz",
    None,
    None,
    (f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{_COMMIT}.tar.gz",),
)
_SHA256 = "6b1a8e30f4df78a933fe25cf1ca0140c8c6f169c0a83649a15b70a5ae7407014"
_TEST_TAKES = 5  # its README: of each digit and speaker, the recordings 0 to 4 are the test part


@dataclass(frozen=True)
class Recordings:
    """Spoken digits.

    Attributes:
        waves: of each recording its samples (T,) from -1 to 1.
        digits: what is said (N,).
        speakers: who says it (N,), as a place in `names`.
        takes: which time that speaker says that digit (N,), from 0.
        names: of the speakers.
        rate: samples per second.
    """

    waves: tuple[Wave, ...]
    digits: NDArray[np.int64]
    speakers: NDArray[np.int64]
    takes: NDArray[np.int64]
    names: tuple[str, ...]
    rate: int = RATE

    def __len__(self) -> int:
        return len(self.waves)

    def part(self, chosen: Any) -> Recordings:
        """Some of them, by their places."""
        places = np.arange(len(self))[chosen]
        waves = tuple(self.waves[k] for k in places)
        return Recordings(
            waves, self.digits[places], self.speakers[places], self.takes[places], self.names, self.rate
        )

    @property
    def in_test(self) -> NDArray[np.bool_]:
        """Which of them are the set's own test part (N,)."""
        return self.takes < _TEST_TAKES


def spoken_digits(progress: bool = True) -> Recordings:
    """The Free Spoken Digit Dataset (Jackson et al. 2018, CC BY-SA 4.0): 3,000 recordings.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when it is not in the data folder and cannot be had.
        ValueError: when the recordings there are not those of the data set.
    """
    folder = data_folder() / "fsdd" / "recordings"
    if not folder.is_dir():
        _unpack(fetch(_ARCHIVE, progress), folder)
    paths = sorted(folder.glob("*.wav"), key=lambda path: path.name)
    if _checksum(paths) != _SHA256:
        problem = _(
            "The recordings in {folder} are not those of the data set: move the folder away to get them again."
        )
        raise ValueError(problem.format(folder=folder))
    return read_recordings(paths)


def read_recordings(paths: list[Path]) -> Recordings:
    """Read files that are named DIGIT_SPEAKER_TAKE.wav."""
    parts = [path.stem.split("_") for path in paths]
    names = tuple(sorted({speaker for _digit, speaker, _take in parts}))
    return Recordings(
        tuple(read_sound(path, RATE)[0] for path in paths),
        np.array([int(digit) for digit, _speaker, _take in parts], np.int64),
        np.array([names.index(speaker) for _digit, speaker, _take in parts], np.int64),
        np.array([int(take) for _digit, _speaker, take in parts], np.int64),
        names,
    )


def _checksum(paths: list[Path]) -> str:
    """SHA-256 over each name, a zero byte and the content, in the order of the names."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """Put the recordings of the archive into the folder, which is there in full or not at all."""
    with TemporaryDirectory(dir=archive.parent) as scratch:
        unpacked = Path(scratch) / folder.name
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    if PurePosixPath(member.name).parent.name == folder.name and member.isfile():
                        member.name = PurePosixPath(member.name).name
                        tar.extract(member, unpacked, filter="data")
        except (tarfile.TarError, EOFError, zlib.error) as error:
            archive.unlink()
            raise ValueError(_("{path} is damaged: {error}").format(path=archive, error=error)) from error
        unpacked.replace(folder)
    archive.unlink()
