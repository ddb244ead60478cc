"""The spoken digits: fetched as an archive whose contents are checked, read with speaker and take, and parted."""

import hashlib
import io
import os
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest

from koubai.data import DownloadError, RemoteFile, fsdd, spoken_digits

from .server import address

NAMES = [
    f"{digit}_{speaker}_{take}.wav" for digit in (0, 7) for speaker in ("ann", "bob") for take in (3, 10)
]


def recording(name: str) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.full(int(name[0]) + 1, 1000, "<i2").tobytes())
    return stream.getvalue()


def archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name in (
            "README.md",
            *(f"recordings/{name}" for name in NAMES),
            "recordings/deep/../../../out.wav",
        ):
            content = recording(Path(name).name if name.endswith(tuple(NAMES)) else "0")
            member = tarfile.TarInfo(f"free-spoken-digit-dataset-1/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KOUBAI_DATA", str(tmp_path))
    digest = hashlib.sha256(b"".join(name.encode() + b"\0" + recording(name) for name in sorted(NAMES)))
    monkeypatch.setattr(fsdd, "_SHA256", digest.hexdigest())
    return tmp_path / "fsdd"


def remote(monkeypatch, *addresses):
    monkeypatch.setattr(fsdd, "_ARCHIVE", RemoteFile("fsdd/archive.tar.gz", None, None, addresses))


def test_the_archive_is_fetched_unpacked_and_checked_once(server, folder, monkeypatch):
    server.content = archive()
    server.at_most = len(server.content)
    remote(monkeypatch, address(server))
    made, again = spoken_digits(), spoken_digits()
    assert len(server.asked) == 1
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") == ["recordings"]
    assert made.names == ("ann", "bob")
    assert made.digits.tolist() == [0, 0, 0, 0, 7, 7, 7, 7]
    assert made.speakers.tolist() == [0, 0, 1, 1] * 2
    assert [len(wave) for wave in again.waves] == [1, 1, 1, 1, 8, 8, 8, 8]
    test = made.part(made.in_test)
    assert set(test.takes) == {3}
    assert len(test) == 4


def test_an_archive_that_was_cut_off_is_no_data_set(server, folder, monkeypatch):
    server.content = archive()
    server.at_most = 100  # of what the server announced
    remote(monkeypatch, address(server))
    with pytest.raises(DownloadError, match="sent 100 of"):
        spoken_digits()
    assert not (folder / "recordings").exists()
    server.content = server.content[:100]
    with pytest.raises(ValueError, match=r"archive\.tar\.gz is damaged"):
        spoken_digits()
    assert not (folder / "recordings").exists()
    assert not (folder / "archive.tar.gz").exists()


def test_recordings_that_were_changed_are_named(folder):
    (folder / "recordings").mkdir(parents=True)
    for name in NAMES:
        (folder / "recordings" / name).write_bytes(recording(name))
    assert len(spoken_digits()) == 8
    (folder / "recordings" / NAMES[0]).write_bytes(recording("3"))
    with pytest.raises(ValueError, match="are not those of the data set"):
        spoken_digits()


def test_the_real_ones():
    folder = Path(os.environ.get("KOUBAI_DATA", "nowhere")) / "fsdd" / "recordings"
    if not folder.is_dir():
        pytest.skip("KOUBAI_DATA has no data of fsdd")
    made = spoken_digits()
    assert len(made) == 3000
    assert made.names == ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    assert np.bincount(made.digits).tolist() == [300] * 10
    assert made.in_test.sum() == 300
    assert sum(map(len, made.waves)) / made.rate == pytest.approx(1312, abs=1)
