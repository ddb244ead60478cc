"""CIFAR-10: 60,000 colour pictures of 32 × 32 pixels in 10 classes, from its archive in the binary format.

A record is one byte for the class, then 1024 bytes each for red, green and blue, row by row
(https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np

from koubai.data.dataset import TensorDataset
from koubai.data.download import RemoteFile, fetch
from koubai.data.labelled import LabelledData
from koubai.i18n import _

_ARCHIVE = RemoteFile(
    "cifar-10/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170052171,
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
)
_FOLDER = "cifar-10-batches-bin"
_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = ("test_batch.bin",)
_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32  # bytes


def cifar10(progress: bool = True) -> LabelledData:
    """Pictures of animals and vehicles: 50,000 + 10,000 images (3, 32, 32) with values from 0 to 1, in 10 classes.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the archive is not in the data folder and cannot be had.
    """
    return read_cifar10(fetch(_ARCHIVE, progress))


def read_cifar10(archive: Path) -> LabelledData:
    """Read an archive in the binary format.

    Raises:
        ValueError: when it is damaged, or not such an archive.
    """
    try:
        with tarfile.open(archive) as tar:
            train, test = (_part(tar, names) for names in (_TRAIN, _TEST))
    except (tarfile.TarError, EOFError, zlib.error, KeyError) as error:
        raise ValueError(
            _("{path} is not an archive of CIFAR-10 in the binary format: {error}").format(
                path=archive, error=error
            )
        ) from error
    return LabelledData("cifar-10", "classification", train, test, class_names=_CLASSES)


def _part(tar: tarfile.TarFile, names: tuple[str, ...]) -> TensorDataset:
    content = b"".join(_content(tar, name) for name in names)
    if not content or len(content) % _RECORD:
        raise tarfile.TarError(f"{len(content)} bytes are not records of {_RECORD}")
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    if records[:, 0].max() >= len(_CLASSES):
        raise tarfile.TarError(f"there is a class {records[:, 0].max()}")
    images = records[:, 1:].reshape(-1, *_SHAPE) / np.float32(255)  # (N, 3, 32, 32)
    return TensorDataset(images, records[:, 0].astype(np.int64))


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(f"{_FOLDER}/{name}")
    return file.read() if file else b""
