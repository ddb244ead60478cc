"""Small stand-ins for data sets that are not there: pictures that a network can tell apart."""

import io
import tarfile
from pathlib import Path

import numpy as np

from koubai.data import LabelledData, TensorDataset

BARS = tuple("0123456789")


def bars(count: int, seed: int, side: int = 28) -> TensorDataset:
    """White bars on black (N, 1, side, side), at a height that tells the class (N,)."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    images = random.uniform(0, 0.2, (count, 1, side, side)).astype(np.float32)
    for image, label in zip(images[:, 0], labels):
        top = 3 + 2 * label
        image[top : top + 3, 6:22] = 1.0
    return TensorDataset(images, labels)


def barred(name: str = "bars") -> LabelledData:
    """Bars, in parts."""
    return LabelledData(name, "classification", bars(600, 0), bars(200, 1), class_names=BARS)


def shapes(count: int, seed: int) -> TensorDataset:
    """A lying bar, a standing bar or a square, white on black (N, 1, 28, 28), and which it is (N,)."""
    labels = np.random.default_rng(seed).integers(0, 3, count)
    images = np.zeros((count, 1, 28, 28), np.float32)
    for image, label in zip(images[:, 0], labels):
        height, width = ((5, 18), (18, 5), (14, 14))[label]
        image[4 : 4 + height, 4 : 4 + width] = 1.0
    return TensorDataset(images, labels)


def shaped() -> LabelledData:
    """Shapes, in parts."""
    return LabelledData(
        "shapes", "classification", shapes(300, 0), shapes(100, 1), class_names=("–", "|", "□")
    )


def cifar_archive(path: Path, per_file: int = 40) -> Path:
    """An archive in CIFAR-10's binary format, with pictures whose colour tells the class."""
    random = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as tar:
        for name in (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"):
            labels = np.arange(per_file) % 10
            images = random.integers(0, 60, (per_file, 3, 32, 32))
            for image, label in zip(images, labels):
                image[label % 3, 3 * (label // 3) : 3 * (label // 3) + 12] += 190
            content = (
                np.concatenate([labels[:, None], images.reshape(per_file, -1)], 1).astype(np.uint8).tobytes()
            )
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path
