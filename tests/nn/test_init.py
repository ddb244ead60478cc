"""Initialisers fill with the distribution they promise; `match_activations` chooses among them."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn import init


def spread(tensor) -> float:
    return float(tensor.numpy(force=True).std())


@pytest.fixture
def weight():
    """A weight with fan_in 300 and fan_out 200."""
    koubai.manual_seed(0)
    return koubai.empty(200, 300)


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (lambda w: init.uniform_(w, -1, 1), 1 / math.sqrt(3)),
        (lambda w: init.normal_(w, 0, 0.01), 0.01),
        (init.xavier_uniform_, math.sqrt(2 / 500)),
        (lambda w: init.xavier_normal_(w, gain=3), 3 * math.sqrt(2 / 500)),
        (lambda w: init.kaiming_uniform_(w, nonlinearity="relu"), math.sqrt(2 / 300)),
        (lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"), math.sqrt(2 / 200)),
        (lambda w: init.kaiming_normal_(w, a=1), math.sqrt(1 / 300)),
        (init.lecun_normal_, math.sqrt(1 / 300)),
        (init.lecun_uniform_, math.sqrt(1 / 300)),
        (lambda w: init.trunc_normal_(w, std=1.0, a=-1, b=1), 0.5396),
    ],
)
def test_variance(fill, std, weight):
    assert fill(weight) is weight
    assert spread(weight) == pytest.approx(std, rel=0.02)
    assert abs(float(weight.mean())) < 0.02 * std * 3


def test_values_come_from_the_generator_given():
    draws = [
        init.normal_(koubai.empty(5), generator=koubai.Generator().manual_seed(3)).tolist() for _ in range(2)
    ]
    assert draws[0] == draws[1]


def test_truncated_values_stay_inside_also_far_from_the_mean():
    koubai.manual_seed(0)
    values = init.trunc_normal_(koubai.empty(1000), mean=0.0, std=1.0, a=2.0, b=3.0).numpy()
    assert values.min() >= 2
    assert values.max() <= 3
    assert values.mean() == pytest.approx(2.3162, abs=0.03)


def test_constants():
    assert init.ones_(koubai.empty(2)).tolist() == [1, 1]
    assert init.zeros_(koubai.ones(2)).tolist() == [0, 0]
    assert init.constant_(koubai.empty(2), 0.5).tolist() == [0.5, 0.5]
    assert init.eye_(koubai.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_dirac_passes_channels_on():
    conv = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
    init.dirac_(conv.weight, groups=2)
    x = koubai.randn(1, 4, 5, 5)
    assert np.array_equal(conv(x).numpy(force=True), x.numpy())


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal_rows_or_columns(shape):
    matrix = init.orthogonal_(koubai.empty(*shape), gain=2).numpy().reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_sparse_columns_have_the_zeros_asked_for():
    matrix = init.sparse_(koubai.empty(10, 4), sparsity=0.25).numpy()
    assert (matrix == 0).sum(axis=0).tolist() == [3, 3, 3, 3]


def test_gains():
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04)
    assert init.calculate_gain("conv2d") == 1
    with pytest.raises(ValueError, match="no gain is known for 'step'"):
        init.calculate_gain("step")
    with pytest.raises(ValueError, match="must be a number, got True"):
        init.calculate_gain("leaky_relu", True)


def test_mistakes():
    with pytest.raises(ValueError, match="need two dimensions or more"):
        init.xavier_uniform_(koubai.empty(3))
    with pytest.raises(ValueError, match="'fan_in' or 'fan_out', got 'fan'"):
        init.kaiming_normal_(koubai.empty(3, 3), mode="fan")
    with pytest.raises(ValueError, match="fills a matrix"):
        init.eye_(koubai.empty(3))
    with pytest.raises(ValueError, match="groups=2 must divide"):
        init.dirac_(koubai.empty(3, 1, 1), groups=2)


def test_parameters_are_filled_without_being_recorded():
    layer = nn.Linear(2, 2)
    init.zeros_(layer.weight)
    assert layer.weight.is_leaf
    assert layer.weight.requires_grad


def test_each_layer_matches_the_activation_that_follows():
    koubai.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 64, 3),
        nn.LeakyReLU(0.5),
        nn.Flatten(),
        nn.Linear(64, 128),
        nn.AlphaDropout(0.1),
        nn.SELU(),
        nn.Linear(128, 128),
        nn.Tanh(),
        nn.Linear(128, 10),
    )
    choices = init.match_activations(model)
    assert [choice[:3] for choice in choices] == [
        ("0", "ReLU", "He normal"),
        ("3", "LeakyReLU", "He normal"),
        ("6", "SELU", "LeCun normal"),
        ("9", "Tanh", "Xavier uniform"),
        ("11", "none", "Xavier uniform"),
    ]
    expected = [
        math.sqrt(2 / 27),
        math.sqrt(1.6 / 144),
        math.sqrt(1 / 64),
        math.sqrt(2 / 256),
        math.sqrt(2 / 138),
    ]
    for choice, std in zip(choices, expected, strict=True):
        assert spread(model.get_parameter(f"{choice.layer}.weight")) == pytest.approx(std, rel=0.1)
        assert not model.get_parameter(f"{choice.layer}.bias").numpy(force=True).any()
    assert str(choices).splitlines()[1].split() == ["0", "ReLU", "He", "normal", f"{choices[0].std:.4g}"]


def test_both_branches_of_a_residual_match_what_follows_it():
    block = nn.Residual(nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 8)), nn.Linear(4, 8))
    choices = init.match_activations(nn.Sequential(block, nn.ReLU()))
    assert [choice[:2] for choice in choices] == [
        ("0.module.0", "Tanh"),
        ("0.module.2", "ReLU"),
        ("0.shortcut", "ReLU"),
    ]


def test_a_transformer_layer_matches_the_activation_inside_it():
    choices = init.match_activations(nn.TransformerEncoderLayer(8, 2, 16, activation="gelu"))
    assert [choice[:3] for choice in choices] == [
        ("self_attn.out_proj", "none", "Xavier uniform"),
        ("linear1", "GELU", "He normal"),
        ("linear2", "none", "Xavier uniform"),
    ]
