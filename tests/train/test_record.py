"""The run record: what it holds, and what a training writes into it."""

import errno
import json
import os
import sqlite3

import pytest

import koubai
from koubai import nn, optim
from koubai.train import DamagedCheckpoint, EarlyStopping, RecordError, RunRecord, list_runs


@pytest.fixture
def run(tmp_path):
    return RunRecord.create(tmp_path / "run", {"lr": 0.1, "folder": tmp_path, "seed": 3})


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_run_knows_its_configuration_seed_and_environment(run, tmp_path):
    opened = RunRecord.open(tmp_path / "run")
    assert opened.config == {"lr": 0.1, "folder": str(tmp_path), "seed": 3}
    assert opened.environment["seed"] == 3
    assert opened.environment["koubai"] == koubai.__version__
    assert {"python", "platform", "git", "created"} <= set(opened.environment)
    assert {"numpy", "safetensors", "pydantic", "typer", "rich"} <= set(opened.environment)
    assert (opened.status, opened.result, opened.history()) == ("new", {}, {})


def test_a_run_is_not_made_twice_and_not_opened_where_there_is_none(run, tmp_path):
    with pytest.raises(FileExistsError, match="already holds a run"):
        RunRecord.create(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="no run in"):
        RunRecord.open(tmp_path)


def test_runs_are_listed_in_the_order_they_were_made(tmp_path):
    for name in ("z", "a", "m"):
        RunRecord.create(tmp_path / name)
    (tmp_path / "no run").mkdir()
    assert [run.folder.name for run in list_runs(tmp_path)] == ["z", "a", "m"]
    assert list_runs(tmp_path / "missing") == []


def test_a_training_is_recorded(run, make, blobs):
    trainer = make.trainer(metrics=["accuracy", "confusion_matrix"], target=("accuracy", 0.5))
    history = trainer.fit(blobs, blobs, epochs=3, run=run)
    assert run.status == "finished"
    assert run.history() == history
    assert run.steps()["step"] == list(range(1, 10))
    assert run.steps()["epoch"] == [1] * 3 + [2] * 3 + [3] * 3
    assert run.steps()["samples"] == [32, 64, 90] * 3
    assert run.result == {"status": "finished", **trainer.result}
    assert run.result["target"]["met"] in (True, False)


def test_recording_changes_no_bit_of_the_training(run, make, blobs):
    def trained(**options):
        koubai.manual_seed(0)
        trainer = make.trainer(make.model(dropout=0.5))
        trainer.fit(blobs, blobs, epochs=2, **options)
        return make.weights(trainer.model)

    assert trained(run=run, checkpoint_steps=1) == trained()


def test_weights_of_the_end_the_best_epoch_and_the_last_can_be_had(run, make, blobs):
    snapshots = make.Spy("on_epoch_end", lambda trainer: make.weights(trainer.model))
    stopping = EarlyStopping("loss", mode="max", patience=9, restore_best_weights=True)
    trainer = make.trainer(callbacks=[snapshots, stopping], monitor="loss", mode="max")
    trainer.fit(blobs, epochs=4, run=run)
    for which, epoch in (("final", 0), ("best", 0), ("last", 3)):
        model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
        RunRecord.open(run.folder).load_weights(model, which)
        assert make.weights(model) == snapshots.seen[epoch]


def test_weights_of_another_model_are_refused(run, make, blobs):
    make.trainer().fit(blobs, run=run)
    other = nn.Linear(2, 3)
    before = make.weights(other)
    with pytest.raises(RuntimeError, match=r"0\.weight"):
        run.load_weights(other)
    assert make.weights(other) == before


def test_truncated_final_weights_are_named_with_the_way_out(run, make, blobs):
    make.trainer().fit(blobs, run=run)
    weights = run.folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    model = make.model()
    with pytest.raises(DamagedCheckpoint, match=r"run/model\.safetensors is damaged \(.*\); .* or delete it"):
        run.load_weights(model)
    weights.unlink()
    run.load_weights(model)
    assert make.weights(model) == {
        name: array.tobytes() for name, array in run.checkpoints.newest().model.items()
    }


def test_a_damaged_configuration_is_named(run):
    (run.folder / "config.json").write_text('{"lr": ')
    with pytest.raises(ValueError, match=r"run/config\.json is damaged"):
        run.config  # noqa: B018


def test_a_record_that_was_not_made_is_refused(make, blobs, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no run in .*RunRecord\.create\(folder\) makes a new run"):
        make.trainer().fit(blobs, run=RunRecord(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_trained_run_is_only_touched_to_resume_it(run, make, blobs):
    make.trainer().fit(blobs, run=run)
    before = files(run.folder)
    with pytest.raises(ValueError, match="go on with resume=True"):
        make.trainer().fit(blobs, run=run)
    assert files(run.folder) == before


def test_a_finished_run_can_go_on_for_more_epochs(run, make, blobs, tmp_path):
    def trainer():
        koubai.manual_seed(0)
        return make.trainer(make.model(dropout=0.5), lambda p: optim.Adam(p, lr=0.01))

    trainer().fit(blobs, blobs, epochs=2, run=run)
    longer = trainer()
    history = longer.fit(blobs, blobs, epochs=5, run=run, resume=True)
    whole = trainer()
    expected = whole.fit(blobs, blobs, epochs=5, run=RunRecord.create(tmp_path / "whole"))
    assert make.weights(longer.model) == make.weights(whole.model)
    assert history["val_loss"] == expected["val_loss"] == run.history()["val_loss"]


def test_a_run_that_early_stopping_ended_has_ended(run, make, blobs):
    def trainer():
        return make.trainer(callbacks=[EarlyStopping("loss", mode="max", restore_best_weights=True)])

    first, second = trainer(), trainer()
    first.fit(blobs, epochs=9, run=run)
    assert second.fit(blobs, epochs=9, run=run, resume=True) == first.history
    assert make.weights(second.model) == make.weights(first.model)
    assert second.result == first.result


def test_resuming_before_the_first_checkpoint_begins_at_the_beginning(run, make, blobs):
    assert len(make.trainer().fit(blobs, epochs=2, run=run, resume=True)["loss"]) == 2


def different_model(make):
    return make.trainer(nn.Sequential(nn.Linear(2, 9), nn.ReLU(), nn.Linear(9, 3)))


def different_dtype(make):
    return make.trainer(make.model().double())


def different_optimizer(make):
    return make.trainer(optimizer=lambda p: optim.Adam(p))


def different_scheduler(make):
    model = make.model()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    return make.trainer(
        model, lambda _: optimizer, lr_scheduler=optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    )


def different_metrics(make):
    return make.trainer(metrics=["accuracy"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            different_model,
            r"of another model; nothing was loaded:\n  0.weight: float32\[8, 2\] in the checkpoint",
        ),
        (different_dtype, r"float32\[8, 2\] in the checkpoint, float64\[8, 2\] in the model"),
        (different_optimizer, "optimizer was SGD and is now Adam"),
        (different_scheduler, "lr_scheduler was None and is now ExponentialLR"),
        (
            different_metrics,
            r"not the training of the checkpoint: metrics was \[\] and is now \['accuracy'\]",
        ),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_and_nothing_is_half_loaded(
    run, make, blobs, change, message
):
    make.trainer().fit(blobs, epochs=2, run=run)
    kept = files(run.folder / "checkpoints")
    trainer = change(make)
    weights, optimizer = make.weights(trainer.model), repr(trainer.optimizer.state_dict())
    with pytest.raises(ValueError, match=message):
        trainer.fit(blobs, epochs=3, run=run, resume=True)
    assert make.weights(trainer.model) == weights
    assert repr(trainer.optimizer.state_dict()) == optimizer
    assert files(run.folder / "checkpoints") == kept


def test_other_data_are_refused(run, make, blobs):
    make.trainer().fit(blobs, epochs=1, run=run)
    fewer = blobs[0][:50], blobs[1][:50]
    with pytest.raises(ValueError, match="samples was 90 and is now 50"):
        make.trainer().fit(fewer, epochs=2, run=run, resume=True)


def test_a_truncated_checkpoint_gives_way_to_the_one_before(run, make, blobs, tmp_path):
    def trainer():
        koubai.manual_seed(0)
        return make.trainer(make.model(dropout=0.5))

    trainer().fit(blobs, epochs=3, run=run)
    newest = run.folder / "checkpoints" / run.checkpoints.names()[-1] / "training.safetensors"
    newest.write_bytes(newest.read_bytes()[:-9])
    resumed = trainer()
    lost = r"checksum of training\.safetensors is wrong\)\. The older checkpoint-000002 is used instead"
    with pytest.warns(UserWarning, match=lost):
        resumed.fit(blobs, epochs=4, run=run, resume=True)
    whole = trainer()
    whole.fit(blobs, epochs=4)
    assert make.weights(resumed.model) == make.weights(whole.model)
    assert run.steps()["step"] == list(range(1, 13))
    assert run.history()["loss"] == whole.history["loss"]


@pytest.mark.parametrize("after", range(0, 60, 7))
def test_a_disk_that_is_full_at_any_write_loses_nothing(run, make, blobs, monkeypatch, after):
    """Every sync after the first few fails; then there is room again."""

    def trainer():
        koubai.manual_seed(0)
        return make.trainer(make.model(dropout=0.5))

    sync, left = os.fsync, iter(range(after))

    def full(descriptor):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RecordError, match="No space left on device"):
            trainer().fit(blobs, epochs=4, run=run, checkpoint_steps=2)
    opened = RunRecord.open(run.folder)
    assert opened.steps()["step"] == list(range(1, 1 + len(opened.steps()["step"])))
    resumed = trainer()
    resumed.fit(blobs, epochs=4, run=opened, resume=True, checkpoint_steps=2)
    whole = trainer()
    whole.fit(blobs, epochs=4)
    assert make.weights(resumed.model) == make.weights(whole.model)
    assert not list(run.folder.rglob(".unfinished-*"))


def test_a_journal_that_cannot_be_written_is_an_error_of_the_record(run, make, blobs, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(type(run.journal), "add", full)
    with pytest.raises(RecordError, match=r"disk is full\. What was recorded before is safe"):
        make.trainer().fit(blobs, run=run)


def test_an_error_in_training_is_recorded(run, make, blobs):
    broken = make.Spy("on_step_end", lambda trainer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make.trainer(callbacks=[broken]).fit(blobs, run=run)
    assert run.status == "failed"
    assert run.result["error"] == "ZeroDivisionError: division by zero"


def test_ctrl_c_in_the_middle_of_a_step_keeps_the_checkpoint_before_it(run, make, blobs):
    """Another handler, or a second Ctrl-C, raises at once: then the state may be half updated."""

    def interrupt(trainer):
        if trainer.progress.updates == 4:
            raise KeyboardInterrupt

    koubai.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        make.trainer(callbacks=[make.Spy("before_update", interrupt)]).fit(blobs, epochs=3, run=run)
    assert run.status == "interrupted"
    assert run.checkpoints.newest().training["progress"]["updates"] == 3
    resumed = make.trainer()
    resumed.fit(blobs, epochs=3, run=run, resume=True)
    koubai.manual_seed(0)
    whole = make.trainer()
    whole.fit(blobs, epochs=3)
    assert make.weights(resumed.model) == make.weights(whole.model)


def test_ctrl_c_while_the_training_is_ending_comes_after_its_end(run, make, blobs):
    def interrupt(trainer):
        trainer.interrupted = True

    trainer = make.trainer(callbacks=[make.Spy("on_fit_end", interrupt)])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(blobs, run=run)
    assert run.status == "finished"
    trainer.evaluate(blobs)


def test_an_interrupted_validation_is_done_again(run, make, blobs):
    koubai.manual_seed(0)
    trainer = make.trainer(make.model(dropout=0.5))

    def interrupt(trainer):
        trainer.interrupted = trainer.progress.epoch == 2

    trainer.callbacks.append(make.Spy("on_validation_start", interrupt))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(blobs, blobs, epochs=3, run=run)
    stored = run.checkpoints.newest().training
    assert (stored["progress"]["phase"], stored["progress"]["epoch"]) == ("validation", 2)
    resumed = make.trainer(make.model(dropout=0.5))
    history = resumed.fit(blobs, blobs, epochs=3, run=run, resume=True)
    koubai.manual_seed(0)
    whole = make.trainer(make.model(dropout=0.5))
    assert history["val_loss"] == whole.fit(blobs, blobs, epochs=3)["val_loss"]
    assert make.weights(resumed.model) == make.weights(whole.model)


def test_a_callback_missing_on_resume_is_named(run, make, blobs):
    make.trainer(callbacks=[EarlyStopping("loss", patience=9)]).fit(blobs, epochs=1, run=run)
    with pytest.warns(UserWarning, match="EarlyStopping is not among this training's callbacks"):
        make.trainer().fit(blobs, epochs=2, run=run, resume=True)


def test_data_in_a_list_of_batches_are_resumed_in_mid_epoch(run, make, blobs):
    batches = [(blobs[0][i : i + 30], blobs[1][i : i + 30]) for i in (0, 30, 60)]

    def interrupt(trainer):
        trainer.interrupted = trainer.progress.updates == 4

    with pytest.raises(KeyboardInterrupt):
        make.trainer(callbacks=[make.Spy("on_step_end", interrupt)]).fit(batches, epochs=3, run=run)
    resumed, whole = make.trainer(), make.trainer()
    resumed.fit(batches, epochs=3, run=run, resume=True)
    whole.fit(batches, epochs=3)
    assert make.weights(resumed.model) == make.weights(whole.model)


def test_a_checkpoint_comes_when_its_time_has_come(run, make, blobs):
    counts = make.Spy("on_epoch_end", lambda trainer: run.checkpoints.names()[-1])
    # Of several steps made at once only the last can have one.
    one_by_one = make.Spy("on_step_end", lambda trainer: None)
    make.trainer(callbacks=[counts, one_by_one]).fit(
        blobs, epochs=1, batch_size=10, run=run, checkpoint_seconds=0.0
    )
    assert counts.seen == ["checkpoint-000009"]
    with pytest.raises(ValueError, match="checkpoint_steps"):
        make.trainer().fit(blobs, run=run, resume=True, checkpoint_steps=0)


def test_every_file_of_a_run_is_readable_by_others(run, make, blobs):
    make.trainer().fit(blobs, run=run)
    names = {path.name for path in run.folder.iterdir()}
    assert {"config.json", "environment.json", "metrics.sqlite", "checkpoints", "result.json"} <= names
    for path in run.folder.rglob("*.json"):
        json.loads(path.read_text())
    assert not [path for path in run.folder.rglob("*") if path.suffix in (".pkl", ".pt", ".npy", ".npz")]
