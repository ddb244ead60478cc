"""Dropout drops the promised part, in training only, and keeps what it promises to keep."""

import numpy as np
import pytest

import koubai
from koubai import nn


@pytest.fixture(autouse=True)
def _seed():
    koubai.manual_seed(0)


def test_each_element_is_dropped_or_scaled():
    y = nn.Dropout(0.25)(koubai.ones(100, 100)).numpy()
    assert set(np.unique(y)) == {0, np.float32(1) / np.float32(0.75)}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("kind", [nn.Dropout, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.Dropout2d])
def test_evaluation_and_zero_probability_change_nothing(kind):
    x = koubai.ones(2, 3, 4, 5)
    assert kind(0.5).eval()(x) is x
    assert kind(0.0)(x) is x


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (nn.Dropout1d, (30, 40, 5)),
        (nn.Dropout1d, (900, 5)),
        (nn.Dropout2d, (30, 40, 5, 2)),
        (nn.Dropout3d, (30, 40, 2, 2, 2)),
        (nn.Dropout3d, (900, 2, 2, 2)),
    ],
)
def test_whole_channels_are_dropped(kind, shape):
    spatial = int(repr(kind(0.5))[7])
    y = kind(0.5)(koubai.ones(*shape)).numpy().reshape(-1, int(np.prod(shape[-spatial:])))
    assert (y == y[:, :1]).all()
    assert (y[:, 0] == 0).mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("kind", [nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_alpha_dropout_keeps_mean_and_variance(kind):
    y = kind(0.3)(koubai.randn(500, 200)).numpy()
    assert y.mean() == pytest.approx(0, abs=0.02)
    assert y.std() == pytest.approx(1, abs=0.02)


def test_everything_can_be_dropped():
    assert not nn.Dropout(1.0)(koubai.ones(10)).numpy().any()
    assert not nn.AlphaDropout(1.0)(koubai.ones(10)).numpy().any()


def test_gradients_pass_where_elements_did():
    x = koubai.ones(50, requires_grad=True)
    y = nn.Dropout(0.5)(x)
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.numpy(force=True))


def test_in_place_dropout_changes_its_input():
    x = koubai.ones(50)
    y = nn.Dropout(0.5, inplace=True)(x)
    assert y is x
    assert (x.numpy() == 0).any()


def test_the_same_seed_drops_the_same_elements_also_when_traced():
    x, drop = koubai.ones(20), nn.Dropout(0.5)
    program = koubai.trace(drop, x)
    koubai.manual_seed(3)
    eager = [drop(x).tolist() for _ in range(2)]
    koubai.manual_seed(3)
    assert [program(x).tolist() for _ in range(2)] == eager
    assert eager[0] != eager[1]


def test_mistakes():
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        nn.Dropout(1.5)
    with pytest.raises(RuntimeError, match="dropout2d: expected"):
        nn.Dropout2d()(koubai.ones(3))
