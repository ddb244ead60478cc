"""Convolutions: values against plain loops, gradients against numerical differentiation, and the messages."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai import check_gradients
from koubai.nn import functional as F

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def values(*shape: int, seed: int = 0) -> koubai.Tensor:
    """Normal numbers in float64."""
    return koubai.from_numpy(np.random.default_rng([seed, *shape]).normal(size=shape))


def looped(x, weight, stride, padding, dilation, groups):
    """The convolution as its definition says, one output element after the other."""
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    kernel, per_group = weight.shape[2:], weight.shape[0] // groups
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    counts = [(length - span) // s + 1 for length, span, s in zip(x.shape[2:], spans, stride)]
    out = np.zeros((x.shape[0], weight.shape[0], *counts))
    for channel, *at in np.ndindex(*out.shape[1:]):
        first = channel // per_group * weight.shape[1]
        window = tuple(slice(t * s, t * s + span, d) for t, s, span, d in zip(at, stride, spans, dilation))
        part = x[(slice(None), slice(first, first + weight.shape[1]), *window)]
        out[(slice(None), channel, *at)] = (part * weight[channel]).reshape(len(x), -1).sum(1)
    return out


@st.composite
def geometries(draw):
    """A convolution: shapes of input and weight, and the arguments behind them."""
    rank = draw(st.integers(1, 3))

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride, padding, dilation = each(1, 3), each(1, 3), each(0, 2), each(1, 2)
    groups = draw(st.integers(1, 3))
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding)]
    lengths = tuple(low + more for low, more in zip(least, each(0, 3 if rank < 3 else 1)))
    batch = draw(st.integers(1, 2))
    arguments = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return rank, (batch, channels, *lengths), (outputs, channels // groups, *kernel), arguments


@SETTINGS
@given(geometries())
def test_convolution_is_its_definition(geometry):
    rank, shape, weight_shape, arguments = geometry
    x, weight, bias = values(*shape), values(*weight_shape, seed=1), values(weight_shape[0], seed=2)

    def convolve(x, weight, bias):
        return CONVOLUTIONS[rank](x, weight, bias, **arguments)

    result = convolve(x, weight, bias)
    expected = looped(x.numpy(), weight.numpy(), **arguments) + bias.numpy().reshape(-1, *[1] * rank)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-10, atol=1e-10)
    assert (
        koubai.trace(convolve, x, weight, bias)(x, weight, bias).numpy().tobytes() == result.numpy().tobytes()
    )
    check_gradients(convolve, x, weight, bias, order=2)


@SETTINGS
@given(geometries(), st.data())
def test_transposed_convolution_is_the_transpose(geometry, data):
    """<y, conv(x)> equals <conv_transpose(y), x> for all x and y, whatever lengths the stride leaves open."""
    rank, shape, weight_shape, arguments = geometry
    x, weight = values(*shape), values(*weight_shape, seed=1)
    y = values(*CONVOLUTIONS[rank](x, weight, **arguments).shape, seed=2)
    spans = [d * (k - 1) + 1 for k, d in zip(weight_shape[2:], arguments["dilation"])]
    steps = zip(shape[2:], y.shape[2:], arguments["stride"], arguments["padding"], spans)
    extra = tuple(length - ((count - 1) * s - 2 * p + span) for length, count, s, p, span in steps)

    def transpose(y, weight):
        return TRANSPOSED[rank](y, weight, output_padding=extra, **arguments)

    result = transpose(y, weight)
    assert result.shape == x.shape
    forward = (y * CONVOLUTIONS[rank](x, weight, **arguments)).sum().item()
    assert (result * x).sum().item() == pytest.approx(forward, abs=1e-9)
    check_gradients(transpose, y, weight, order=2)


def test_output_padding_up_to_the_dilation():
    x, weight = values(1, 1, 3), values(1, 1, 2, seed=1)
    result = F.conv_transpose1d(x, weight, dilation=3, output_padding=2)
    assert result.shape == (1, 1, 8)
    assert result[..., :6].tolist() == F.conv_transpose1d(x, weight, dilation=3).tolist()
    assert result[..., 6:].tolist() == [[[0, 0]]]
    check_gradients(lambda x, w: F.conv_transpose1d(x, w, dilation=3, output_padding=2), x, weight, order=2)


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (4, 1), (2, 3), (5, 2)])
def test_padding_same_keeps_the_lengths_and_puts_the_odd_zero_behind(kernel, dilation):
    x, weight = values(2, 1, 9), values(1, 1, kernel, seed=1)
    total = dilation * (kernel - 1)
    padded = koubai.from_numpy(np.pad(x.numpy(), [(0, 0), (0, 0), (total // 2, total - total // 2)]))
    same = F.conv1d(x, weight, padding="same", dilation=dilation)
    assert same.shape == x.shape
    assert same.tolist() == F.conv1d(padded, weight, dilation=dilation).tolist()
    valid = F.conv1d(x, weight, padding="valid", dilation=dilation)
    assert valid.tolist() == F.conv1d(x, weight, dilation=dilation).tolist()


@pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])
def test_an_image_without_a_batch(function):
    x, weight = values(2, 5, 4), values(2, 2, 3, 3, seed=1)
    assert function(x, weight).tolist() == function(x.unsqueeze(0), weight).squeeze(0).tolist()


def test_an_empty_batch_has_an_empty_result():
    weight = values(4, 3, 3, 3).requires_grad_()
    result = F.conv2d(values(0, 3, 5, 5), weight)
    assert result.shape == (0, 4, 3, 3)
    result.sum().backward()
    assert weight.grad.tolist() == np.zeros((4, 3, 3, 3)).tolist()


@pytest.mark.parametrize("dtype", [koubai.float32, koubai.float64, koubai.int64])
def test_the_element_type_is_kept(dtype):
    x, weight = koubai.ones(1, 2, 4, 4, dtype=dtype), koubai.ones(3, 2, 3, 3, dtype=dtype)
    assert F.conv2d(x, weight).dtype == dtype
    assert F.conv2d(x, weight).tolist() == [[[[18, 18], [18, 18]]] * 3]


def test_large_images_are_convolved_in_blocks_alike():
    x, weight = values(2, 3, 100, 70), values(5, 3, 5, 5, seed=1)
    whole = F.conv2d(x, weight, padding=2)
    parts = [F.conv2d(x[:, :, top : top + 14], weight, padding=(0, 2)) for top in range(0, 90, 10)]
    np.testing.assert_allclose(koubai.cat(parts, 2)[:, :, :90].numpy(), whole[:, :, 2:92].numpy(), atol=1e-12)
    check_gradients(lambda x, w: F.conv2d(x, w, stride=2, padding=2), x, weight)


def test_values_do_not_depend_on_the_memory_layout():
    x, weight = values(2, 3, 6, 5), values(4, 3, 3, 3, seed=1)
    orders = itertools.permutations(range(4))
    stored = [
        np.ascontiguousarray(x.numpy().transpose(order)).transpose(np.argsort(order)) for order in orders
    ]
    results = [F.conv2d(koubai.from_numpy(array), weight, padding=1).numpy() for array in stored]
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("input", "weight", "more", "message"),
    [
        (
            (1, 3, 8, 8),
            (4, 2, 3, 3),
            {},
            r"weight \[4, 2, 3, 3\] with groups=1 expects 2 input channels.* has 3",
        ),
        ((1, 8, 8, 3), (4, 3, 3, 3), {}, r"channels seem to be last: permute the input to \(N, C, \.\.\.\)"),
        ((7, 8, 8), (4, 1, 3, 3), {}, r"the channel dimension is missing: unsqueeze\(1\)"),
        ((8, 8), (4, 1, 3, 3), {}, r"takes an input \(N, C, and 2 spatial dimensions\)"),
        ((1, 4, 8, 8), (4, 2, 3), {}, r"weight with 4 dimensions, got float64\[4, 2, 3\]"),
        ((1, 4, 8, 8), (5, 2, 3, 3), {"groups": 2}, r"cannot be split into groups=2"),
        ((1, 3, 2, 2), (4, 3, 3, 3), {}, r"spans \[3, 3\].* does not fit into the input \[2, 2\]"),
        ((1, 3, 8, 8), (4, 3, 3, 3), {"padding": "full"}, "'same', 'valid' or numbers"),
        ((1, 3, 8, 8), (4, 3, 3, 3), {"padding": "same", "stride": 2}, "'same' needs stride 1"),
        ((1, 3, 8, 8), (4, 3, 3, 3), {"stride": 0}, "stride must be at least 1"),
        ((1, 3, 8, 8), (4, 3, 3, 3), {"dilation": (1, 2, 3)}, "dilation takes one number or 2"),
        (
            (1, 3, 8, 8),
            (4, 3, 3, 3),
            {"bias": values(3)},
            r"bias \[3\] must have one element for each of the 4",
        ),
    ],
)
def test_errors_say_what_does_not_fit(input, weight, more, message):
    with pytest.raises(RuntimeError, match=f"conv2d.*{message}"):
        F.conv2d(values(*input), values(*weight), **more)


def test_errors_of_the_transpose():
    x, weight = values(1, 3, 4), values(3, 2, 3)
    with pytest.raises(RuntimeError, match="expects 3 input channels"):
        F.conv_transpose1d(values(1, 2, 4), weight)
    with pytest.raises(RuntimeError, match="output_padding 1 must be smaller than stride or dilation"):
        F.conv_transpose1d(x, weight, output_padding=1)
    with pytest.raises(RuntimeError, match="nothing is left"):
        F.conv_transpose1d(x, weight, padding=3)


def test_types_are_not_mixed():
    with pytest.raises(
        RuntimeError, match=r"conv1d: .*float32\[1, 1, 4\] and float64\[1, 1, 3\].* one element type"
    ):
        F.conv1d(koubai.ones(1, 1, 4), values(1, 1, 3))
