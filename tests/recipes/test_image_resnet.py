"""image-resnet: trains on pictures in CIFAR-10's format and answers for a user's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koubai.data.cifar import read_cifar10
from koubai.recipes import RECIPES, Outcome, Training, image_resnet

from .pictures import cifar_archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cifar_archive(tmp_path_factory.mktemp("cifar") / "cifar.tar.gz")


@pytest.fixture(autouse=True)
def _no_download(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_resnet, "cifar10", lambda: read_cifar10(archive))


def training(**settings: Any) -> Training:
    recipe = RECIPES["image-resnet"]
    quick = {"epochs": 6, "batch_size": 20, "lr": 0.05, "crop": 1, "flip": False}
    return Training(recipe, recipe.settings(**quick | settings))


def test_it_learns_and_answers(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    trained = training()
    trained.fit()
    outcome = trained.judge()
    assert outcome.result > outcome.baseline["accuracy"] + 0.3
    outcome.save(tmp_path)
    assert Outcome.load(tmp_path).metrics == outcome.metrics
    image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "black.png")
    predictor = trained.task.predictor
    (table,) = predictor.answer(trained.model, str(tmp_path / "black.png"), predictor.options())
    assert table.rows[0][1].split()[0] in predictor.class_names


def test_its_plan_is_the_papers() -> None:
    settings = RECIPES["image-resnet"].settings()
    assert (settings.optimizer, settings.lr, settings.schedule, settings.weight_decay) == (
        "nesterov",
        0.1,
        "one-cycle",
        5e-4,
    )
    made = training(crop=4, flip=True)
    assert sum(parameter.numel() for parameter in made.model.parameters()) == 269_722
    assert [type(change).__name__ for change in made.task.augment.transforms] == [
        "RandomCrop",
        "RandomHorizontalFlip",
    ]
    assert training(crop=0, flip=False).task.augment is None


def test_the_same_seed_gives_the_same_weights_and_batches() -> None:
    def start(seed: int) -> list[np.ndarray]:
        made = training(seed=seed, flip=True)
        return [made.model.conv1.weight.detach().numpy(), *(part.numpy() for part in next(iter(made.loader)))]

    first, again, other = start(1), start(1), start(2)
    assert all(map(np.array_equal, first, again))
    assert not any(map(np.array_equal, first, other))
