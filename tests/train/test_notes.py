"""Notes beside the metrics of a run: kept, replaced, rewound, and read where there are none."""

import sqlite3

import numpy as np

from koubai.train import RunRecord


def test_notes_come_back_in_the_order_of_their_steps(tmp_path):
    run = RunRecord.create(tmp_path / "run")
    run.note("colour", 20, {"name": "青", "share": 0.5})
    run.note("colour", 3, [1, None])
    run.note("other", 3, {"share": np.float32(0.5), "where": tmp_path})
    assert run.notes("colour") == {3: [1, None], 20: {"name": "青", "share": 0.5}}
    assert list(run.notes("colour")) == [3, 20]
    assert run.notes("other") == {3: {"share": 0.5, "where": str(tmp_path)}}
    assert run.notes("none") == {}


def test_a_later_note_replaces_an_earlier_one_of_its_step(tmp_path):
    run = RunRecord.create(tmp_path / "run")
    run.note("colour", 3, "red")
    run.note("colour", 3, "blue")
    assert run.notes("colour") == {3: "blue"}


def test_resuming_removes_what_was_noted_later(tmp_path):
    run = RunRecord.create(tmp_path / "run")
    for step in (1, 2, 3):
        run.note("colour", step, step)
    run.journal.rewind(2, 0)
    assert run.notes("colour") == {1: 1, 2: 2}


def test_a_record_of_an_earlier_version_has_no_notes_and_can_get_some(tmp_path):
    run = RunRecord.create(tmp_path / "run")
    with sqlite3.connect(run.journal.path) as connection:
        connection.execute("DROP TABLE notes")
    connection.close()
    assert run.notes("colour") == {}
    run.journal.rewind(0, 0)
    run.note("colour", 1, "red")
    assert run.notes("colour") == {1: "red"}
