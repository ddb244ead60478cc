"""A ReLU in front of max-pooling moves behind it, and nothing that a user sees changes."""

from __future__ import annotations

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.compiler import explain
from koubai.nn import functional as F

KINDS = [(2, 2, 0), (3, 2, 1), (3, 1, 0)]  # kernel, stride, padding: windows apart, and overlapping ones


def relus_on(shape, step, *arguments):
    """Return how many ReLUs run on arrays of a shape in the compiled step."""
    text = explain(step, *arguments).after("simplify")
    return sum(f"{list(shape)} = relu(" in line for line in text.splitlines())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("odd", ["", "ties", "nan"])
def test_gradients_are_those_of_eager(kind, odd):
    kernel, stride, padding = kind
    koubai.manual_seed(0)
    x = koubai.randn(2, 3, 9, 9)
    if odd == "ties":
        x = (x * 2).round()
    if odd == "nan":
        x[0, 1, 4, 4] = float("nan")
    weights = koubai.randn(*F.max_pool2d(x, kernel, stride, padding).shape)

    def gradient(x):
        x = x.detach().requires_grad_()
        pooled = F.max_pool2d(F.relu(x), kernel, stride, padding)
        (grad,) = koubai.autograd.grad((pooled * weights).sum(), [x])
        return pooled.detach(), grad

    native = koubai.compile(gradient)
    for found, expected in zip(native(x), gradient(x), strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6, atol=1e-6)
    assert relus_on(x.shape, native, x) == 0


@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize("kind", [*KINDS, (3, 3, 1)])
def test_the_bias_before_pooling_gets_the_sum_of_the_pooled_gradient(kind, rectified):
    kernel, stride, padding = kind
    koubai.manual_seed(0)
    x, bias = koubai.randn(2, 3, 9, 9), koubai.randn(3, 1, 1)

    def pooled(x, bias):
        y = x + bias
        return F.max_pool2d(F.relu(y) if rectified else y, kernel, stride, padding, ceil_mode=True)

    weights = koubai.randn(*pooled(x, bias).shape)

    def gradient(x, bias):
        bias = bias.detach().requires_grad_()
        return koubai.autograd.grad((pooled(x, bias) * weights).sum(), [bias])

    native = koubai.compile(gradient)
    np.testing.assert_allclose(native(x, bias)[0].numpy(), gradient(x, bias)[0].numpy(), rtol=1e-5, atol=1e-5)
    assert "window_put(" not in explain(native, x, bias).after("simplify")


def test_only_the_pooled_image_goes_through_the_relu():
    koubai.manual_seed(0)
    x = koubai.randn(2, 3, 8, 8)
    native = koubai.compile(lambda x: F.max_pool2d(F.relu(x), 2))
    assert relus_on((2, 3, 8, 8), native, x) == 0
    assert relus_on((2, 3, 4, 4), native, x) == 1


def test_a_relu_that_is_wanted_otherwise_stays():
    koubai.manual_seed(0)
    x = koubai.randn(2, 3, 8, 8)

    def both(x):
        rectified = F.relu(x)
        pooled, places = F.max_pool2d(rectified, 2, return_indices=True)
        return rectified, pooled, places

    native = koubai.compile(both)
    for found, expected in zip(native(x), both(x), strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert relus_on((2, 3, 8, 8), native, x) == 1


def test_the_places_of_maxima_among_zeros_are_those_of_eager():
    """Behind a ReLU many elements are equal: who asks for places gets the first zero, not the largest negative."""
    x = -koubai.arange(16.0).reshape(1, 1, 4, 4) - 1

    def places(x):
        return F.max_pool2d(F.relu(x), 2, return_indices=True)

    for found, expected in zip(koubai.compile(places)(x), places(x), strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_a_network_trains_as_it_does_eagerly():
    losses = []
    for compiled in (False, True):
        koubai.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)
        )
        optimizer = koubai.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x, y = koubai.randn(6, 1, 8, 8), koubai.randint(0, 3, (6,))

        def step(x, y, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = koubai.compile(step) if compiled else step
        losses.append([run(x, y).item() for _ in range(10)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


PRODUCTS = {
    "convolution": (nn.Conv2d(3, 16, 5, padding=2), (4, 3, 12, 16), lambda x: F.max_pool2d(F.relu(x), 2)),
    "mean": (nn.Conv2d(3, 32, 3), (4, 3, 10, 12), lambda x: F.avg_pool2d(x, 2)),
    "few channels": (nn.Conv2d(1, 6, 3, padding=1), (5, 1, 14, 14), lambda x: F.max_pool2d(x, 2)),
    "many channels": (nn.Conv2d(2, 150, 3, padding=1), (2, 2, 6, 6), lambda x: F.max_pool2d(x, 2)),
    "strided": (nn.Conv2d(3, 16, 3, stride=2, padding=1), (6, 3, 16, 20), lambda x: F.max_pool2d(x, 2)),
    "line": (nn.Conv1d(3, 16, 3, padding=1), (4, 3, 20), lambda x: F.max_pool1d(x, 2)),
    "space": (nn.Conv3d(2, 16, 3, padding=1), (2, 2, 4, 6, 8), lambda x: F.max_pool3d(x, 2)),
}


def tiles_that_pool(step, *arguments):
    """Return how many products of a compiled step are given the results of a window at once."""
    return sum(", window a" in line for line in explain(step, *arguments).after("phases").splitlines())


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("odd", ["", "ties", "nan"])
@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_tile_of_a_product_is_pooled_in_registers(kind, odd, threads, monkeypatch):
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    monkeypatch.setenv("KOUBAI_CHECK", "1")
    layer, shape, pool = PRODUCTS[kind]
    koubai.manual_seed(0)
    x = koubai.randn(*shape)
    if odd == "ties":
        x = x.round()
    if odd == "nan":
        x.view(-1)[7] = float("nan")
    weight = koubai.randn(8, layer.out_channels)

    def gradients(x):
        after = pool(layer(x)).movedim(1, -1) @ weight.T
        return after.detach(), *koubai.autograd.grad(after.square().sum(), list(layer.parameters()))

    before = koubai.get_num_threads()
    koubai.set_num_threads(threads)
    try:
        native = koubai.compile(gradients)
        for found, wanted in zip(native(x), gradients(x), strict=True):
            scale = np.nanmax(np.abs(wanted.numpy()), initial=1.0)
            np.testing.assert_allclose(found.numpy() / scale, wanted.numpy() / scale, atol=2e-6)
        forward = koubai.compile(lambda x: gradients(x)[0])
        np.testing.assert_allclose(forward(x).numpy(), gradients(x)[0].numpy(), rtol=1e-4, atol=1e-4)
        assert tiles_that_pool(forward, x) == 1
    finally:
        koubai.set_num_threads(before)
