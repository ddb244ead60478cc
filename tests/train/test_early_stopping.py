"""Early stopping with Keras's arguments and meaning, best weights, and stopping on the training loss."""

import inspect
import math

import pytest

from koubai.train import Callback, EarlyStopping, NoMoreImprovement


class Script(Callback):
    """Replaces a value of the logs by what is written for each epoch."""

    def __init__(self, name, values):
        self.name = name
        self.values = values

    def on_validation_end(self, trainer):
        trainer.logs[self.name] = self.values[trainer.progress.epoch - 1]


def trained(make, blobs, values, stopping, name="val_loss", **options):
    trainer = make.trainer(callbacks=[Script(name, values), stopping], **options)
    trainer.fit(blobs, blobs, epochs=len(values))
    return trainer


@pytest.mark.parametrize(
    ("options", "values", "stopped"),
    [
        ({}, [3, 2, 2.5, 1], 3),
        ({"patience": 1}, [3, 2, 2.5, 1], 3),
        ({"patience": 2}, [3, 2, 2.5, 1, 2, 2], 6),
        ({"patience": 2}, [3, 2, 2.5, 1, 2], 0),
        ({"min_delta": 0.6, "patience": 2}, [3, 2.5, 2.45, 2.2], 3),
        ({"min_delta": -0.6, "patience": 2}, [3, 2.5, 2.45, 2.2], 3),
        ({"mode": "max", "patience": 1}, [1, 2, 3, 2], 4),
        ({"baseline": 1.5, "patience": 2}, [3, 2, 1.9], 2),
        ({"baseline": 2.5, "patience": 2}, [3, 2, 1.9, 1.8], 0),
        ({"start_from_epoch": 3}, [1, 2, 3, 4, 5], 5),
        ({}, [math.nan, math.nan], 2),
    ],
)
def test_it_stops_when_keras_would(make, blobs, options, values, stopped):
    stopping = EarlyStopping(**options)
    trainer = trained(make, blobs, values, stopping)
    assert stopping.stopped_epoch == stopped
    assert len(trainer.history["loss"]) == (stopped or len(values))
    assert (trainer.stop_reason is not None) == bool(stopped)


def test_the_direction_is_that_of_the_metric(make, blobs):
    stopping = EarlyStopping("val_accuracy", patience=1)
    trained(make, blobs, [0.5, 0.6, 0.7, 0.6], stopping, "val_accuracy", metrics=["accuracy"])
    assert (stopping.value, stopping.epoch, stopping.stopped_epoch) == (0.7, 3, 4)


@pytest.mark.parametrize("patience", [1, 100])
def test_best_weights_come_back_however_the_training_ended(make, blobs, patience):
    snapshots = make.Spy("on_epoch_end", lambda trainer: make.weights(trainer.model))
    stopping = EarlyStopping(patience=patience, restore_best_weights=True)
    trainer = make.trainer(callbacks=[snapshots, Script("val_loss", [3, 1, 2, 2]), stopping])
    trainer.fit(blobs, blobs, epochs=4)
    assert make.weights(trainer.model) == snapshots.seen[1]
    assert trainer.result["epoch"] == 2
    assert trainer.result["final"]["val_loss"] == 1


def test_without_asking_the_last_weights_stay(make, blobs):
    snapshots = make.Spy("on_epoch_end", lambda trainer: make.weights(trainer.model))
    trainer = make.trainer(callbacks=[snapshots, Script("val_loss", [3, 1, 2]), EarlyStopping(patience=9)])
    trainer.fit(blobs, blobs, epochs=3)
    assert make.weights(trainer.model) == snapshots.seen[-1]


def test_the_trainer_itself_restores_the_best_of_a_fixed_number_of_epochs(make, blobs):
    snapshots = make.Spy("on_epoch_end", lambda trainer: make.weights(trainer.model))
    trainer = make.trainer(callbacks=[snapshots], restore_best=True, monitor="loss", mode="max")
    trainer.fit(blobs, epochs=3)
    assert make.weights(trainer.model) == snapshots.seen[0]
    assert trainer.result["best"] == {"monitor": "loss", "value": trainer.history["loss"][0], "epoch": 1}


def test_its_arguments_stand_where_they_do_in_keras():
    assert list(inspect.signature(EarlyStopping).parameters) == [
        "monitor",
        "min_delta",
        "patience",
        "verbose",
        "mode",
        "baseline",
        "restore_best_weights",
        "start_from_epoch",
    ]


@pytest.mark.parametrize("verbose", [0, 1])
def test_it_speaks_only_if_asked(make, blobs, capsys, verbose):
    stopping = EarlyStopping(patience=2, verbose=verbose, restore_best_weights=True)
    trained(make, blobs, [3, 1, 2, 2, 0], stopping)
    news = "Epoch 4: val_loss has not improved for 2 epochs\nThe weights of epoch 2 are restored.\n"
    assert capsys.readouterr().out == news * verbose


def test_training_stops_when_its_own_loss_no_longer_falls(make, blobs):
    from koubai import optim

    stopping = NoMoreImprovement(min_delta=1e-3, patience=2)
    trainer = make.trainer(optimizer=lambda p: optim.SGD(p, lr=0.0), callbacks=[stopping])
    trainer.fit(blobs, epochs=9)
    assert stopping.stopped_epoch == 3
    assert "loss has not improved for 2 epochs" in trainer.result["reason"]


def test_a_monitor_that_will_never_have_a_value_is_refused_before_the_first_step(make, blobs):
    trainer = make.trainer(callbacks=[EarlyStopping("val_accuracy")], metrics=["accuracy"])
    with pytest.raises(ValueError, match="give fit\\(\\) validation data"):
        trainer.fit(blobs)
    assert trainer.progress.updates == 0
    with pytest.raises(ValueError, match="mode must be"):
        EarlyStopping(mode="up")
