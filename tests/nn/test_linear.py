"""Linear, Bilinear, Identity and Residual compute their formulas, and start as documented."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn


def test_linear_is_a_product_and_a_shift():
    layer = nn.Linear(3, 2)
    x = koubai.randn(4, 5, 3)
    expected = x.numpy() @ layer.weight.numpy(force=True).T + layer.bias.numpy(force=True)
    np.testing.assert_allclose(layer(x).numpy(force=True), expected, rtol=1e-5)
    assert layer(koubai.ones(3)).shape == (2,)
    assert nn.Linear(3, 2, bias=False).bias is None


def test_linear_starts_uniform_within_one_over_root_fan_in():
    koubai.manual_seed(0)
    layer = nn.Linear(100, 400)
    for values in (layer.weight.numpy(force=True), layer.bias.numpy(force=True)):
        assert np.abs(values).max() <= 0.1
        assert values.std() == pytest.approx(0.1 / math.sqrt(3), rel=0.1)


def test_the_same_seed_gives_the_same_layer():
    koubai.manual_seed(5)
    one = nn.Linear(3, 3).weight.tolist()
    koubai.manual_seed(5)
    assert nn.Linear(3, 3).weight.tolist() == one


def test_bilinear_is_a_product_of_both_inputs():
    layer = nn.Bilinear(2, 3, 4)
    x, y = koubai.randn(5, 2), koubai.randn(5, 3)
    expected = np.einsum("ni,oij,nj->no", x.numpy(), layer.weight.numpy(force=True), y.numpy())
    np.testing.assert_allclose(
        layer(x, y).numpy(force=True), expected + layer.bias.numpy(force=True), rtol=1e-4, atol=1e-6
    )
    with pytest.raises(RuntimeError, match="bilinear"):
        layer(y, x)
    with pytest.raises(ValueError, match="in1_features must be positive"):
        nn.Bilinear(0, 1, 1)


def test_identity_takes_anything():
    assert nn.Identity(54, unused=True)("x") == "x"


def test_residual_adds_its_input():
    double = nn.Linear(2, 2, bias=False)
    nn.init.eye_(double.weight)
    assert nn.Residual(double)(koubai.ones(2)).tolist() == [2, 2]
    assert nn.Residual(nn.Linear(2, 3), nn.Linear(2, 3))(koubai.ones(2)).shape == (3,)
    with pytest.raises(
        RuntimeError, match=r"made \(3,\) and the connection around it \(2,\); give a shortcut"
    ):
        nn.Residual(nn.Linear(2, 3))(koubai.ones(2))


def test_dtype_of_parameters():
    assert nn.Linear(1, 1, dtype=koubai.float64).weight.dtype == koubai.float64
