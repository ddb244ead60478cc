"""Several compiled steps in one call: the same training as step by step, and callbacks are told of each."""

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.train import Callback, RunRecord, Trainer

MANY = 1000


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch):
    """Steps are made at once on a slow machine, too."""
    monkeypatch.setattr("koubai.train.groups._SECONDS", 60.0)


class Listener(Callback):
    """Notes each step."""

    def __init__(self, steps=MANY):
        self.steps = steps
        self.seen, self.ahead, self.started = [], [], []

    def steps_ahead(self, trainer):
        return self.steps - trainer.progress.updates % self.steps

    def on_step_start(self, trainer):
        self.started.append(trainer.progress.updates)

    def on_step_end(self, trainer):
        p = trainer.progress
        self.seen.append((p.updates, p.epoch, p.step, p.samples, p.loss, trainer.batch_loss))
        self.ahead.append(trainer.ahead)


def data(steps=60, batch=8):
    generator = koubai.Generator().manual_seed(1)
    x = koubai.randn(steps * batch, 6, generator=generator)
    return x, (x.sum(dim=1) > 0).long()


def trained(listener, batches=None, epochs=2, run=None, resume=False, **options):
    koubai.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], callbacks=[listener], doctor=False
    )
    given = data() if batches is None else batches
    trainer.fit(given, epochs=epochs, batch_size=8, run=run, resume=resume, **options)
    return trainer


def weights(trainer):
    return {name: p.detach().numpy().copy() for name, p in trainer.model.named_parameters()}


def assert_same(one, other):
    for name, value in weights(one).items():
        np.testing.assert_array_equal(value, weights(other)[name])


def test_is_the_same_training_as_step_by_step():
    one, many = Listener(1), Listener()
    slow, quick = trained(one), trained(many)
    assert max(one.ahead) == 0
    assert max(many.ahead) > 0, "nothing was made at once"
    assert many.seen == one.seen
    assert quick.history["loss"] == slow.history["loss"]
    assert quick.history["accuracy"] == slow.history["accuracy"]
    assert_same(slow, quick)


def test_is_told_of_the_start_only_where_the_training_stands():
    listener = Listener()
    trained(listener)
    ends = [updates for (updates, *_), ahead in zip(listener.seen, listener.ahead) if not ahead]
    assert listener.started == [0, *ends[:-1]]


def test_no_callback_waits_for_longer_than_it_lets():
    listener = Listener(7)
    trained(listener)
    at = [updates for (updates, *_), ahead in zip(listener.seen, listener.ahead) if not ahead]
    assert set(range(7, 120, 7)) <= set(at)


def test_a_callback_that_is_told_at_once_sees_every_step():
    class Norms(Callback):
        def __init__(self):
            self.found = []

        def on_step_end(self, trainer):
            self.found.append(trainer.model[0].weight.grad.abs().sum().item())

    norms = Norms()
    trained(norms, epochs=1)
    assert len(set(norms.found)) == 60


def test_a_scheduler_that_counts_steps_is_obeyed_at_each():
    def rates(listener):
        koubai.manual_seed(0)
        model = nn.Linear(6, 2)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
        trainer = Trainer(
            model,
            nn.CrossEntropyLoss(),
            optimizer,
            lr_scheduler=scheduler,
            schedule_every="step",
            callbacks=[listener],
            doctor=False,
        )
        trainer.fit(data(), epochs=1, batch_size=8)
        return trainer

    one, many = Listener(1), Listener()
    assert_same(rates(one), rates(many))
    assert max(many.ahead) == 0


def test_a_target_that_the_loss_cannot_mean_is_refused_in_its_step():
    x, y = data(40)
    y = y.float().unsqueeze(1)
    y[8 * 30 + 3] = 2.0
    model, listener = nn.Linear(6, 1), Listener()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(model, nn.BCEWithLogitsLoss(), optimizer, callbacks=[listener], doctor=False)
    with pytest.raises(ValueError, match="from 0 to 1"):
        trainer.fit((x, y), batch_size=8, shuffle=False)
    assert len(listener.seen) == 30


@pytest.mark.parametrize("wrong", ["label", "number", "data"])
def test_what_goes_wrong_in_a_later_step_comes_up_there(wrong):
    x, y = data()

    class Batches:
        def __iter__(self):
            for n in range(50):
                part, labels = x[8 * n : 8 * n + 8], y[8 * n : 8 * n + 8]
                if n == 44 and wrong == "data":
                    raise OSError("gone")
                if n == 44 and wrong == "label":
                    labels = labels + 7
                if n == 44 and wrong == "number":
                    part = part * float("nan")
                yield part, labels

    def broken(listener):
        with pytest.raises((OSError, IndexError, ValueError)) as caught:
            trained(listener, Batches(), epochs=1)
        return caught.value

    one, many = Listener(1), Listener()
    expected, error = broken(one), broken(many)
    assert max(many.ahead) > 0
    assert str(error) == str(expected)
    assert any("step 45" in note for note in error.__notes__)
    assert many.seen == one.seen
    assert len(many.seen) == 44


@pytest.mark.parametrize("options", [{"checkpoint_steps": 7}, {"checkpoint_seconds": 0.0}])
def test_a_resumed_training_has_the_same_bits(tmp_path, options):
    class Killed(Listener):
        def on_step_end(self, trainer):
            super().on_step_end(trainer)
            if trainer.progress.updates == 100:
                raise RuntimeError("killed")

    whole = trained(Listener())
    run = RunRecord.create(tmp_path / "run", seed=0)
    with pytest.raises(RuntimeError, match="killed"):
        trained(Killed(), run=run, **options)
    again = Listener()
    resumed = trained(again, run=RunRecord.open(tmp_path / "run"), resume=True, **options)
    assert_same(whole, resumed)
    assert resumed.progress.updates == whole.progress.updates
    assert resumed.history["loss"] == whole.history["loss"]
    assert 60 < again.seen[0][0] <= 101


def test_a_checkpoint_at_the_end_of_the_data_is_no_beginning_of_an_epoch(tmp_path):
    class Killed(Listener):
        def on_epoch_end(self, trainer):
            raise RuntimeError("killed")

    x, y = data()
    batches = [(x[8 * n : 8 * n + 8], y[8 * n : 8 * n + 8]) for n in range(60)]
    run = RunRecord.create(tmp_path / "run", seed=0)
    with pytest.raises(RuntimeError, match="killed"):
        trained(Killed(), batches, epochs=1, run=run, checkpoint_seconds=0.0)
    again = Listener()
    resumed = trained(again, batches, epochs=1, run=RunRecord.open(tmp_path / "run"), resume=True)
    assert resumed.progress.updates == 60
    assert_same(trained(Listener(), batches, epochs=1), resumed)
