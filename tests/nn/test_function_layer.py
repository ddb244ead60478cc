"""A layer that is a function: its settings are arguments, attributes, what is printed, and buffers if tensors."""

import copy
import inspect

import pytest

import koubai
from koubai import nn
from koubai.nn.function_layer import FunctionLayer


class Affine(FunctionLayer):
    """scale · x + shift."""

    @staticmethod
    def function(x, scale, shift):
        return x * scale + shift

    scale: koubai.Tensor | float
    shift: float = 0.0


def test_settings_are_arguments_in_order_or_by_name():
    x = koubai.ones(2)
    assert Affine(2.0, 1.0)(x).tolist() == [3, 3]
    assert Affine(shift=1.0, scale=3.0)(x).tolist() == [4, 4]
    assert Affine(2.0).shift == 0
    assert str(inspect.signature(Affine)) == "(scale, shift=0.0)"


def test_changed_settings_hold():
    layer = Affine(2.0)
    layer.shift = 5.0
    assert layer(koubai.ones(1)).tolist() == [7]
    assert repr(layer) == "Affine(scale=2.0, shift=5.0)"


def test_tensors_become_buffers():
    layer = Affine(koubai.tensor([1.0, 2.0]))
    assert layer.state_dict()["scale"].tolist() == [1, 2]
    assert layer.double().scale.dtype == koubai.float64
    assert copy.deepcopy(layer)(koubai.ones(2)).tolist() == [1, 2]
    assert repr(layer) == "Affine()"


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: Affine(), r"Affine\(scale, shift=0\.0\): missing a required argument: 'scale'"),
        (lambda: Affine(1.0, 2.0, 3.0), "too many positional arguments"),
        (lambda: Affine(1.0, scale=2.0), "multiple values for argument 'scale'"),
        (lambda: Affine(1.0, factor=2.0), "unexpected keyword argument 'factor'"),
    ],
)
def test_wrong_arguments_are_named(call, match):
    with pytest.raises(TypeError, match=match):
        call()


def test_subclasses_inherit_the_settings():
    class Doubled(Affine):
        """An affine layer, doubled."""

        calls: int = 0

        def forward(self, *inputs):
            return 2 * super().forward(*inputs)

    class Smoothed(nn.CrossEntropyLoss):
        def __init__(self, much):
            super().__init__(label_smoothing=0.1 if much else 0.01)

    assert Doubled(3.0)(koubai.ones(1)).tolist() == [6]
    assert Doubled.calls == 0
    assert Smoothed(True).label_smoothing == 0.1
    assert str(inspect.signature(Smoothed)) == "(much)"
