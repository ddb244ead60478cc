"""The trivial answer that a model has to beat, and the target the user sets."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn


@pytest.fixture
def lopsided():
    """30 samples: 20 of class 0, 9 of class 1, 1 of class 2."""
    return koubai.randn(30, 2), koubai.tensor([0] * 20 + [1] * 9 + [2])


def test_the_majority_class_is_the_baseline_of_a_classification(make, lopsided):
    trainer = make.trainer(metrics=["accuracy", "f1"])
    trainer.fit(lopsided, lopsided, epochs=1, batch_size=7)
    baseline = trainer.result["baseline"]
    assert baseline["accuracy"] == pytest.approx(20 / 30)
    assert baseline["f1"] == pytest.approx(2 * 20 / (20 + 30) / 3)
    frequencies = np.array([21, 10, 2]) / 33
    assert baseline["loss"] == pytest.approx(-np.dot([20, 9, 1], np.log(frequencies)) / 30, rel=1e-5)


def test_the_mean_is_the_baseline_of_a_regression(make, line):
    trainer = make.trainer(nn.Linear(1, 1), loss=nn.MSELoss(), metrics=["mae", "r2"])
    trainer.fit(line, line, epochs=1, batch_size=7)
    y = line[1].numpy()
    baseline = trainer.result["baseline"]
    assert baseline["loss"] == pytest.approx(y.var(), rel=1e-5)
    assert baseline["mae"] == pytest.approx(np.abs(y - y.mean()).mean(), rel=1e-5)
    assert baseline["r2"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", ["BCEWithLogitsLoss", "BCELoss"])
def test_the_share_of_yes_is_the_baseline_of_yes_or_no(make, loss):
    y = koubai.tensor([[1.0]] * 3 + [[0.0]])
    model = nn.Sequential(nn.Linear(1, 1), *([nn.Sigmoid()] if loss == "BCELoss" else []))
    trainer = make.trainer(model, loss=getattr(nn, loss)(), metrics=["accuracy"])
    trainer.fit((koubai.randn(4, 1), y), (koubai.randn(4, 1), y), epochs=1)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert trainer.result["baseline"]["accuracy"] == 0.75
    assert trainer.result["baseline"]["loss"] == pytest.approx(entropy, rel=1e-5)


def test_without_validation_it_is_measured_on_the_second_epoch(make, lopsided):
    trainer = make.trainer(metrics=["accuracy"])
    trainer.fit(lopsided, epochs=1)
    assert trainer.result["baseline"] == {}
    trainer.fit(lopsided, epochs=2, batch_size=7)
    assert trainer.result["baseline"]["accuracy"] == pytest.approx(20 / 30)


def test_evaluate_reports_the_baseline_learnt_in_training(make, lopsided):
    trainer = make.trainer(metrics=["accuracy"], target=("accuracy", 1.1))
    test = lopsided[0][:5], koubai.tensor([0, 1, 1, 1, 1])
    assert trainer.evaluate(test).baseline == {}
    trainer.fit(lopsided)
    result = trainer.evaluate(test)
    assert result.baseline["accuracy"] == pytest.approx(1 / 5)
    assert result.target == {
        "metric": "accuracy",
        "goal": 1.1,
        "mode": "max",
        "value": result["accuracy"],
        "met": False,
    }


@pytest.mark.parametrize(("goal", "met"), [(0.0, True), (1.01, False)])
def test_a_target_is_met_or_not_by_the_validation(make, blobs, goal, met):
    trainer = make.trainer(metrics=["accuracy"], target=("accuracy", goal))
    history = trainer.fit(blobs, blobs, epochs=2)
    assert trainer.result["target"]["met"] is met
    assert trainer.result["target"]["value"] == history["val_accuracy"][-1]


def test_a_target_of_an_error_is_to_stay_below(make, line):
    trainer = make.trainer(nn.Linear(1, 1), loss=nn.MSELoss(), metrics=["mae"], target=("mae", 1e9))
    trainer.fit(line)
    assert trainer.result["target"]["met"] is True


def test_a_target_has_to_be_something_that_is_measured(make):
    with pytest.raises(ValueError, match="target"):
        make.trainer(target=("accuracy", 0.9))


def test_targets_without_a_constant_answer_have_no_baseline(make, line):
    def distance(output, target):
        return ((output - target[0]) ** 2).mean() + (target[1] * 0).mean()

    x, y = line
    trainer = make.trainer(nn.Linear(1, 1), loss=distance)
    trainer.fit([(x, (y, y))], [(x, (y, y))], epochs=2)
    assert trainer.result["baseline"] == {}
