"""An error in a model says in which layer it arose, and what that layer received."""

import pytest

import koubai
from koubai import nn


def notes(model, *args, **kwargs) -> list[str]:
    with pytest.raises(Exception) as error:
        model(*args, **kwargs)
    return error.value.__notes__


def test_the_innermost_layer_is_named_once_with_its_full_path():
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 5)))
    assert notes(model, koubai.ones(1, 2)) == ["in layer 0.1 (Linear), which received float32[1, 3]"]


def test_the_model_itself_is_named_by_its_class():
    assert notes(nn.Linear(2, 3), koubai.ones(4)) == ["in layer Linear, which received float32[4]"]


def test_keyword_arguments_numbers_and_tuples_are_described():
    class Fails(nn.Module):
        def forward(self, *args, **kwargs):
            raise ValueError("no")

    (note,) = notes(nn.ModuleDict({"f": Fails()})["f"], (koubai.ones(1), 2), mask=None)
    assert note == "in layer Fails, which received (float32[1], 2), mask=None"


def test_an_error_of_the_model_around_its_layers_is_the_models():
    class Wrong(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fine = nn.Identity()

        def forward(self, x):
            return self.fine(x) @ koubai.ones(7, 7)

    (note,) = notes(nn.Sequential(Wrong()), koubai.ones(1, 2))
    assert note.startswith("in layer 0 (Wrong)")


def test_the_exception_keeps_its_type_and_message():
    with pytest.raises(
        RuntimeError, match=r"linear: the last dimension of input \[1, 3\] must be in_features"
    ):
        nn.Sequential(nn.Linear(2, 3))(koubai.ones(1, 3))
