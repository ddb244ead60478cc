"""What a run is stored in: trees, atomic files, checkpoints with checksums, and the journal."""

import json
import math
import os
import sqlite3

import numpy as np
import pytest

import koubai
from koubai.atomic import clear_rubbish, remove_folder, write_file, write_folder
from koubai.train import DamagedCheckpoint
from koubai.train.checkpoint import read_checkpoint, write_checkpoint
from koubai.train.checkpoints import Checkpoints
from koubai.train.journal import Journal
from koubai.tree import copied, join, split

TREE = {
    "number": 0.1 + 0.2,
    "extreme": [math.inf, -math.inf, 5e-324, 10**30],
    3: ("tuple", None, True, [], {}, ()),
    "arrays": {
        "zero-dimensional": np.array(1.5),
        "empty": np.zeros((0, 2)),
        "turned": np.arange(6).reshape(2, 3).T,
    },
    "tensor": koubai.tensor([1.0, 2.0]),
    "text": "勾配",
}


def content(tree):
    outline, arrays = split(tree)
    return json.dumps(outline), {name: (a.shape, a.dtype, a.tobytes()) for name, a in arrays.items()}


def test_a_tree_survives_json_and_its_arrays_apart():
    outline, arrays = split(TREE)
    joined = join(json.loads(json.dumps(outline)), arrays)
    assert content(joined) == content(TREE)
    assert isinstance(joined["tensor"], koubai.Tensor)
    assert isinstance(joined[3], tuple)
    assert joined["arrays"]["zero-dimensional"].shape == ()


def test_nan_survives_too():
    outline, arrays = split([math.nan])
    assert math.isnan(join(json.loads(json.dumps(outline)), arrays)[0])


def test_a_tree_of_something_else_is_refused_by_its_place():
    with pytest.raises(TypeError, match=r"cannot hold state\.a\.1, a set"):
        split({"a": [1, {2}]})


def test_a_copy_is_not_changed_with_the_original():
    tree = {"a": [koubai.zeros(2), np.zeros(2)]}
    twin = copied(tree)
    with koubai.no_grad():
        tree["a"][0].add_(1)
    tree["a"][1] += 1
    assert twin["a"][0].tolist() == twin["a"][1].tolist() == [0, 0]


def test_a_file_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "file"
    write_file(path, b"old")
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    write_file(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_there_in_full_or_not_at_all(tmp_path, monkeypatch):
    write_folder(tmp_path / "a", {"x": b"1", "y": b"2"})
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["x", "y"]
    calls = iter([None, OSError(28, "No space left on device")])

    def full(descriptor):
        if error := next(calls):
            raise error

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_folder(tmp_path / "b", {"x": b"1", "y": b"2"})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_rubbish_of_killed_writers_is_cleared_and_nothing_else(tmp_path):
    write_folder(tmp_path / "a", {"x": b"1"})
    write_file(tmp_path / "b", b"2")
    (tmp_path / ".unfinished-1").mkdir()
    (tmp_path / ".unfinished-2").write_bytes(b"")
    clear_rubbish(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    remove_folder(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.fixture
def checkpoint(tmp_path):
    write_checkpoint(tmp_path / "c", {"weight": koubai.ones(3)}, TREE)
    return tmp_path / "c"


def test_a_checkpoint_holds_weights_and_state(checkpoint):
    model, training = read_checkpoint(checkpoint)
    assert model["weight"].tolist() == [1, 1, 1]
    assert content(training) == content(TREE)


def test_nothing_in_a_checkpoint_is_pickled(checkpoint):
    assert sorted(path.name for path in checkpoint.iterdir()) == [
        "model.safetensors",
        "state.json",
        "training.safetensors",
    ]
    json.loads((checkpoint / "state.json").read_text())


@pytest.mark.parametrize("name", ["model.safetensors", "training.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["truncated", "emptied", "changed", "missing"])
def test_damage_to_any_file_is_detected(checkpoint, name, damage):
    path = checkpoint / name
    whole = path.read_bytes()
    middle = len(whole) // 2
    if damage == "missing":
        path.unlink()
    else:
        changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        path.write_bytes({"truncated": whole[:middle], "emptied": b"", "changed": changed}[damage])
    with pytest.raises(DamagedCheckpoint, match=rf"checkpoint .* is damaged \(.*{name}") as caught:
        read_checkpoint(checkpoint)
    assert "Expecting" not in str(caught.value)  # no word of the JSON parser's


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    return Checkpoints(tmp_path / "checkpoints")


def save(shelf, number, best=False):
    return shelf.save({"weight": koubai.full((1,), float(number))}, {"number": number}, best)


def test_the_newest_two_and_the_best_are_kept(shelf):
    best = [save(shelf, number, best=number == 1) for number in range(6)][1]
    assert shelf.names() == [best, "checkpoint-000004", "checkpoint-000005"]
    assert shelf.newest().training == {"number": 5}
    assert Checkpoints(shelf.folder).best_one().training == {"number": 1}


def test_without_a_best_the_newest_counts(shelf):
    save(shelf, 0)
    assert shelf.best_one().training == {"number": 0}


def test_a_damaged_checkpoint_gives_way_to_the_one_before(shelf):
    kept = save(shelf, 0, best=True)
    (shelf.folder / save(shelf, 1, best=True) / "model.safetensors").write_bytes(b"")
    lost = "000001 is damaged .*The older checkpoint-000000 is used instead; what was trained after it"
    with pytest.warns(UserWarning, match=lost):
        stored = shelf.newest()
    assert (stored.name, stored.training) == (kept, {"number": 0})
    assert shelf.best == kept
    shelf.drop_after(stored.name)
    assert shelf.names() == [kept]


def test_no_whole_checkpoint_is_an_error(shelf):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        shelf.newest()
    (shelf.folder / save(shelf, 0) / "state.json").unlink()
    with pytest.raises(DamagedCheckpoint, match=r"no checkpoint of this run .*state\.json cannot"):
        shelf.newest()


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "metrics.sqlite")
    journal.create()
    return journal


def test_steps_and_epochs_come_back_as_lists(journal):
    journal.add([(1, 1, 32, 0.5, 0.1, 0.01), (2, 1, 64, math.nan, 0.1, 0.02)])
    journal.add([], {1: {"loss": 0.5, "confusion_matrix": [[1, 0], [2, 3]]}})
    journal.add([], {2: {"loss": math.inf, "confusion_matrix": [[3, 0], [0, 3]]}})
    steps = journal.steps()
    assert steps["step"] == [1, 2]
    assert steps["loss"][0] == 0.5
    assert math.isnan(steps["loss"][1])
    assert journal.history() == {
        "loss": [0.5, math.inf],
        "confusion_matrix": [[[1, 0], [2, 3]], [[3, 0], [0, 3]]],
    }


def test_rewinding_removes_what_comes_later_and_rewriting_leaves_no_duplicates(journal):
    rows = [(n, 1 + n // 3, 0, float(n), 0.1, 0.0) for n in range(1, 6)]
    journal.add(rows, {1: {"loss": 1.0}, 2: {"loss": 2.0}})
    journal.rewind(step=3, epoch=1)
    assert journal.steps()["step"] == [1, 2, 3]
    assert journal.history() == {"loss": [1.0]}
    journal.add(rows[2:], {1: {"loss": 1.0}, 2: {"loss": 2.5}})
    assert journal.steps()["step"] == [1, 2, 3, 4, 5]
    assert journal.history() == {"loss": [1.0, 2.5]}


def test_others_read_while_it_is_written(journal):
    journal.add([(1, 1, 1, 1.0, 0.1, 0.0)])
    writer = sqlite3.connect(journal.path)
    writer.execute("INSERT INTO steps VALUES (2, 1, 1, 1.0, 0.1, 0.0)")
    try:
        assert journal.steps()["step"] == [1]
    finally:
        writer.close()


def test_without_room_for_an_index_it_can_still_be_read(journal, monkeypatch):
    """As on a full or write-protected disk, where SQLite cannot make its shared index."""
    journal.add([(1, 1, 1, 1.0, 0.1, 0.0)])
    connect = sqlite3.connect

    def full(path, **options):
        if "immutable" not in str(path):
            raise sqlite3.OperationalError("disk I/O error")
        return connect(path, **options)

    monkeypatch.setattr(sqlite3, "connect", full)
    assert journal.steps()["step"] == [1]
    journal.path.with_name("metrics.sqlite-wal").write_bytes(b"rows that only the index leads to")
    with pytest.raises(sqlite3.OperationalError):
        journal.steps()
