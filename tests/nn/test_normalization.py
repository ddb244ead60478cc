"""Normalisations give mean 0 and variance 1, keep running statistics, and differentiate twice."""

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn import functional as F


def data(*shape: int) -> koubai.Tensor:
    generator = koubai.Generator().manual_seed(0)
    return koubai.randn(*shape, dtype=koubai.float64, generator=generator) * 3 + 2


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (nn.BatchNorm1d(3), (8, 3), (0,)),
        (nn.BatchNorm1d(3), (4, 3, 5), (0, 2)),
        (nn.BatchNorm2d(3), (4, 3, 5, 2), (0, 2, 3)),
        (nn.BatchNorm3d(3), (2, 3, 2, 2, 2), (0, 2, 3, 4)),
        (nn.InstanceNorm1d(3), (4, 3, 50), (2,)),
        (nn.InstanceNorm2d(3), (3, 5, 20), (1, 2)),
        (nn.LayerNorm((3, 50)), (4, 3, 50), (1, 2)),
        (nn.GroupNorm(1, 4), (2, 4, 30), (1, 2)),
    ],
)
def test_mean_zero_and_variance_one(layer, shape, axes):
    y = layer.double()(data(*shape)).numpy(force=True)
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=axes), 1, rtol=1e-4)


def test_group_norm_normalises_each_group():
    y = nn.GroupNorm(2, 4).double()(data(3, 4, 10)).numpy(force=True).reshape(3, 2, 20)
    np.testing.assert_allclose(y.mean(axis=2), 0, atol=1e-12)


def test_rms_norm_keeps_the_mean_and_makes_the_mean_square_one():
    y = nn.RMSNorm(10).double()(data(3, 10)).numpy(force=True)
    np.testing.assert_allclose((y**2).mean(axis=1), 1)
    assert (y.mean(axis=1) > 0.05).all()


def test_running_statistics_move_and_serve_evaluation():
    norm, x = nn.BatchNorm1d(2, momentum=0.25).double(), data(10, 2)
    norm(x)
    mean, variance = x.numpy().mean(axis=0), x.numpy().var(axis=0, ddof=1)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.25 * mean)
    np.testing.assert_allclose(norm.running_var.numpy(), 0.75 + 0.25 * variance)
    assert norm.num_batches_tracked.item() == 1
    norm.eval()
    expected = (x.numpy() - 0.25 * mean) / np.sqrt(0.75 + 0.25 * variance + 1e-5)
    np.testing.assert_allclose(norm(x).numpy(force=True), expected)
    assert norm.num_batches_tracked.item() == 1
    norm.reset_running_stats()
    assert norm.running_var.tolist() == [1, 1]


def test_without_momentum_all_batches_count_alike():
    norm = nn.BatchNorm1d(1, momentum=None).double()
    batches = [data(5, 1) + shift for shift in (0.0, 1.0, 7.0)]
    for batch in batches:
        norm(batch)
    np.testing.assert_allclose(norm.running_mean.item(), np.mean([b.numpy().mean() for b in batches]))


def test_without_tracking_evaluation_uses_the_batch():
    norm = nn.BatchNorm1d(2, affine=False, track_running_stats=False).double().eval()
    assert list(norm.state_dict()) == []
    np.testing.assert_allclose(norm(data(10, 2)).numpy().mean(axis=0), 0, atol=1e-12)


def test_a_traced_training_step_moves_the_running_statistics():
    traced, eager, x = nn.BatchNorm1d(2).double(), nn.BatchNorm1d(2).double(), data(6, 2)
    program = koubai.trace(traced, x)
    assert traced.num_batches_tracked.item() == 0
    for _ in range(2):
        assert np.array_equal(program(x).numpy(), eager(x).numpy(force=True))
    assert traced.num_batches_tracked.item() == 2
    assert np.array_equal(traced.running_var.numpy(), eager.running_var.numpy())


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w: F.layer_norm(x, (3,), w, w),
        lambda x, w: F.rms_norm(x, (3,), w),
        lambda x, w: F.batch_norm(x, None, None, w, w, training=True),
        lambda x, w: F.group_norm(x, 3, w, w, eps=0.1),
        lambda x, w: F.local_response_norm(x.reshape(2, 3, 2), 2, alpha=0.5) * w[:, None],
        lambda x, w: F.normalize(x) * w,
    ],
    ids=["layer", "rms", "batch", "group", "local_response", "normalize"],
)
def test_gradients_to_second_order(function):
    x, w = data(4, 3), data(3)
    if function(x, w).shape == (4, 3) and not np.isfinite(function(x, w).numpy()).all():
        pytest.fail("the function must be finite")
    koubai.autograd.check_gradients(function, x, w, order=2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.BatchNorm2d(3)(koubai.ones(2, 3)), ValueError, "expected 4D input, got 2D"),
        (lambda: nn.BatchNorm1d(3)(koubai.ones(1, 3)), ValueError, "more than one value per channel"),
        (
            lambda: nn.BatchNorm1d(3)(koubai.ones(2, 4)),
            RuntimeError,
            "running_mean has shape .3., but input .2, 4.",
        ),
        (lambda: nn.InstanceNorm1d(3)(koubai.ones(2, 3, 1)), ValueError, "more than one element per channel"),
        (
            lambda: nn.InstanceNorm1d(3, affine=True)(koubai.ones(2, 4, 5)),
            ValueError,
            "expected 3 channels, got 4",
        ),
        (lambda: nn.LayerNorm(3)(koubai.ones(2, 4)), RuntimeError, "must end with normalized_shape"),
        (lambda: nn.GroupNorm(2, 3), ValueError, "must be divisible by num_groups=2"),
        (lambda: nn.LocalResponseNorm(2)(koubai.ones(2, 3)), ValueError, r"expected \(N, C, \*\)"),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()
