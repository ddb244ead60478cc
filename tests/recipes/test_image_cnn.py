"""image-cnn: learns, sees every picture changed a little, repeats itself bit for bit, answers for a user's picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koubai.recipes import RECIPES, Outcome, Training, image_cnn
from koubai.recipes.exhibit import Confusion

from .pictures import barred

QUICK = {
    "epochs": 3,
    "batch_size": 32,
    "width": 4,
    "hidden": 16,
    "lr": 0.02,
    "dropout": 0.0,
    "shift": 1,
    "rotation": 3,
}


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mnist", "fashion-mnist"):
        monkeypatch.setitem(image_cnn._LOADERS, name, lambda name=name: barred(name))


def training(**settings: Any) -> Training:
    recipe = RECIPES["image-cnn"]
    return Training(recipe, recipe.settings(**QUICK | settings))


def test_it_learns_and_its_outcome_survives_the_disk(tmp_path: Path) -> None:
    trained = training()
    trained.fit()
    outcome = trained.judge()
    assert outcome.result > outcome.baseline["accuracy"] + 0.5
    assert isinstance(outcome.exhibits[0], Confusion)
    outcome.save(tmp_path)
    again = Outcome.load(tmp_path)
    assert again.metrics == outcome.metrics
    assert np.array_equal(again.exhibits[0].counts, outcome.exhibits[0].counts)


@pytest.mark.usefixtures("undoctored")
def test_the_same_seed_gives_the_same_bits() -> None:
    losses = [training(epochs=1, seed=seed).fit()["loss"] for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_training_pictures_are_changed_and_others_are_not() -> None:
    made = training(shift=2, rotation=10)
    (plain,) = training(shift=0, rotation=0).task.train.gather([0])[:1]
    first = [next(iter(made.loader))[0].numpy() for _ in range(2)]
    assert not np.array_equal(*first)
    assert training(shift=0, rotation=0).task.augment is None
    assert first[0].min() >= plain.numpy().min() - 1  # what comes in is background


def test_clothes_are_another_set_of_the_same_recipe() -> None:
    assert training(data="fashion-mnist").task.judge.args[1].name == "fashion-mnist"
    with pytest.raises(ValueError, match="mnist"):
        RECIPES["image-cnn"].settings(data="kmnist")


@pytest.mark.usefixtures("undoctored")
def test_a_picture_of_the_users(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    trained = training()
    trained.fit()
    pixels = np.zeros((56, 56), np.uint8)
    pixels[18:24, 12:44] = 255  # the bar of class 3
    image.fromarray(pixels).save(tmp_path / "bar.png")
    predictor = trained.task.predictor
    (table,) = predictor.answer(trained.model, str(tmp_path / "bar.png"), predictor.options())
    assert table.rows[0][1].startswith("3 ")
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(ValueError, match="not a picture"):
        predictor.answer(trained.model, str(tmp_path / "no.png"), predictor.options())
