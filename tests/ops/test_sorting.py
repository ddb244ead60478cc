"""Sorting: order, stability, NaN, positions, and gradients that return to where the values came from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import koubai

from .agreement import SETTINGS, check, numbers

SHAPES = array_shapes(max_dims=3, max_side=5)
TIED = SHAPES.flatmap(lambda shape: arrays(np.int64, shape, elements=st.integers(0, 3)))


@SETTINGS
@given(SHAPES, st.data(), st.booleans())
def test_sort(shape, data, descending):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = numbers(*shape)
    ordered = np.sort(x, dim)
    expected = np.flip(ordered, dim) if descending else ordered
    check(lambda t: t.sort(dim, descending).values, expected, x)
    check(lambda t: koubai.msort(t), np.sort(x, 0), x)


@SETTINGS
@given(TIED, st.booleans())
def test_equal_elements_keep_their_order(x, descending):
    order = np.argsort(-x if descending else x, -1, kind="stable")
    check(lambda t: t.argsort(descending=descending), order, x, gradients=False)
    check(
        lambda t: t.sort(descending=descending), [np.take_along_axis(x, order, -1), order], x, gradients=False
    )


@SETTINGS
@given(SHAPES, st.data(), st.booleans())
def test_topk_and_kthvalue(shape, data, largest):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    k = data.draw(st.integers(1, shape[dim]))
    x = numbers(*shape)
    order = np.argsort(-x if largest else x, dim, kind="stable")
    first = order.take(range(k), dim)
    check(lambda t: t.topk(k, dim, largest).indices, first, x, gradients=False)
    check(lambda t: t.topk(k, dim, largest).values, np.take_along_axis(x, first, dim), x)
    check(lambda t: t.kthvalue(k, dim).values, np.sort(x, dim).take(k - 1, dim), x)


@SETTINGS
@given(SHAPES, st.data())
def test_medians(shape, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = numbers(*shape)
    lower = np.sort(x, dim).take((shape[dim] - 1) // 2, dim)
    check(lambda t: t.median(dim).values, lower, x)
    check(lambda t: t.median(dim, keepdim=True).values, np.expand_dims(lower, dim), x)
    check(lambda t: t.median(), np.sort(x, None)[(x.size - 1) // 2], x)


def test_nan_is_the_largest():
    x = koubai.tensor([2.0, float("nan"), 1.0])
    assert x.argsort().tolist() == [2, 0, 1]
    assert x.argsort(descending=True).tolist() == [1, 0, 2]
    assert x.topk(1).indices.tolist() == [1]
    assert x.median(0).indices.item() == 1
    assert x.nanmedian().item() == 1.0


def test_a_number_is_sorted_already():
    x = koubai.tensor(3.0)
    assert x.sort() == (x, koubai.tensor(0))
    assert x.topk(1).values.shape == x.kthvalue(1).values.shape == ()


@SETTINGS
@given(TIED, st.lists(st.integers(-1, 4), max_size=6), st.booleans())
def test_searching_in_rows(x, sought, right):
    rows = np.sort(x, -1)
    values = np.broadcast_to(np.asarray(sought, np.int64), (*x.shape[:-1], len(sought)))
    expected = np.empty(values.shape, np.int64)
    for at in np.ndindex(x.shape[:-1]):
        expected[at] = np.searchsorted(rows[at], values[at], "right" if right else "left")
    check(lambda s, v: koubai.searchsorted(s, v, right=right), expected, rows, values, gradients=False)


def test_buckets():
    boundaries = koubai.tensor([1.0, 3.0, 5.0])
    assert koubai.bucketize(koubai.tensor([0.0, 1.0, 4.0, 9.0]), boundaries).tolist() == [0, 0, 2, 3]
    assert koubai.bucketize(koubai.tensor([1.0]), boundaries, right=True).tolist() == [1]
    assert koubai.bucketize(koubai.tensor([1.0]), boundaries, out_int32=True).dtype == koubai.int32
    shuffled = koubai.tensor([5.0, 1.0, 3.0])
    assert koubai.searchsorted(shuffled, 4.0, sorter=shuffled.argsort()).item() == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.topk(4), RuntimeError, "k=4 is out of range for dimension -1 of size 3"),
        (lambda x: x.kthvalue(0), RuntimeError, "k=0"),
        (lambda x: x[:0].median(0), IndexError, "empty"),
        (lambda x: koubai.searchsorted(x, x, side="middle"), ValueError, "side"),
        (lambda x: koubai.searchsorted(koubai.zeros(2, 3), x), RuntimeError, "do not fit"),
    ],
)
def test_mistakes_are_explained(call, error, message):
    with pytest.raises(error, match=message):
        call(koubai.tensor([1.0, 2.0, 3.0]))
