"""Convolutions over time shorten sound as they say, and the causal ones never see the future."""

import numpy as np
import pytest

import koubai
from koubai import models, nn

from ..nn.agreement import check_layer, double


@pytest.fixture(autouse=True, params=[0, 1])
def _seed(request):
    koubai.manual_seed(request.param)


def test_a_stack_for_sound():
    stack = models.ConvStack1d(1, (4, 8), (80, 3), (4, 1), (4, 1), dropout=0.1)
    assert [type(layer).__name__ for layer in stack[0]] == [
        "Conv1d",
        "BatchNorm1d",
        "ReLU",
        "MaxPool1d",
        "Dropout1d",
    ]
    assert [type(layer).__name__ for layer in stack[1]][-2:] == ["ReLU", "Dropout1d"]
    assert stack(koubai.randn(2, 1, 800)).shape == (2, 8, 50)
    same = models.ConvStack1d(3, (4,), pools=1)
    assert same(koubai.randn(2, 3, 7)).shape == (2, 4, 7)


def test_gradients_and_replay():
    check_layer(models.ConvStack1d(2, (3, 2), 3).double(), double(2, 2, 8), order=1)
    check_layer(models.TemporalConvNet(2, (3, 3), 2).double(), double(1, 2, 5), order=1)


def test_no_output_sees_the_future_and_all_see_as_far_back_as_said():
    model = models.TemporalConvNet(1, (4, 4, 4), kernel_size=2).double().eval()
    x = double(1, 1, 20).requires_grad_()
    for parameter in model.parameters():  # no unit may be dead
        nn.init.uniform_(parameter, 0.1, 0.5)
    model(x.abs())[0, :, 17].sum().backward()
    assert np.flatnonzero(x.grad.numpy()).tolist() == list(range(3, 18))  # 1 + 2 · 1 · (2³ - 1) times


def test_dropout_acts_while_training():
    model, x = models.TemporalConvNet(1, (8, 8), dropout=0.5), koubai.randn(2, 1, 9)
    assert not model(x).equal(model(x))
    model.eval()
    assert model(x).equal(model(x))


def test_mistakes():
    with pytest.raises(ValueError, match=r"kernel_sizes must be one number or 3 of them, got \(3, 5\)"):
        models.ConvStack1d(1, (4, 4, 4), (3, 5))
