"""Convolution layers: shapes, padding, first values and mistakes (products are tested with the functions)."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_shapes(rank, groups):
    conv = getattr(nn, f"Conv{rank}d")(4, 6, 3, stride=2, padding=1, groups=groups)
    back = getattr(nn, f"ConvTranspose{rank}d")(6, 4, 3, stride=2, padding=1, groups=groups)
    x = koubai.zeros(2, 4, *[7] * rank)
    assert conv.weight.shape == (6, 4 // groups, *[3] * rank)
    assert back.weight.shape == (6, 4 // groups, *[3] * rank)
    assert conv(x).shape == (2, 6, *[4] * rank)
    assert back(conv(x)).shape == x.shape
    assert conv(x[0]).shape == (6, *[4] * rank)


def test_a_transposed_convolution_reaches_the_size_asked_for():
    back = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    x = koubai.zeros(1, 1, 4, 4)
    assert back(x, output_size=(8, 7)).shape == (1, 1, 8, 7)
    assert back(x, output_size=(1, 1, 7, 8)).shape == (1, 1, 7, 8)
    with pytest.raises(ValueError, match=r"must be between \(7, 7\) and \(8, 8\)"):
        back(x, output_size=(9, 7))


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (2, 3), (4, 1)])
def test_padding_same_keeps_the_size(mode, kernel, dilation):
    conv = nn.Conv1d(1, 1, kernel, padding="same", dilation=dilation, padding_mode=mode)
    assert conv(koubai.zeros(1, 1, 9)).shape == (1, 1, 9)


def test_padding_modes_see_what_they_say():
    conv = nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular", bias=False)
    nn.init.ones_(conv.weight)
    assert conv(koubai.tensor([[1.0, 2.0, 4.0, 8.0]])).tolist() == [[11, 7, 14, 13]]


def test_weights_start_uniform_within_one_over_root_fan_in():
    koubai.manual_seed(0)
    conv = nn.Conv2d(8, 64, 5)
    bound = 1 / math.sqrt(8 * 25)
    for values in (conv.weight.numpy(force=True), conv.bias.numpy(force=True)):
        assert np.abs(values).max() <= bound
        assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 0}, "groups must be a positive integer"),
        ({"groups": 3}, "in_channels=4 must be divisible by groups=3"),
        ({"padding": "most"}, "'same', 'valid' or numbers, got 'most'"),
        ({"padding": "same", "stride": 2}, "needs stride 1"),
        ({"padding_mode": "mirror"}, "padding_mode must be one of"),
        ({"stride": (1, 2, 3)}, r"stride must be one number or 2 of them, got \(1, 2, 3\)"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(ValueError, match=message):
        nn.Conv2d(4, 6, 3, **arguments)


def test_the_printed_form_shows_what_differs_from_the_defaults():
    assert repr(nn.Conv2d(1, 2, 3)) == "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))"
    assert repr(nn.ConvTranspose1d(2, 4, 3, 2, 1, 1, groups=2, bias=False)) == (
        "ConvTranspose1d(2, 4, kernel_size=(3,), stride=(2,), padding=(1,), output_padding=(1,), "
        "groups=2, bias=False)"
    )
