"""MNIST and Fashion-MNIST: 70,000 images of 28 x 28 pixels in 10 classes, downloaded once."""

from __future__ import annotations

import numpy as np

from koubai.data.dataset import TensorDataset
from koubai.data.download import RemoteFile, fetch
from koubai.data.idx import read_idx
from koubai.data.labelled import LabelledData

_TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
_TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")

# Where the files are; they are checked by SHA-256, so plain http does no harm.
_ADDRESSES = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    "fashion-mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
}

# Size in bytes and SHA-256 of each file, in the order of _TRAIN and _TEST.
_FILES = {
    "mnist": (
        (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
    "fashion-mnist": (
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
}

_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def mnist(progress: bool = True) -> LabelledData:
    """Handwritten digits: 60,000 + 10,000 images (1, 28, 28) with values from 0 to 1, in 10 classes.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the files are not in the data folder and cannot be had.
    """
    return _load("mnist", tuple("0123456789"), progress)


def fashion_mnist(progress: bool = True) -> LabelledData:
    """Pictures of clothes: 60,000 + 10,000 images (1, 28, 28) with values from 0 to 1, in 10 classes.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the files are not in the data folder and cannot be had.
    """
    return _load("fashion-mnist", _CLOTHES, progress)


def _load(name: str, class_names: tuple[str, ...], progress: bool) -> LabelledData:
    train, test = (_part(name, files, progress) for files in (_TRAIN, _TEST))
    return LabelledData(name, "classification", train, test, class_names=class_names)


def _part(name: str, files: tuple[str, ...], progress: bool) -> TensorDataset:
    images, labels = (read_idx(fetch(remote_file(name, file), progress)) for file in files)
    scaled = images[:, None].astype(np.float32) / np.float32(255)  # (N, 1, 28, 28)
    return TensorDataset(scaled, labels.astype(np.int64))


def remote_file(name: str, file: str) -> RemoteFile:
    """Where a file of "mnist" or "fashion-mnist" is to be had, and what it has to be."""
    size, sha256 = dict(zip(_TRAIN + _TEST, _FILES[name]))[file]
    return RemoteFile(f"{name}/{file}", sha256, size, tuple(base + file for base in _ADDRESSES[name]))
