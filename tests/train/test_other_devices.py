"""The Trainer with a model on another device, the stand-in for a GPU."""

from __future__ import annotations

import copy
import logging
from typing import Any

import numpy as np
import pytest

import koubai
from koubai import nn, train

from ..engine import stand_in  # noqa: F401 (which is a device from then on)


def data() -> tuple[Any, Any]:
    """Two classes that can be told apart."""
    x = np.random.default_rng(0).normal(size=(96, 6)).astype("f4")
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)


def trainer(model: nn.Module, **options: Any) -> train.Trainer:
    """A trainer with a metric and the doctor."""
    optimizer = koubai.optim.Adam(model.parameters(), 0.01)
    return train.Trainer(
        model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], clip_norm=1.0, **options
    )


def network() -> nn.Module:
    """A small network with all that has a state."""
    koubai.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))


def test_it_trains_evaluates_and_predicts_as_on_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    histories, predictions, scores = [], [], []
    model = network()
    for each in (copy.deepcopy(model), copy.deepcopy(model).to("stand-in")):
        koubai.manual_seed(1)
        own = trainer(each, compile=False) if each[0].weight.device == "cpu" else trainer(each)
        with caplog.at_level(logging.WARNING, "koubai.compile"):
            histories.append(own.fit(data(), data(), epochs=3))
        predictions.append(own.predict(data()))
        scores.append(own.evaluate(data())["accuracy"])
    for name in ("loss", "val_loss", "accuracy"):
        np.testing.assert_allclose(histories[1][name], histories[0][name], 1e-4)
    assert predictions[1].device == "cpu"
    np.testing.assert_allclose(predictions[1].numpy(), predictions[0].numpy(), 1e-3, 1e-4)
    assert scores[0] == scores[1]
    said = [record.getMessage() for record in caplog.records]
    assert said == ["the Trainer runs eagerly: the model is on stand-in, and compiled code is for the CPU"]


def test_a_run_goes_on_to_the_same_bits_after_it_was_interrupted(tmp_path: Any) -> None:
    weights = []
    for interrupted in (False, True):
        model, run = network().to("stand-in"), train.RunRecord.create(tmp_path / f"run {interrupted}")
        koubai.manual_seed(1)
        trainer(model, doctor=False).fit(data(), epochs=1 if interrupted else 2, run=run)
        if interrupted:
            model = network().to("stand-in")
            run = train.RunRecord.open(run.folder)
            trainer(model, doctor=False).fit(data(), epochs=2, run=run, resume=True)
        weights.append([parameter.numpy(force=True) for parameter in model.parameters()])
    assert model[0].weight.device == "stand-in"
    assert all(map(np.array_equal, *weights))


def test_nan_and_wrong_labels_are_refused_on_the_device_too() -> None:
    x, y = data()
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        trainer(network().to("stand-in")).fit((x, y))
    x, y = data()
    y[5] = 7
    with pytest.raises(IndexError, match=r"label 7|target 7"):
        trainer(network().to("stand-in")).fit((x, y))
