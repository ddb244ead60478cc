"""Pooling: values against plain loops, gradients against numerical differentiation, ties, NaN and the
messages."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai import check_gradients
from koubai.nn import functional as F

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)
MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
ADAPTIVE_AVG = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


def values(*shape: int, seed: int = 0) -> koubai.Tensor:
    """Numbers in float64 that all differ by at least 0.01, in random order."""
    generator = np.random.default_rng([seed, *shape])
    return koubai.from_numpy(generator.permutation(math.prod(shape)).reshape(shape) / 100 - 1)


@st.composite
def poolings(draw, dilated=True):
    """A pooling: the shape of its input, and its arguments."""
    rank = draw(st.integers(1, 3))

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride, dilation = each(1, 3), each(1, 3), each(1, 2) if dilated else (1,) * rank
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    lengths = tuple(span + more for span, more in zip(spans, each(0, 4 if rank < 3 else 2)))
    arguments = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "ceil_mode": draw(st.booleans()),
    }
    return rank, (2, 2, *lengths), arguments | ({"dilation": dilation} if dilated else {})


def windows(lengths, kernel_size, stride, padding, ceil_mode, dilation=None):
    """The windows of a pooling: how many there are, and for each its place and the indices that lie
    inside."""
    dilation = dilation or [1] * len(kernel_size)
    counts = []
    for length, k, s, p, d in zip(lengths, kernel_size, stride, padding, dilation):
        room = (length + 2 * p - d * (k - 1) - 1) / s
        count = (math.ceil(room) if ceil_mode else math.floor(room)) + 1
        counts.append(count - 1 if (count - 1) * s >= length + p else count)
    for place in np.ndindex(*counts):
        starts = [t * s - p for t, s, p in zip(place, stride, padding)]
        axes = [[a + d * i for i in range(k)] for a, k, d in zip(starts, kernel_size, dilation)]
        yield (
            counts,
            place,
            starts,
            np.ix_(*([i for i in axis if 0 <= i < n] for axis, n in zip(axes, lengths))),
        )


@SETTINGS
@given(poolings())
def test_max_pooling_is_the_maximum_of_each_window(pooling):
    rank, shape, arguments = pooling
    x = values(*shape)
    result, indices = MAX[rank](x, **arguments, return_indices=True)
    flat = np.arange(math.prod(shape[2:])).reshape(shape[2:])
    for counts, place, _, inside in windows(shape[2:], **arguments):
        assert result.shape == (*shape[:2], *counts)
        part = x.numpy()[(slice(None), slice(None), *inside)].reshape(*shape[:2], -1)
        assert (result.numpy()[(..., *place)] == part.max(-1)).all()
        assert (indices.numpy()[(..., *place)] == flat[inside].reshape(-1)[part.argmax(-1)]).all()

    def pool(x):
        return MAX[rank](x, **arguments)

    assert koubai.trace(pool, x)(x).numpy().tobytes() == result.numpy().tobytes()
    check_gradients(pool, x, order=2)


@SETTINGS
@given(poolings(dilated=False), st.booleans(), st.sampled_from([None, 3, -2]))
def test_average_pooling_is_the_mean_of_each_window(pooling, count_include_pad, divisor):
    rank, shape, arguments = pooling
    x = values(*shape)

    def pool(x):
        more = {"count_include_pad": count_include_pad, "divisor_override": divisor}
        return AVG[rank](x, **arguments, **more)

    result = pool(x)
    for counts, place, starts, inside in windows(shape[2:], **arguments):
        assert result.shape == (*shape[:2], *counts)
        part = x.numpy()[(slice(None), slice(None), *inside)].reshape(*shape[:2], -1)
        ends = zip(starts, arguments["kernel_size"], shape[2:], arguments["padding"])
        padded = math.prod(min(start + k, length + p) - start for start, k, length, p in ends)
        count = divisor or (padded if count_include_pad else part.shape[-1])
        np.testing.assert_allclose(result.numpy()[(..., *place)], part.sum(-1) / count, atol=1e-12)
    assert koubai.trace(pool, x)(x).numpy().tobytes() == result.numpy().tobytes()
    check_gradients(pool, x, order=2)


@SETTINGS
@given(st.lists(st.tuples(st.integers(1, 7), st.none() | st.integers(1, 8)), min_size=1, max_size=3))
def test_adaptive_pooling_shares_the_input_out(dimensions):
    lengths, sizes = zip(*dimensions)
    x = values(1, 2, *lengths)
    rank = len(lengths)
    largest, indices = ADAPTIVE_MAX[rank](x, sizes, return_indices=True)
    mean = ADAPTIVE_AVG[rank](x, sizes)
    counts = [length if size is None else size for length, size in dimensions]
    assert largest.shape == mean.shape == indices.shape == (1, 2, *counts)
    for place in np.ndindex(*counts):
        bounds = [(t * n // c, -(-(t + 1) * n // c)) for t, n, c in zip(place, lengths, counts)]
        part = x.numpy()[(0, slice(None), *(slice(*bound) for bound in bounds))].reshape(2, -1)
        np.testing.assert_allclose(mean.numpy()[(0, slice(None), *place)], part.mean(1), atol=1e-12)
        assert (largest.numpy()[(0, slice(None), *place)] == part.max(1)).all()
    picked = np.take_along_axis(x.numpy().reshape(2, -1), indices.numpy().reshape(2, -1), 1)
    assert (picked == largest.numpy().reshape(2, -1)).all()
    check_gradients(lambda x: ADAPTIVE_AVG[rank](x, sizes), x, order=2)
    check_gradients(lambda x: ADAPTIVE_MAX[rank](x, sizes), x, order=2)


def test_the_first_of_equal_elements_gets_the_gradient():
    x = koubai.tensor([[[1.0, 3.0, 3.0, 2.0, 0.0, 0.0]]], requires_grad=True)
    F.max_pool1d(x, 3).sum().backward()
    assert x.grad.tolist() == [[[0, 1, 0, 1, 0, 0]]]


def test_padding_is_never_the_maximum():
    x = koubai.full((1, 1, 4), -math.inf, requires_grad=True)
    result, indices = F.max_pool1d(x, 3, stride=1, padding=1, return_indices=True)
    assert result.tolist() == [[[-math.inf] * 4]]
    assert indices.tolist() == [[[0, 0, 1, 2]]]
    result.sum().backward()
    assert x.grad.tolist() == [[[2, 1, 1, 0]]]


def test_nan_is_the_maximum_of_its_window_only():
    x = koubai.tensor([[[math.nan, 1.0, 5.0, 2.0], [0.0, math.nan, math.nan, 7.0]]], requires_grad=True)
    result, indices = F.max_pool1d(x, 2, return_indices=True)
    np.testing.assert_array_equal(result.detach().numpy(), [[[math.nan, 5], [math.nan, math.nan]]])
    assert indices.tolist() == [[[0, 2], [1, 2]]]


def test_an_infinite_gradient_reaches_the_maximum_only():
    x = koubai.tensor([[[1.0, 2.0, 4.0, 3.0]]], requires_grad=True)
    F.max_pool1d(x, 2).backward(koubai.tensor([[[math.inf, math.nan]]]))
    np.testing.assert_array_equal(x.grad.numpy(), [[[0, math.inf, math.nan, 0]]])


def test_unpooling_puts_the_maxima_back():
    x = values(2, 3, 6, 5)
    result, indices = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(result, indices, 2, output_size=x.shape)
    assert back.shape == x.shape
    assert F.max_pool2d(back, 2).tolist() == result.relu().tolist()
    assert (back == 0).sum().item() == x.numel() - result.numel()
    check_gradients(lambda r: F.max_unpool2d(r, indices, 2, output_size=(6, 5)), result, order=2)
    with pytest.raises(IndexError, match="out of range"):
        F.max_unpool2d(result, indices, 2)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_lp_pooling_is_the_norm_of_each_window(p):
    x = values(1, 2, 4, 6).abs()
    parts = x.numpy().reshape(1, 2, 2, 2, 3, 2)
    expected = (parts**p).sum((3, 5)) ** (1 / p)
    np.testing.assert_allclose(F.lp_pool2d(x, p, 2).numpy(), expected)
    check_gradients(lambda x: F.lp_pool2d(x, p, 2), x + 0.1)


def test_lp_pooling_of_zeros_has_gradient_zero():
    x = koubai.zeros(1, 1, 4, requires_grad=True)
    F.lp_pool1d(x, 2, 2).sum().backward()
    assert x.grad.tolist() == [[[0, 0, 0, 0]]]


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
def test_pooling_without_a_batch(pool):
    x = values(3, 6, 4)
    assert pool(x, 2).tolist() == pool(x.unsqueeze(0), 2).squeeze(0).tolist()


@pytest.mark.parametrize("dtype", [koubai.float16, koubai.float32, koubai.int64])
def test_the_element_type_is_kept(dtype):
    x = koubai.tensor([[[-5, -2, 4, 3]]], dtype=dtype)
    assert F.max_pool1d(x, 2).dtype == F.avg_pool1d(x, 2).dtype == dtype
    assert F.max_pool1d(x, 2).tolist() == [[[-2, 4]]]
    assert F.avg_pool1d(x, 2).tolist() == [[[-3, 3] if dtype == koubai.int64 else [-3.5, 3.5]]]


def test_a_window_of_more_than_256_elements():
    x = values(1, 2, 300, 2)
    result, indices = F.max_pool2d(x, (300, 1), return_indices=True)
    assert (result.numpy() == x.numpy().max(2, keepdims=True)).all()
    assert (indices.numpy() // 2 == x.numpy().argmax(2)[:, :, None]).all()
    check_gradients(lambda x: F.max_pool2d(x, (300, 1)), x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 5}, r"max_pool2d: .*spans \[5, 5\].* does not fit into the input \[4, 4\]"),
        ({"kernel_size": 3, "padding": 2}, "max_pool2d: padding .* at most half"),
        ({"kernel_size": 0}, "max_pool2d: kernel_size must be at least 1"),
        ({"kernel_size": (2, 2, 2)}, "max_pool2d: kernel_size takes one number or 2"),
    ],
)
def test_errors_say_what_does_not_fit(arguments, message):
    with pytest.raises(RuntimeError, match=message):
        F.max_pool2d(values(1, 1, 4, 4), **arguments)


def test_errors_of_the_other_poolings():
    with pytest.raises(RuntimeError, match=r"avg_pool1d takes an input \(N, C, and 1 spatial dimensions\)"):
        F.avg_pool1d(values(4), 2)
    with pytest.raises(RuntimeError, match="divisor_override must not be 0"):
        F.avg_pool2d(values(1, 1, 4, 4), 2, divisor_override=0)
    with pytest.raises(RuntimeError, match="adaptive_avg_pool2d: output_size takes one number or 2"):
        F.adaptive_avg_pool2d(values(1, 1, 4, 4), (1, 2, 3))
    with pytest.raises(RuntimeError, match=r"max_unpool1d: .* same shape"):
        F.max_unpool1d(values(1, 1, 4), koubai.zeros(1, 1, 3, dtype=koubai.int64), 2)
