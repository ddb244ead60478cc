"""Sums of many numbers, which lose bits as they outgrow what is added to them."""

import numpy as np
import pytest

import koubai
from koubai import nn

SILENCE = np.float32(-4.6051702)  # many equal numbers are all rounded the same way


def numbers(shape):
    """The logarithm of a power that mostly is that of silence."""
    random = np.random.default_rng(0)
    sounds = random.random(shape) < 0.14
    return (SILENCE + np.where(sounds, 5 * random.random(shape), 0)).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "dim"),
    [
        ((1_000_003,), (0,)),  # along the lanes
        ((100_000, 8), (0,)),  # across them
        ((16, 24, 2380), (0, 2)),  # in two loops, the inner one along the lanes
        ((80, 200, 8), (0, 1)),
        ((3, 30_000, 3), (1,)),
        ((30, 24, 3, 99), (0, 2, 3)),
    ],
)
@pytest.mark.parametrize("threads", [0, 1, 2])
def test_a_mean_has_the_bits_of_float32(shape, dim, threads):
    x = numbers(shape)
    mean = lambda x: (x * 1).mean(dim)  # noqa: E731
    before = koubai.get_num_threads()
    if threads:
        koubai.set_num_threads(threads)
        mean = koubai.compile(mean)
    try:
        found = mean(koubai.tensor(x)).numpy()
    finally:
        koubai.set_num_threads(before)
    np.testing.assert_allclose(found, x.astype(np.float64).mean(dim), rtol=1.5e-6)


def test_a_mean_that_cancels_is_as_exact_as_eagers():
    """Behind a normalization means are 0 but for rounding; `Trainer` once refused a network of sounds for that."""
    koubai.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(24), nn.Conv1d(24, 16, 5, padding=2, bias=False), nn.BatchNorm1d(16))
    koubai.compile(model)(koubai.tensor(numbers((16, 24, 238))))  # is compared with eager
    assert model[2].num_batches_tracked.item() == 1


@pytest.mark.parametrize(
    ("rows", "depth", "columns"), [(1, 1_000_000, 1), (4, 200_000, 4), (16, 100_000, 64), (64, 65_536, 64)]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_product_over_a_long_depth_is_as_exact_as_eagers(rows, depth, columns, threads):
    a, b = np.full((rows, depth), 0.1, np.float32), np.full((depth, columns), 0.1, np.float32)
    before = koubai.get_num_threads()
    koubai.set_num_threads(threads)
    try:
        found = koubai.compile(koubai.matmul)(koubai.tensor(a), koubai.tensor(b)).numpy()
    finally:
        koubai.set_num_threads(before)
    np.testing.assert_allclose(found, depth * np.float64(a[0, 0]) ** 2, rtol=3e-5)


def test_a_weight_gradient_by_winograd_is_as_exact_as_eagers():
    """It is a sum over all places of all images."""
    x, y = koubai.full((32, 16, 56, 56), 0.1), koubai.full((32, 16, 56, 56), 0.1)

    def gradient(weight, x, y):
        weight = weight.detach().requires_grad_()
        (nn.functional.conv2d(x, weight, padding=1) * y).sum().backward()
        return weight.grad

    found = koubai.compile(gradient, verify=False)(koubai.ones(16, 16, 3, 3), x, y).numpy()
    places = 32 * np.array([55, 56, 55])
    exact = np.float64(np.float32(0.1)) ** 2 * places[:, None] * places / 32
    np.testing.assert_allclose(found, np.broadcast_to(exact, found.shape), rtol=1e-5)
