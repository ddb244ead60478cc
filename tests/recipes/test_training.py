"""Recipes train on real data, beat the trivial answer, and give the same bits for the same settings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koubai.data import scaler_from_state
from koubai.recipes import RECIPES, LabelledPredictor, Outcome, Training

pytest.importorskip("sklearn")

QUICK = {"epochs": 8, "lr": 0.01}


def training(name: str, **settings: Any) -> Training:
    recipe = RECIPES[name]
    return Training(recipe, recipe.settings(**QUICK | settings))


def weights(trained: Training) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in trained.model.state_dict().items()}


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer"])
def test_small_tables_are_learnt(name: str) -> None:
    trained = training(name)
    trained.fit()
    outcome = trained.judge()
    assert outcome.result > 0.85
    assert outcome.result > outcome.baseline["accuracy"] + 0.2


def test_a_regression_is_judged_in_its_own_unit() -> None:
    trained = training("diabetes", epochs=20)
    trained.fit()
    outcome = trained.judge()
    assert outcome.headline == "r2"
    assert outcome.result > 0.3
    assert abs(outcome.baseline["r2"]) < 0.05
    assert 25 <= outcome.answers["truth"].min() <= outcome.answers["truth"].max() <= 346
    assert np.isclose(
        outcome.metrics["mae"], np.abs(outcome.answers["truth"] - outcome.answers["predicted"]).mean()
    )


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_digits_are_learnt_by_both_networks(model: str) -> None:
    trained = training("digits", model=model, epochs=3, hidden=32)
    trained.fit()
    assert trained.judge().result > 0.85


def test_the_demo_keeps_its_promise() -> None:
    recipe = RECIPES["digits"]
    trained = Training(recipe, recipe.settings())
    trained.fit()
    assert trained.judge().result >= 0.97


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    runs = [training("iris", seed=seed) for seed in (1, 1, 2)]
    for run in runs:
        run.fit()
    first, again, other = map(weights, runs)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not all(np.array_equal(first[name], other[name]) for name in first)


def test_scaling_is_fitted_on_the_training_part_alone() -> None:
    data = training("wine").task
    inputs = data.train.tensors[0].numpy()
    assert np.allclose(inputs.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(inputs.std(axis=0), 1, atol=1e-5)
    assert data.validation is not None
    assert not np.allclose(data.validation.tensors[0].numpy().mean(axis=0), 0, atol=1e-2)


def test_optimizers_start_at_their_usual_learning_rate() -> None:
    for optimizer, rate in (("sgd", 0.01), ("momentum", 0.01), ("adam", 0.001)):
        recipe = RECIPES["iris"]
        made = Training(recipe, recipe.settings(optimizer=optimizer)).trainer.optimizer
        assert made.param_groups[0]["lr"] == rate


def test_settings_left_open_become_what_is_trained_with() -> None:
    recipe = RECIPES["iris"]
    for optimizer, rate, decay in (("momentum", 0.01, 0), ("adamw", 0.001, 0.01)):
        trained = Training(recipe, recipe.settings(optimizer=optimizer))
        assert (trained.settings.lr, trained.settings.weight_decay) == (rate, decay)
        assert trained.trainer.optimizer.param_groups[0]["weight_decay"] == decay
    asked = Training(recipe, recipe.settings(lr=0.5, weight_decay=0.25)).settings
    assert (asked.lr, asked.weight_decay) == (0.5, 0.25)


@pytest.mark.usefixtures("undoctored")
@pytest.mark.parametrize(
    "schedule", ["constant", "step", "exponential", "cosine", "warmup-cosine", "one-cycle", "plateau"]
)
def test_every_schedule_trains(schedule: str) -> None:
    trained = training("iris", schedule=schedule, epochs=4)
    rates = trained.fit()["lr"]
    assert len(rates) == 4
    assert (len(set(rates)) > 1) == (schedule not in ("constant", "plateau"))


@pytest.mark.usefixtures("undoctored")
def test_every_optimizer_trains() -> None:
    from koubai.recipes.choices import OPTIMIZERS

    for optimizer in OPTIMIZERS:
        losses = training("iris", optimizer=optimizer, lr=None, epochs=3).fit()["loss"]
        assert np.isfinite(losses).all(), optimizer


def test_patience_stops_early_and_the_best_weights_are_kept() -> None:
    trained = training("iris", patience=2, epochs=100, lr=0.3)
    history = trained.fit()
    assert len(history["loss"]) < 100
    assert trained.trainer.kept_epoch == int(np.argmin(history["val_loss"])) + 1


@pytest.mark.parametrize(("target", "met"), [(0.0, True), (1.01, False), (None, None)])
def test_a_target_is_met_or_not(target: float | None, met: bool | None) -> None:
    trained = training("iris", epochs=1, target=target)
    trained.fit()
    assert trained.judge().target_met is met


def test_the_worst_samples_are_the_most_wrong_ones() -> None:
    trained = training("breast-cancer", epochs=1, lr=0.0001)
    trained.fit()
    outcome = trained.judge()
    truth, predicted, certainty, worst = (
        outcome.answers[name] for name in ("truth", "predicted", "certainty", "worst")
    )
    assert all(truth[worst] != predicted[worst])
    assert all(
        certainty[worst[:-1]] >= certainty[worst[1:]]
    )  # two classes: sure of the one is far from the other
    confusion, mistakes = outcome.exhibits
    assert confusion.counts.sum() == len(truth)
    assert len(mistakes.rows) == len(worst)


def test_outcome_and_predictor_survive_the_disk(tmp_path: Path) -> None:
    trained = training("iris", epochs=2)
    trained.fit()
    outcome = trained.judge()
    outcome.save(tmp_path)
    trained.describe(tmp_path)
    again, predictor = Outcome.load(tmp_path), LabelledPredictor.load(tmp_path)
    assert again.metrics == outcome.metrics
    assert np.array_equal(again.answers["predicted"], outcome.answers["predicted"])
    assert again.exhibits[0].names == ("setosa", "versicolor", "virginica")
    assert np.array_equal(again.exhibits[0].counts, outcome.exhibits[0].counts)
    assert predictor == trained.task.predictor


def test_predictor_answers_as_the_judge_did() -> None:
    trained = training("wine")
    trained.fit()
    outcome = trained.judge()
    predictor = trained.task.predictor
    raw = scaler_from_state(predictor.scaler).inverse_transform(trained.task.test.tensors[0].numpy())
    answers = predictor.outputs_of(trained.model, raw)
    assert np.array_equal(answers.argmax(axis=1), outcome.answers["predicted"])
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-5)


def test_a_damaged_description_of_a_run_is_named(tmp_path: Path) -> None:
    training("iris").describe(tmp_path)
    file = tmp_path / "predictor.json"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"predictor\.json is damaged"):
        LabelledPredictor.load(tmp_path)


def test_a_trial_takes_one_epoch_on_a_few_samples() -> None:
    trial = training("digits", smoke=True, epochs=20)
    history = trial.fit()
    assert len(history["loss"]) == 1
    assert len(trial.task.train) == len(trial.task.test) == 256
    assert trial.judge().samples == 256
