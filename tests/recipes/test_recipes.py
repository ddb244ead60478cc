"""The table of recipes is whole, and each recipe's settings can become options."""

import pytest

from koubai.recipes import RECIPES, Settings
from koubai.recipes.choices import OPTIMIZERS, make_schedule, resolved
from koubai.recipes.settings import OptimizerName, ScheduleName


def test_the_recipes_that_are_promised() -> None:
    promised = {"digits", "mnist", "fashion-mnist", "iris", "wine", "breast-cancer", "diabetes", "csv"}
    assert promised <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_settings_keep_their_rules_and_descriptions(name: str) -> None:
    settings = RECIPES[name].settings
    assert issubclass(settings, Settings)
    for key, field in settings.model_fields.items():
        assert field.description, key
    given = {"file": "x.csv", "target_column": "y"} if name == "csv" else {}
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        settings(epochs=0, **given)
    assert all(getattr(settings(**given), key) == value for key, value in RECIPES[name].defaults.items())


def test_every_name_that_can_be_chosen_is_made() -> None:
    assert set(OPTIMIZERS) == set(OptimizerName.__args__)
    assert make_schedule(Settings(), None, 10) is None  # constant
    assert set(ScheduleName.__args__) == {
        "constant",
        "step",
        "exponential",
        "cosine",
        "warmup-cosine",
        "one-cycle",
        "plateau",
    }


def test_the_learning_rate_asked_for_wins() -> None:
    assert resolved(Settings(optimizer="sgd")).lr == 0.01
    assert resolved(Settings(optimizer="adam")).lr == 0.001
    assert resolved(Settings(optimizer="sgd", lr=0.5)).lr == 0.5
