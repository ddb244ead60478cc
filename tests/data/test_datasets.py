"""The data sets with names: what they hold, how they are cut and scaled, and how IDX files are read."""

import gzip
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from koubai.data import (
    DATASETS,
    DataLoader,
    DownloadError,
    LabelledData,
    MinMaxScale,
    TensorDataset,
    load,
    read_idx,
)

BUNDLED = [name for name, card in DATASETS.items() if not card.download]


def inputs(part):
    return part.tensors[0].numpy()


def targets(part):
    return part.tensors[1].numpy()


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_data_sets_are_what_the_table_says(name):
    pytest.importorskip("sklearn")
    data, card = load(name), DATASETS[name]
    assert data.name == name
    assert data.task == card.task
    assert len(data.train) + len(data.test) == card.samples
    assert len(data.test) == pytest.approx(0.2 * card.samples, abs=1)
    assert data.input_shape == card.shape
    assert len(data.class_names) == card.classes
    assert data.outputs == (card.classes or 1)
    assert inputs(data.train).dtype == np.float32
    assert np.isfinite(inputs(data.train)).all()
    if card.classes:
        assert targets(data.train).dtype == np.int64
        assert set(targets(data.test)) == set(range(card.classes))
    else:
        assert targets(data.train).shape == (len(data.train), 1)
        assert targets(data.train).dtype == np.float32


def test_digits_are_images_from_0_to_1():
    pytest.importorskip("sklearn")
    digits = load("digits")
    assert inputs(digits.train).min() == 0
    assert inputs(digits.train).max() == 1
    assert digits.class_names == tuple("0123456789")


def test_tables_name_their_columns_and_classes():
    pytest.importorskip("sklearn")
    iris = load("iris")
    assert iris.feature_names[0] == "sepal length (cm)"
    assert iris.class_names == ("setosa", "versicolor", "virginica")
    assert load("breast_cancer").class_names == ("malignant", "benign")


def test_the_seed_decides_the_parts():
    pytest.importorskip("sklearn")
    first, again, other = load("iris"), load("iris"), load("iris", seed=1)
    np.testing.assert_array_equal(inputs(first.test), inputs(again.test))
    assert (inputs(first.test) != inputs(other.test)).any()
    assert len(load("iris", test=0.5).test) == 75


def made_up(task="classification"):
    x = np.arange(40, dtype=np.float32).reshape(20, 2)
    y = np.repeat([0, 1], 10) if task == "classification" else np.ones((20, 1), np.float32)
    names = ("no", "yes") if task == "classification" else ()
    return LabelledData("made up", task, TensorDataset(x, y), TensorDataset(x + 1, y), class_names=names)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_validation_part_is_taken_from_the_training_part(task):
    data = made_up(task).with_validation(0.2)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [16, 4, 20]
    both = np.concatenate([inputs(data.train), inputs(data.validation)])
    np.testing.assert_array_equal(np.sort(both, axis=0), inputs(made_up().train))
    if task == "classification":
        assert np.bincount(targets(data.validation)).tolist() == [2, 2]


def test_inputs_are_scaled_by_the_training_part():
    data = made_up().with_validation(0.2).scaled()
    np.testing.assert_allclose(inputs(data.train).mean(axis=0), 0, atol=1e-6)
    undone = data.scaler.inverse_transform(inputs(data.test))
    np.testing.assert_allclose(undone, inputs(made_up().test), rtol=1e-5)
    assert inputs(made_up().scaled(MinMaxScale()).train).max() == 1
    np.testing.assert_array_equal(targets(data.test), targets(made_up().test))


def test_parts_are_made_once():
    data = made_up().with_validation().scaled()
    with pytest.raises(ValueError, match="validation part already"):
        data.with_validation()
    with pytest.raises(ValueError, match="scaled already"):
        data.scaled()
    with pytest.raises(ValueError, match="between 0 and 1"):
        made_up().with_validation(1.5)


def test_a_data_set_says_what_it_is():
    text = repr(made_up().with_validation(0.2))
    assert text == "LabelledData('made up': 16 train, 4 validation, 20 test; inputs (2,); 2 classes)"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no data set 'mnits'. There are digits, iris"):
        load("mnits")


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"koubai\[recipes\]"):
        load("digits")


@pytest.mark.parametrize("dtype", [">u1", ">i1", ">i2", ">i4", ">f4", ">f8"])
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_are_read_in_every_dtype(tmp_path, dtype, zipped):
    array = np.arange(-6, 6).reshape(3, 2, 2).astype(dtype)
    content = idx(array)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if zipped else content)
    read = read_idx(path)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.flags.writeable


def idx(array):
    codes = {">u1": 8, ">i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}
    code = next(code for name, code in codes.items() if np.dtype(name) == array.dtype)
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


WHOLE = idx(np.zeros((2, 3), ">u1"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"<html>", "not an IDX file"),
        (WHOLE[:6], "cut off inside its header"),
        (WHOLE[:-1], "has 17 bytes, but an IDX file of shape"),
        (WHOLE + b"x", "has 19 bytes"),
        (gzip.compress(WHOLE, mtime=0)[:-4], "is damaged"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path, content, message):
    path = tmp_path / "broken.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"broken.gz .*{message}|broken.gz is"):
        read_idx(path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_mnist_and_its_relative(name):
    folder = Path(os.environ.get("KOUBAI_DATA", "nowhere")) / name
    if not any(folder.glob("*.gz")):  # a download that failed leaves the folder, and its lock
        pytest.skip(f"KOUBAI_DATA has no data of {name}")
    data = load(name)
    assert (len(data.train), len(data.test)) == (60000, 10000)
    assert data.input_shape == (1, 28, 28)
    assert np.bincount(targets(data.test)).sum() == 10000
    assert inputs(data.test).min() == 0
    assert inputs(data.test).max() == 1
    if name == "mnist":
        assert targets(data.train)[:5].tolist() == [5, 0, 4, 1, 9]
        assert inputs(data.train).mean() == pytest.approx(0.1307, abs=1e-4)
    images, labels = next(iter(DataLoader(data.train, batch_size=64, shuffle=True)))
    assert images.shape == (64, 1, 28, 28)
    assert labels.shape == (64,)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_offline_the_names_of_the_files_are_given(name, tmp_path, monkeypatch):
    monkeypatch.setenv("KOUBAI_DATA", str(tmp_path))

    def offline(*args, **options):
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(DownloadError) as caught:
        load(name)
    message = str(caught.value)
    assert str(tmp_path / name / "train-images-idx3-ubyte.gz") in message
    assert message.count("no route to host") == 3
