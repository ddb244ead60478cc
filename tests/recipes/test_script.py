"""A user's script becomes a recipe; what it lacks is told."""

from pathlib import Path

import numpy as np
import pytest

from koubai.recipes import Training, load_script

pytest.importorskip("sklearn")

SCRIPT = """
from koubai import data as datasets, nn

data = datasets.iris().with_validation(0.1).scaled()
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
defaults = {"epochs": 5, "optimizer": "sgd", "lr": 0.1}
"""


def script(folder: Path, text: str) -> Path:
    path = folder / "flowers.py"
    path.write_text(text)
    return path


def prepared(path: Path) -> Training:
    recipe = load_script(path)
    return Training(recipe, recipe.settings())


def test_a_script_trains_with_its_own_defaults(tmp_path: Path) -> None:
    recipe = load_script(script(tmp_path, SCRIPT))
    settings = recipe.settings(epochs=20)
    assert (settings.epochs, settings.optimizer, settings.lr) == (20, "sgd", 0.1)
    trained = Training(recipe, settings)
    trained.fit()
    assert trained.judge().result > 0.85
    assert recipe.name == "flowers"


def test_its_model_starts_from_the_seed(tmp_path: Path) -> None:
    path = script(tmp_path, SCRIPT)

    def first_weight(seed: int) -> np.ndarray:
        recipe = load_script(path, seed)
        return Training(recipe, recipe.settings(seed=seed)).model.state_dict()["0.weight"].numpy()

    assert np.array_equal(first_weight(3), first_weight(3))
    assert not np.array_equal(first_weight(3), first_weight(4))


def test_data_model_and_loss_may_be_functions(tmp_path: Path) -> None:
    text = """
from koubai import data as datasets, nn

def data(settings):
    return datasets.iris()

def model(settings):
    return nn.Linear(4, 3)

loss = nn.CrossEntropyLoss(label_smoothing=0.1)
"""
    recipe = load_script(script(tmp_path, text))
    trained = Training(recipe, recipe.settings(epochs=1))
    assert trained.trainer.loss.label_smoothing == 0.1
    assert len(trained.fit()["loss"]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\nx = undefined", "flowers.py, line 2: NameError: name 'undefined' is not defined"),
        ("x = 1\ny = = 2", "flowers.py, line 2: SyntaxError"),
        ("from koubai import nn\nnn.Linear(0.5, 'x')", "flowers.py, line 2: "),
        ("model = 1", "does not define data"),
        ("", "does not define data, model"),
        ("data = model = 1", "data has to be a LabelledData, but it is a int"),
        (SCRIPT + "defaults = {'epoch': 3}", "defaults holds epoch, which is no setting"),
        (SCRIPT + "model = nn.Linear", "model has to be a Module, but it is a type"),
    ],
)
def test_what_a_script_lacks_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        prepared(script(tmp_path, text))
    assert words in str(caught.value)


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load_script(tmp_path / "missing.py")
