"""Activations are their formulas, with the documented slopes, also at the joints and for extreme numbers."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn import functional as F

from .agreement import check, check_layer, check_replay, close, double

erf = np.vectorize(math.erf)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


ACTIVATIONS = {
    nn.ReLU: ({}, lambda x: np.maximum(x, 0)),
    nn.ReLU6: ({}, lambda x: np.clip(x, 0, 6)),
    nn.LeakyReLU: ({"negative_slope": 0.2}, lambda x: np.where(x > 0, x, 0.2 * x)),
    nn.ELU: ({"alpha": 1.5}, lambda x: np.where(x > 0, x, 1.5 * (np.exp(x) - 1))),
    nn.CELU: ({"alpha": 0.7}, lambda x: np.where(x > 0, x, 0.7 * (np.exp(x / 0.7) - 1))),
    nn.SELU: ({}, lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1))),
    nn.GELU: ({}, lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2)))),
    nn.SiLU: ({}, lambda x: x * sigmoid(x)),
    nn.Mish: ({}, lambda x: x * np.tanh(softplus(x))),
    nn.Softplus: ({"beta": 2.0, "threshold": 6.0}, lambda x: np.where(2 * x > 6, x, softplus(2 * x) / 2)),
    nn.Sigmoid: ({}, sigmoid),
    nn.LogSigmoid: ({}, lambda x: -softplus(-x)),
    nn.Tanh: ({}, np.tanh),
    nn.Tanhshrink: ({}, lambda x: x - np.tanh(x)),
    nn.Softsign: ({}, lambda x: x / (1 + np.abs(x))),
    nn.Hardsigmoid: ({}, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    nn.Hardswish: ({}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    nn.Hardtanh: ({"min_val": -2.0, "max_val": 0.5}, lambda x: np.clip(x, -2, 0.5)),
    nn.Hardshrink: ({"lambd": 0.8}, lambda x: np.where(np.abs(x) <= 0.8, 0, x)),
    nn.Softshrink: ({"lambd": 0.8}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.8, 0)),
    nn.Threshold: ({"threshold": 0.3, "value": -2.0}, lambda x: np.where(x > 0.3, x, -2.0)),
    nn.Softmax: ({"dim": 0}, lambda x: np.exp(x) / np.exp(x).sum(0)),
    nn.LogSoftmax: ({"dim": -1}, lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True))),
    nn.Softmin: ({"dim": 0}, lambda x: np.exp(-x) / np.exp(-x).sum(0)),
    nn.GLU: ({"dim": 0}, lambda x: x[:2] * sigmoid(x[2:])),
}
# (4, 7), on both sides of every joint, on none
POINTS = np.random.default_rng(0).permutation(np.linspace(-7.05, 7.1, 28)).reshape(4, 7)


@pytest.fixture(params=ACTIVATIONS, ids=lambda kind: kind.__name__)
def case(request):
    settings, formula = ACTIVATIONS[request.param]
    return request.param(**settings), formula


def test_values_are_the_formula(case):
    layer, formula = case
    close(layer(koubai.from_numpy(POINTS)), formula(POINTS))
    single = POINTS.astype(np.float32)
    result = layer(koubai.from_numpy(single))
    assert result.dtype == koubai.float32
    close(result, formula(POINTS), 1e-5)


def test_gradients_to_second_order_and_replay(case):
    layer, _ = case
    check(layer, koubai.from_numpy(POINTS))


def test_the_printed_form_shows_the_settings(case):
    layer, _ = case
    settings, _ = ACTIVATIONS[type(layer)]
    shown = ", ".join(f"{name}={value}" for name, value in settings.items())
    assert repr(layer) == f"{type(layer).__name__}({shown})"


def test_empty_tensors_pass(case):
    layer, _ = case
    assert layer(koubai.zeros(2, 0)).numel() == 0


def slopes(function, *points, **settings):
    x = koubai.tensor(points, dtype=koubai.float64, requires_grad=True)
    function(x, **settings).sum().backward()
    return x.grad.tolist()


@pytest.mark.parametrize(
    ("function", "settings", "points", "expected"),
    [
        (F.relu, {}, (0.0, -0.0), [0, 0]),
        (F.relu6, {}, (0.0, 6.0), [0, 0]),
        (F.leaky_relu, {"negative_slope": 0.1}, (0.0,), [0.1]),
        (F.elu, {"alpha": 2.0}, (0.0,), [2]),
        (F.celu, {"alpha": 2.0}, (0.0,), [1]),
        (F.hardtanh, {}, (-1.0, 1.0), [0, 0]),
        (F.hardsigmoid, {}, (-3.0, 3.0), [0, 0]),
        (F.hardswish, {}, (-3.0, 3.0), [0, 1]),
        (F.hardshrink, {}, (-0.5, 0.5), [0, 0]),
        (F.softshrink, {}, (-0.5, 0.5), [0, 0]),
        (F.threshold, {"threshold": 1.0, "value": 0.0}, (1.0,), [0]),
        (F.logsigmoid, {}, (0.0,), [0.5]),
        (F.softsign, {}, (0.0,), [1]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_slopes_at_the_joints(function, settings, points, expected):
    assert slopes(function, *points, **settings) == expected


LIMITS = {
    F.relu: (0, math.inf),
    F.relu6: (0, 6),
    F.leaky_relu: (-math.inf, math.inf),
    F.elu: (-1, math.inf),
    F.celu: (-1, math.inf),
    F.selu: (-1.7580993408473766, math.inf),
    F.softplus: (0, math.inf),
    F.logsigmoid: (-math.inf, 0),
    F.sigmoid: (0, 1),
    F.tanh: (-1, 1),
    F.hardsigmoid: (0, 1),
    F.hardswish: (0, math.inf),
    F.hardtanh: (-1, 1),
    F.hardshrink: (-math.inf, math.inf),
    F.softshrink: (-math.inf, math.inf),
    F.tanhshrink: (-math.inf, math.inf),
}


@pytest.mark.parametrize("function", LIMITS, ids=lambda function: function.__name__)
def test_infinity_and_nan(function):
    low, high = LIMITS[function]
    for dtype in (koubai.float32, koubai.float64):
        result = function(koubai.tensor([-math.inf, math.inf, math.nan], dtype=dtype))
        np.testing.assert_allclose(result.numpy(), [low, high, math.nan], rtol=1e-6)


@pytest.mark.parametrize(
    "function", [*LIMITS, F.gelu, F.silu, F.mish], ids=lambda function: function.__name__
)
def test_huge_numbers_have_finite_slopes(function):
    assert np.isfinite(slopes(function, -1e4, -800.0, 800.0, 1e4)).all()
    if function in LIMITS:
        assert np.isfinite(slopes(function, -math.inf, math.inf)).all()


def test_softmax_of_huge_scores():
    x = koubai.tensor([[1e4, 0.0, -1e4], [-math.inf, 0.0, 0.0]], dtype=koubai.float64)
    assert koubai.softmax(x, 1).tolist() == [[1, 0, 0], [0, 0.5, 0.5]]
    assert F.log_softmax(x, 1).tolist() == [
        [0, -1e4, -2e4],
        [-math.inf, -math.log(2), -math.log(2)],
    ]
    assert x.log_softmax(0).isnan().sum().item() == 0


def test_softmax_converts_and_checks():
    assert koubai.softmax(koubai.tensor([0, 0]), 0, dtype=koubai.float64).dtype == koubai.float64
    assert koubai.tensor(3.0).softmax(0).item() == 1
    with pytest.raises(RuntimeError, match=r"softmax\(\) of int64"):
        koubai.softmax(koubai.tensor([1, 2]), 0)
    with pytest.raises(IndexError, match="dimension 2"):
        koubai.softmax(koubai.ones(2, 2), 2)


def test_softmax_without_dim_warns_and_takes_pytorchs_choice():
    x = double(2, 3, 4)
    with pytest.warns(UserWarning, match="softmax without dim takes dim=0"):
        assert F.softmax(x).equal(F.softmax(x, 0))
    with pytest.warns(UserWarning, match="dim=1"):
        assert nn.LogSoftmax()(x[0]).equal(F.log_softmax(x[0], 1))


def test_softmax2d_is_over_the_channels():
    x = double(2, 3, 4, 5)
    assert nn.Softmax2d()(x).equal(F.softmax(x, 1))
    with pytest.raises(ValueError, match="Softmax2d: expected"):
        nn.Softmax2d()(x[0, 0])


def test_gumbel_softmax_draws_from_the_distribution():
    koubai.manual_seed(0)
    logits = koubai.tensor([[0.1, 0.2, 0.7]]).log().expand(20000, 3)
    hard = F.gumbel_softmax(logits, hard=True).numpy()
    assert set(np.unique(hard)) == {0, 1}
    assert (hard.sum(1) == 1).all()
    np.testing.assert_allclose(hard.mean(0), [0.1, 0.2, 0.7], atol=0.01)


def test_hard_gumbel_samples_have_the_soft_gradient():
    found = []
    for hard in (False, True):
        koubai.manual_seed(3)
        logits = double(2, 4).requires_grad_()
        (F.gumbel_softmax(logits, tau=0.5, hard=hard) * double(2, 4, seed=1)).sum().backward()
        found.append(logits.grad.numpy())
    assert np.array_equal(*found)


def test_prelu_learns_one_weight_for_each_channel():
    layer = nn.PReLU(3, init=0.125).double()
    x = double(2, 3, 4)
    close(layer(x), np.where(x.numpy() > 0, x.numpy(), 0.125 * x.numpy()))
    check_layer(layer, x)
    check(koubai.prelu, double(5), double(1))
    assert double(2, 3).prelu(double(1)).shape == (2, 3)
    with pytest.raises(RuntimeError, match=r"prelu: 3 weights for an input .* 4 channels"):
        layer(double(2, 4))


def test_rrelu_draws_slopes_while_training():
    layer, x = nn.RReLU(0.2, 0.4), -koubai.ones(1000)
    koubai.manual_seed(0)
    drawn = -layer(x).numpy()
    assert 0.2 <= drawn.min() < 0.21
    assert 0.39 < drawn.max() <= 0.4
    np.testing.assert_allclose(layer.eval()(x).numpy(), -0.3, rtol=1e-6)
    with pytest.raises(RuntimeError, match=r"rrelu: lower 0\.5 is above"):
        F.rrelu(x, 0.5, 0.4)


@pytest.mark.parametrize(
    "name", ["relu", "elu", "celu", "selu", "leaky_relu", "rrelu", "hardtanh", "hardswish", "mish"]
)
def test_in_place_stores_the_result_in_the_input(name):
    function = getattr(F, name)
    leaf = double(3, 4).requires_grad_()
    x = leaf * 1
    result = function(x, inplace=True)
    assert result is x
    close(x, function(double(3, 4)).numpy())
    (x * x).sum().backward()
    other = double(3, 4).requires_grad_()
    function(other).square().sum().backward()
    close(leaf.grad, other.grad.numpy())


def test_in_place_functions_and_layers():
    for stored in (F.relu_, F.elu_, F.celu_, F.selu_, F.leaky_relu_, F.rrelu_, F.hardtanh_, koubai.relu_):
        x = double(5)
        assert stored(x) is x
    x = double(5)
    assert koubai.threshold_(x, 0.0, 7.0) is x
    assert x.max().item() == 7
    assert nn.ReLU(inplace=True)(x) is x
    assert F.elu(x, 2.0, True) is x


def test_integers_stay_integers_where_they_can():
    x = koubai.tensor([-3, 2, 9])
    assert F.relu(x).tolist() == [0, 2, 9]
    assert F.relu6(x).dtype == koubai.int64
    assert F.relu6(x).tolist() == [0, 2, 6]


def test_glu_halves_a_dimension():
    assert F.glu(koubai.ones(2, 6)).shape == (2, 3)
    with pytest.raises(RuntimeError, match=r"glu: the input \[2, 5\] must have an even length"):
        F.glu(koubai.ones(2, 5))


def test_dropped_arguments_are_named():
    with pytest.raises(TypeError, match=r"Threshold\(threshold, value, inplace=False\): missing .*'value'"):
        nn.Threshold(1.0)
    with pytest.raises(TypeError, match=r"ELU.*unexpected keyword argument 'beta'"):
        nn.ELU(beta=1.0)
    with pytest.raises(TypeError, match="too many positional"):
        nn.Sigmoid(1.0)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: F.hardtanh(x, 2.0, 1.0), ValueError, "min_val 2.0 is above"),
        (lambda x: F.softshrink(x, -1.0), RuntimeError, "lambd is not negative"),
        (lambda x: F.celu(x, 0.0), RuntimeError, "alpha must not be 0"),
        (lambda x: F.gelu(x, "tan"), RuntimeError, "'none' or 'tanh', got 'tan'"),
    ],
)
def test_mistakes(call, error, match):
    with pytest.raises(error, match=match):
        call(koubai.ones(2))


def test_random_activations_replay_with_the_same_seed():
    layer, x = nn.RReLU(), double(4, 5)
    program = koubai.trace(layer, x)
    koubai.manual_seed(1)
    eager = layer(x)
    koubai.manual_seed(1)
    assert program(x).equal(eager)


def test_gelu_of_gpt_2():
    x = double(10)
    inner = math.sqrt(2 / math.pi) * (x.numpy() + 0.044715 * x.numpy() ** 3)
    close(F.gelu(x, approximate="tanh"), 0.5 * x.numpy() * (1 + np.tanh(inner)))
    check_replay(lambda x: F.gelu(x, "tanh"), x)
