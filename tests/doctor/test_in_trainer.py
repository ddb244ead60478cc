"""The doctor in a training by `Trainer`: there by itself, without a trace in the weights, its notes in the record."""

import logging

import pytest

import koubai
from koubai import nn, optim
from koubai.default_callbacks import DEFAULT_CALLBACKS
from koubai.doctor import Doctor
from koubai.doctor.chart import read_findings, read_signs
from koubai.train import Callback, RunRecord, Trainer, overfit_batches


def bits(model):
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


def doctors(trainer):
    return [callback for callback in trainer.callbacks if isinstance(callback, Doctor)]


class Interrupt(Callback):
    """Presses Ctrl-C after some updates."""

    def __init__(self, after):
        self.after = after

    def on_step_end(self, trainer):
        if trainer.progress.updates == self.after:
            raise KeyboardInterrupt


class TestWhoHasOne:
    def test_every_trainer_unless_it_is_left_out(self, make):
        assert len(doctors(make["sound"]())) == 1
        assert doctors(make["sound"](doctor=False)) == []

    def test_another_one_takes_its_place(self, make):
        mine = Doctor(every=1000)
        assert doctors(make["sound"](doctor=mine)) == [mine]
        assert doctors(make["sound"](callbacks=[mine])) == [mine]

    def test_any_default_goes_by_its_name_and_nothing_else_is_taken(self, make, monkeypatch):
        mine = Callback()
        monkeypatch.setitem(DEFAULT_CALLBACKS, "helper", lambda: mine)
        assert mine in make["sound"]().callbacks
        assert mine not in make["sound"](helper=False).callbacks
        with pytest.raises(TypeError, match="unexpected keyword argument 'docter'"):
            make["sound"](docter=False)

    def test_it_comes_after_the_users_callbacks(self, make):
        mine = Callback()
        callbacks = make["sound"](callbacks=[mine]).callbacks
        assert [type(callback) for callback in callbacks[-2:]] == [Callback, Doctor]

    def test_probes_have_none(self, data, monkeypatch):
        monkeypatch.setitem(DEFAULT_CALLBACKS, "doctor", lambda: pytest.fail("a probe asked for a doctor"))
        model = nn.Linear(2, 3)
        overfit_batches(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), data, steps=2)


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("kind", ["sound", "fading"])
def test_it_changes_no_bit(make, data, kind, compile):
    def trained(**options):
        trainer = make[kind](compile=compile, **options)
        trainer.fit(data, data, epochs=4)
        return bits(trainer.model), trainer.history["loss"], koubai.rand(1).item()

    assert trained() == trained(doctor=False)


@pytest.mark.parametrize("compile", [True, False])
def test_vital_signs_are_measured_in_both_modes(make, data, tmp_path, compile):
    run = RunRecord.create(tmp_path / "run")
    make["sound"](compile=compile).fit(data, epochs=2, run=run)
    signs = read_signs(run)
    assert [s.step for s in signs] == [1, 2, 4, 11]
    assert list(signs[0].layers) == ["0", "1", "2", "3", "4"]
    assert signs[0].loss == pytest.approx(run.steps()["loss"][0], rel=1e-4)
    assert all(row.gradient > 0 for row in signs[0].layers.values())


def test_a_healthy_training_is_said_to_be_healthy(make, data, tmp_path, caplog):
    run = RunRecord.create(tmp_path / "run")
    assert read_findings(run) is None
    make["sound"]().fit(data, data, epochs=20, run=run)
    assert read_findings(run) == []
    assert not [record for record in caplog.records if record.name == "koubai.doctor"]


def test_of_a_trial_it_says_what_can_be_proven(data):
    causes = []
    for last, lr in ((nn.Identity(), 1e-6), (nn.Softmax(-1), 0.1)):
        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3), last)
        optimizer = optim.SGD(model.parameters(), lr=lr)
        trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, doctor=Doctor(trial=True))
        trainer.fit(data, epochs=4)
        causes.append([finding.cause for finding in doctors(trainer)[0].findings])
    assert causes == [[], ["double_softmax"]]


def test_findings_are_told_and_recorded_in_the_readers_language(make, data, tmp_path, caplog):
    run = RunRecord.create(tmp_path / "run")
    trainer = make["fading"]()
    with caplog.at_level(logging.WARNING, "koubai.doctor"):
        trainer.fit(data, epochs=20, run=run)
    (doctor,) = doctors(trainer)
    assert doctor.findings
    assert [f.to_json() for f in read_findings(run)] == [f.to_json() for f in doctor.findings]
    (line,) = [record.getMessage() for record in caplog.records if record.name == "koubai.doctor"]
    assert doctor.findings[0].symptom in line
    with koubai.i18n.speaking("ja"):
        (japanese,) = {finding.cause: finding for finding in read_findings(run)[:1]}.values()
    assert japanese.cause == doctor.findings[0].cause
    assert japanese.symptom != doctor.findings[0].symptom


@pytest.mark.parametrize(("after", "listed"), [(3, False), (12, False), (3, True)])
def test_a_resumed_run_ends_with_the_same_notes(make, data, tmp_path, after, listed):
    """Also where samples cannot be drawn anew, as from a list of batches."""
    x, y = data
    train = [(x[n : n + 32], y[n : n + 32]) for n in range(0, 200, 32)] if listed else data
    whole, cut = (RunRecord.create(tmp_path / name) for name in ("whole", "cut"))
    make["fading"]().fit(train, data, epochs=5, run=whole)
    with pytest.raises(KeyboardInterrupt):
        make["fading"](callbacks=[Interrupt(after)]).fit(train, data, epochs=5, run=cut, checkpoint_steps=2)
    make["fading"](callbacks=[Interrupt(0)]).fit(train, data, epochs=5, run=cut, resume=True)
    assert read_findings(whole)
    for kind in ("findings", "vital signs"):
        assert repr(cut.notes(kind)) == repr(whole.notes(kind))  # as text: there may be NaN in it


def test_a_killed_run_keeps_what_was_noted(make, data, tmp_path):
    run = RunRecord.create(tmp_path / "run")
    seen = []

    class Look(Callback):
        def on_step_end(self, trainer):
            seen.append([s.step for s in read_signs(RunRecord.open(run.folder))])

    make["sound"](callbacks=[Look()]).fit(data, run=run)
    assert seen[:4] == [[1], [1, 2], [1, 2], [1, 2, 4]]


def test_the_run_is_known_while_it_is_recorded(make, data, tmp_path):
    run, seen = RunRecord.create(tmp_path / "run"), []

    class Look(Callback):
        def on_step_end(self, trainer):
            seen.append(trainer.run)

    trainer = make["sound"](callbacks=[Look()], doctor=False)
    trainer.fit(data, batch_size=200, run=run)
    trainer.fit(data, batch_size=200)
    assert seen == [run, None]
    assert trainer.run is None


def broken(*_):
    raise ZeroDivisionError("oops")


def test_a_doctor_that_fails_is_not_in_the_way(make, data, monkeypatch, caplog):
    monkeypatch.setattr("koubai.doctor.watch.Consultation", broken)
    assert len(make["sound"]().fit(data, epochs=2)["loss"]) == 2
    assert "no longer" in caplog.text
    assert "ZeroDivisionError: oops" in caplog.text


def test_what_it_keeps_of_large_samples_fits_into_a_checkpoint(monkeypatch):
    monkeypatch.setattr("koubai.doctor.watch.Consultation", broken)  # which would take long
    koubai.manual_seed(0)
    x, y = koubai.randn(40, 3, 256, 256), koubai.arange(40) % 2
    model = nn.Sequential(nn.AvgPool2d(256), nn.Flatten(), nn.Linear(3, 2))
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.fit([(x[:20], y[:20]), (x[20:], y[20:])])  # nothing can be drawn from a list of batches
    kept = doctors(trainer)[0].state_dict()["samples"]
    assert sum(size for _inputs, _options, _target, size in kept) == 21  # 16 MiB of 768 KiB each
