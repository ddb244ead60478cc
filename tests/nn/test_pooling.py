"""Pooling layers: windows, shapes and the way back."""

import pytest

import koubai
from koubai import nn


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Max", "Avg", "LP"])
def test_windows_shrink_each_dimension(kind, rank):
    arguments = (2, 2) if kind == "LP" else (2,)
    pool = getattr(nn, f"{kind}Pool{rank}d")(*arguments)
    y = pool(koubai.ones(2, 3, *[6] * rank))
    assert y.shape == (2, 3, *[3] * rank)
    expected = 2 ** (rank / 2) if kind == "LP" else 1.0
    assert y.flatten()[0].item() == pytest.approx(expected)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Max", "Avg"])
def test_adaptive_pooling_gives_the_size_asked_for(kind, rank):
    pool = getattr(nn, f"Adaptive{kind}Pool{rank}d")(3)
    assert pool(koubai.ones(2, 4, *[7] * rank)).shape == (2, 4, *[3] * rank)


def test_values():
    x = koubai.tensor([[[1.0, 5.0, 2.0, 4.0]]])
    assert nn.MaxPool1d(2)(x).tolist() == [[[5, 4]]]
    assert nn.MaxPool1d(3, stride=1, padding=1)(x).tolist() == [[[5, 5, 5, 4]]]
    assert nn.AvgPool1d(2)(x).tolist() == [[[3, 3]]]
    assert nn.AvgPool1d(2, padding=1, count_include_pad=False)(x).tolist() == [[[1, 3.5, 4]]]
    assert nn.LPPool1d(1, 2)(x).tolist() == [[[6, 6]]]
    assert nn.AdaptiveMaxPool1d(1)(x).tolist() == [[[5]]]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_unpooling_puts_maxima_back(rank):
    pool = getattr(nn, f"MaxPool{rank}d")(2, return_indices=True)
    back = getattr(nn, f"MaxUnpool{rank}d")(2)
    x = koubai.arange(4**rank, dtype=koubai.float32).reshape(1, 1, *[4] * rank)
    values, indices = pool(x)
    restored = back(values, indices)
    assert restored.shape == x.shape
    assert restored.sum().item() == values.sum().item()
    assert pool(restored)[0].tolist() == values.tolist()


def test_the_gradient_of_a_zero_norm_is_zero():
    x = koubai.zeros(1, 1, 4, requires_grad=True)
    nn.LPPool1d(2, 2)(x).sum().backward()
    assert x.grad.tolist() == [[[0, 0, 0, 0]]]


def test_printed_form():
    assert (
        repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
    )
    assert repr(nn.AvgPool2d(2)) == "AvgPool2d(kernel_size=2, stride=2, padding=0)"
    assert repr(nn.AdaptiveAvgPool2d((1, 1))) == "AdaptiveAvgPool2d(output_size=(1, 1))"
