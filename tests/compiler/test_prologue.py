"""Factors that are computed where a product reads them: they give the same, and are stored only if asked for."""

from __future__ import annotations

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.compiler import explain


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Compile anew, check schedules for races, and leave the number of threads as it was."""
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    monkeypatch.setenv("KOUBAI_CHECK", "1")
    before = koubai.get_num_threads()
    yield
    koubai.set_num_threads(before)


def of_parameters(channels, size, stride=2):
    """Gradients of a convolution of images of one channel, whose results are pooled."""
    koubai.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride))
    x = koubai.randn(12, 1, *size)
    weights = koubai.randn(*model(x).shape)

    def gradients(x, weights):
        return koubai.autograd.grad((model(x) * weights).sum(), list(model.parameters()))

    return gradients, (x, weights)


def with_prologue(function, *arguments):
    """Return the sums of products of which a factor is chosen by where the maxima were."""
    lines = explain(function, *arguments).after("phases").splitlines()
    return [line for line in lines if "Σ" in line and "where" in line]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    ("channels", "size", "stride"),
    [(16, (28, 28), 2), (32, (28, 28), 2), (20, (24, 30), 2), (13, (32, 26), 2), (16, (29, 27), 2)],
)
def test_the_gradient_of_a_pooling_is_made_where_the_weight_s_gradient_reads_it(
    channels, size, stride, threads
):
    koubai.set_num_threads(threads)
    gradients, arguments = of_parameters(channels, size, stride)
    native = koubai.compile(gradients)
    for found, wanted in zip(native(*arguments), gradients(*arguments), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-4)
    if channels % 16 == 0:  # whole vectors of every processor; of others one tile may not have all rows
        assert len(with_prologue(native, *arguments)) == 1


def test_what_somebody_else_reads_is_stored():
    koubai.set_num_threads(2)
    koubai.manual_seed(0)
    convolution, pool = nn.Conv2d(1, 16, 3, padding=1), nn.MaxPool2d(2)
    x, weights = koubai.randn(12, 1, 28, 28), koubai.randn(12, 16, 14, 14)

    def gradients(x, weights):
        image = convolution(x)
        return koubai.autograd.grad((pool(image) * weights).sum(), [image, convolution.weight])

    native = koubai.compile(gradients)
    for found, wanted in zip(native(x, weights), gradients(x, weights), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-4)
    assert not with_prologue(native, x, weights)


def test_a_strip_s_own_gradient_is_not_kept():
    koubai.set_num_threads(1)
    gradients, arguments = of_parameters(16, (64, 64))
    native = koubai.compile(gradients)
    native(*arguments)
    one_image = 16 * 64 * 64 * 4
    assert native.report.arena_bytes < 2.5 * one_image  # pooled ones of all, and an image with its padding


def two_convolutions(channels, size, padding, pool, batch=12):
    """Gradients of two convolutions of which the second is computed by Winograd's method, and whose results shrink."""
    koubai.manual_seed(1)
    first, second = channels
    model = nn.Sequential(
        nn.Conv2d(3, first, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=padding),
        nn.ReLU(),
        pool,
    )
    x = koubai.randn(batch, 3, *size)
    weights = koubai.randn(*model(x).shape)

    def gradients(x, weights):
        return koubai.autograd.grad((model(x) * weights).sum(), list(model.parameters()))

    return gradients, (x, weights)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.AvgPool2d(2), nn.MaxPool2d(2, ceil_mode=True)])
@pytest.mark.parametrize(
    ("channels", "size", "padding"),
    [
        ((32, 64), (14, 14), 1),
        ((32, 64), (14, 14), 0),
        ((48, 32), (15, 14), 1),
        ((33, 40), (16, 13), 1),
        ((32, 64), (13, 15), 2),
    ],
)
def test_the_gradient_of_a_pooling_is_made_when_tiles_are_transformed(channels, size, padding, pool, threads):
    koubai.set_num_threads(threads)
    gradients, arguments = two_convolutions(channels, size, padding, pool)
    native = koubai.compile(gradients)
    for found, wanted in zip(native(*arguments), gradients(*arguments), strict=True):
        scale = np.abs(wanted.numpy()).max()
        np.testing.assert_allclose(found.numpy() / scale, wanted.numpy() / scale, atol=1e-5)


def test_a_convolution_s_input_gradient_and_its_weight_s_are_made_of_the_pooled_gradient():
    koubai.set_num_threads(2)
    gradients, arguments = two_convolutions((32, 64), (14, 14), 1, nn.MaxPool2d(2), batch=64)
    made = with_prologue(koubai.compile(gradients), *arguments)
    assert len(made) == 2


def test_nothing_is_made_twice_that_is_as_large_as_what_it_is_made_of():
    koubai.set_num_threads(2)
    gradients, arguments = two_convolutions((32, 64), (14, 14), 1, nn.MaxPool2d(2, 1), batch=64)
    assert not with_prologue(koubai.compile(gradients), *arguments)


def test_an_image_that_is_enlarged_is_enlarged_when_tiles_are_transformed():
    koubai.set_num_threads(2)
    koubai.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(8, 32, 1), nn.Upsample(scale_factor=2), nn.Conv2d(32, 64, 3, padding=1))
    x = koubai.randn(16, 8, 8, 8)
    native = koubai.compile(model)
    np.testing.assert_allclose(native(x).detach().numpy(), model(x).detach().numpy(), atol=1e-4)
    assert [line for line in explain(native, x).after("phases").splitlines() if "Σ" in line and "//2" in line]
