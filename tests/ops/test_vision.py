"""Resizing, sampling at points, windows as columns, channels as pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai import check_gradients
from koubai.nn import functional as F

SETTINGS = settings(max_examples=30, deadline=None, derandomize=True)


def values(*shape: int, seed: int = 0) -> koubai.Tensor:
    """Normal numbers in float64."""
    return koubai.from_numpy(np.random.default_rng([seed, *shape]).normal(size=shape))


def traced_alike(function, *inputs):
    """Check that the traced program gives the bits of eager, and return the result."""
    eager = function(*inputs)
    assert koubai.trace(function, *inputs)(*inputs).numpy().tobytes() == eager.numpy().tobytes()
    return eager


# --- windows as columns


@st.composite
def column_geometries(draw):
    def pair(low, high):
        return (draw(st.integers(low, high)), draw(st.integers(low, high)))

    arguments = {
        "kernel_size": pair(1, 3),
        "dilation": pair(1, 2),
        "padding": pair(0, 2),
        "stride": pair(1, 3),
    }
    spans = [d * (k - 1) + 1 for k, d in zip(arguments["kernel_size"], arguments["dilation"])]
    return tuple(span + more for span, more in zip(spans, pair(0, 3))), arguments


@SETTINGS
@given(column_geometries())
def test_a_convolution_is_a_product_with_columns(geometry):
    lengths, arguments = geometry
    x, weight = values(2, 3, *lengths), values(4, 3, *arguments["kernel_size"], seed=1)
    columns = traced_alike(lambda x: F.unfold(x, **arguments), x)
    convolved = F.conv2d(x, weight, None, arguments["stride"], arguments["padding"], arguments["dilation"])
    product = weight.reshape(4, -1) @ columns
    np.testing.assert_allclose(product.numpy(), convolved.reshape(2, 4, -1).numpy(), atol=1e-12)
    check_gradients(lambda x: F.unfold(x, **arguments), x, order=2)


@SETTINGS
@given(column_geometries())
def test_fold_is_the_transpose_of_unfold(geometry):
    lengths, arguments = geometry
    x = values(2, 3, *lengths)
    columns = F.unfold(x, **arguments)
    y = values(*columns.shape, seed=1)
    image = traced_alike(lambda y: F.fold(y, lengths, **arguments), y)
    assert image.shape == x.shape
    assert (image * x).sum().item() == pytest.approx((columns * y).sum().item(), abs=1e-9)
    check_gradients(lambda y: F.fold(y, lengths, **arguments), y, order=2)


def test_columns_of_an_image_without_a_batch():
    x = values(3, 4, 5)
    columns = F.unfold(x, 2)
    assert columns.tolist() == F.unfold(x.unsqueeze(0), 2).squeeze(0).tolist()
    assert F.fold(columns, (4, 5), 2).shape == (3, 4, 5)
    with pytest.raises(RuntimeError, match=r"fold: .* are not columns"):
        F.fold(columns, (5, 5), 2)


# --- channels as pixels


def test_pixel_shuffle_spreads_channels_over_pixels():
    x = koubai.arange(8).reshape(8, 1, 1)
    assert F.pixel_shuffle(x, 2).tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    x = values(2, 12, 3, 2)
    assert F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2).tolist() == x.tolist()
    check_gradients(lambda x: F.pixel_shuffle(x, 2), x)
    with pytest.raises(RuntimeError, match="multiple of 3² = 9 channels"):
        F.pixel_shuffle(x, 3)
    with pytest.raises(RuntimeError, match="must be multiples of 2"):
        F.pixel_unshuffle(x, 2)


def test_channel_shuffle_deals_the_groups_out():
    x = koubai.arange(6).reshape(1, 6, 1)
    assert F.channel_shuffle(x, 2).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    with pytest.raises(RuntimeError, match="multiple of 4"):
        F.channel_shuffle(x, 4)


# --- resizing

MODES = ["nearest", "nearest-exact", "area", "linear", "bilinear", "trilinear", "bicubic"]


def image_for(mode: str, seed: int = 0) -> koubai.Tensor:
    rank = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}.get(mode, 2)
    return values(2, 2, *(4, 5, 3)[:rank], seed=seed)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("factor", [0.6, 1, 1.7, 2])
def test_resizing_is_differentiable_and_keeps_constants(mode, factor):
    x = image_for(mode)
    result = traced_alike(lambda x: F.interpolate(x, scale_factor=factor, mode=mode), x)
    assert result.shape[2:] == tuple(int(length * factor) for length in x.shape[2:])
    check_gradients(lambda x: F.interpolate(x, scale_factor=factor, mode=mode), x)
    ones = F.interpolate(x.ones_like(), scale_factor=factor, mode=mode)
    np.testing.assert_allclose(ones.numpy(), 1)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_size_changes_nothing(mode):
    x = image_for(mode)
    np.testing.assert_allclose(F.interpolate(x, size=x.shape[2:], mode=mode).numpy(), x.numpy())


def test_nearest_repeats_elements():
    x = koubai.tensor([[[1.0, 2.0, 3.0]]])
    assert F.interpolate(x, 6).tolist() == [[[1, 1, 2, 2, 3, 3]]]
    assert F.interpolate(x, 5).tolist() == [[[1, 1, 2, 2, 3]]]
    assert F.interpolate(x, 5, mode="nearest-exact").tolist() == [[[1, 1, 2, 3, 3]]]
    assert F.upsample_nearest(x, scale_factor=2).tolist() == F.interpolate(x, 6).tolist()


def test_linear_maps_corners_or_edges_on_each_other():
    x = koubai.tensor([[[0.0, 4.0]]])
    assert F.interpolate(x, 5, mode="linear", align_corners=True).tolist() == [[[0, 1, 2, 3, 4]]]
    assert F.interpolate(x, 4, mode="linear").tolist() == [[[0, 1, 3, 4]]]


def test_bicubic_weighs_four_neighbours_by_keys_kernel():
    impulses = koubai.eye(8).reshape(1, 8, 8, 1).expand(1, 8, 8, 8)
    weights = F.interpolate(impulses, scale_factor=2, mode="bicubic")[0, :, 8, 8]  # the point 3.75
    assert weights.tolist() == [0, 0, -0.03515625, 0.26171875, 0.87890625, -0.10546875, 0, 0]


def test_antialiasing_averages_what_is_left_out():
    stripes = koubai.from_numpy(np.tile([0.0, 1.0], 16)[None, None, None]).expand(1, 1, 8, 32)
    coarse = F.interpolate(stripes, (8, 8), mode="bilinear", antialias=True)
    np.testing.assert_allclose(coarse[..., 1:-1].numpy(), 0.5, atol=1e-9)
    check_gradients(lambda x: F.interpolate(x, (3, 4), mode="bicubic", antialias=True), values(1, 2, 7, 9))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"size": 3, "mode": "linear"},
            NotImplementedError,
            "'linear' does not exist for an input of .*2, 2, 4, 5",
        ),
        ({"size": 3, "align_corners": True}, ValueError, "align_corners has no meaning for mode 'nearest'"),
        ({"size": 3, "mode": "area", "antialias": True}, ValueError, "antialias has no meaning"),
        ({}, ValueError, "either size or scale_factor"),
        ({"size": 3, "scale_factor": 2}, ValueError, "either size or scale_factor"),
        ({"size": (3, 3, 3)}, ValueError, "has 2 spatial dimensions, got 3 sizes"),
        ({"size": 0}, RuntimeError, "cannot be resized"),
    ],
)
def test_resizing_explains_what_does_not_fit(arguments, error, message):
    with pytest.raises(error, match=f"interpolate: .*{message}"):
        F.interpolate(values(2, 2, 4, 5), **arguments)


# --- sampling at points


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_the_identity_reads_every_pixel(mode, align_corners):
    x = values(2, 3, 4, 5)
    theta = koubai.eye(2, 3, dtype=koubai.float64).expand(2, 2, 3)
    grid = F.affine_grid(theta, (2, 3, 4, 5), align_corners=align_corners)
    result = F.grid_sample(x, grid, mode, align_corners=align_corners)
    np.testing.assert_allclose(result.numpy(), x.numpy(), atol=1e-12)


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_sampling_is_differentiable_in_image_and_points(mode, padding_mode):
    x, grid = values(2, 3, 4, 5), values(2, 3, 2, 2, seed=1)

    def sample(x, grid):
        return F.grid_sample(x, grid, mode, padding_mode)

    traced_alike(sample, x, grid)
    check_gradients(sample, x, grid, order=2)


def test_sampling_volumes():
    x, theta = values(2, 2, 3, 4, 5), values(2, 3, 4, seed=1)
    check_gradients(lambda x, t: F.grid_sample(x, F.affine_grid(t, (2, 2, 2, 3, 2))), x, theta)


def test_what_stands_outside_of_the_image():
    x = koubai.tensor([[[[1.0, 2.0, 3.0]]]])
    grid = koubai.tensor([[[[-3.0, 0.0], [0.0, 0.0], [3.0, 0.0]]]])
    read = {mode: F.grid_sample(x, grid, "nearest", mode).flatten().tolist() for mode in ("zeros", "border")}
    assert read == {"zeros": [0, 2, 0], "border": [1, 2, 3]}
    assert F.grid_sample(x, grid, padding_mode="reflection").flatten().tolist() == pytest.approx([3, 2, 1])


def test_sampling_explains_what_does_not_fit():
    x, grid = values(2, 3, 4, 5), values(2, 3, 2, 2)
    with pytest.raises(ValueError, match="mode must be one of"):
        F.grid_sample(x, grid, "cubic")
    with pytest.raises(ValueError, match="padding_mode must be"):
        F.grid_sample(x, grid, padding_mode="zero")
    with pytest.raises(
        RuntimeError, match=r"grid_sample: .* must be \(N, C, \*lengths\) and \(N, \*points, 2\)"
    ):
        F.grid_sample(x, values(1, 3, 2, 2))
    with pytest.raises(RuntimeError, match=r"theta must be \(2, 2, 3\)"):
        F.affine_grid(values(2, 3, 4), (2, 3, 4, 5))
