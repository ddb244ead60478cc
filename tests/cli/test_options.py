"""Options are made from settings, and what was typed is checked by the settings alone."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from koubai import i18n
from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.options import option_name, parameters, settings_from
from koubai.recipes.settings import Settings


class Own(Settings):
    file: Path = Field(description="a file", json_schema_extra={"argument": True})
    fast: bool = Field(False, description="hurry")


def mistake(**given: Any) -> str:
    with pytest.raises(Mistake) as caught:
        settings_from(Settings, given)
    assert caught.value.code == MISUSED
    return str(caught.value)


def test_every_field_is_a_parameter_and_arguments_come_first() -> None:
    made = list(parameters(Own))
    assert {parameter.name for parameter in made} == set(Own.model_fields)
    assert made[0].name == "file"
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in made)


def test_text_becomes_values_and_what_was_not_given_the_default() -> None:
    settings = settings_from(Own, {"file": "x.csv", "epochs": "3", "lr": "1e-2", "fast": True, "seed": None})
    assert settings == Own(file=Path("x.csv"), epochs=3, lr=0.01, fast=True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epochs": "many"}, "--epochs must be a whole number; it was given 'many'."),
        ({"epochs": "1.5"}, "--epochs must be a whole number"),
        ({"epochs": "0"}, "--epochs must be at least 1"),
        ({"lr": "-1"}, "--lr must be greater than 0"),
        ({"lr": "nan"}, "--lr must be"),
        ({"optimizer": "adamm"}, "--optimizer must be one of sgd, momentum"),
        ({"batch_size": "x"}, "--batch-size must be a whole number"),
    ],
)
def test_a_wrong_value_is_told_with_the_option_and_the_rule(given: dict[str, str], words: str) -> None:
    assert words in mistake(**given)


def test_all_wrong_values_are_told_at_once() -> None:
    text = mistake(epochs="0", lr="0")
    assert "--epochs" in text
    assert "--lr" in text


def test_a_missing_argument_is_told() -> None:
    with pytest.raises(Mistake, match="FILE is missing"):
        settings_from(Own, {})


def test_mistakes_are_told_in_japanese() -> None:
    with i18n.speaking("ja"):
        assert "--lr には 0" in mistake(lr="-1")


def test_option_names() -> None:
    assert option_name("batch_size") == "--batch-size"
