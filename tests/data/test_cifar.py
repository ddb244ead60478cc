"""CIFAR-10's archive is read as its page describes it, and refused where it is not whole."""

import tarfile

import numpy as np
import pytest

from koubai.data.cifar import read_cifar10

from ..recipes.pictures import cifar_archive


def test_records_become_pictures_and_classes(tmp_path):
    data = read_cifar10(cifar_archive(tmp_path / "cifar.tar.gz"))
    assert (len(data.train), len(data.test)) == (200, 40)
    images, labels = (tensor.numpy() for tensor in data.train.tensors)
    assert images.shape == (200, 3, 32, 32)
    assert images.dtype == np.float32
    assert 0 <= images.min() <= images.max() <= 1
    assert labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert images[1, 1, :12].min() > 0.7 > images[1, 0].max()  # class 1 has its band in the green channel
    assert data.class_names[:3] == ("airplane", "automobile", "bird")


def test_what_is_not_such_an_archive(tmp_path):
    whole = cifar_archive(tmp_path / "cifar.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tar.gz").write_text("no archive")
    with tarfile.open(tmp_path / "empty.tar.gz", "w:gz"):
        pass
    for name in ("cut", "text", "empty"):
        with pytest.raises(ValueError, match=rf"{name}.tar.gz is not an archive of CIFAR-10"):
            read_cifar10(tmp_path / f"{name}.tar.gz")
