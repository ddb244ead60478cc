"""Distinct values and counts, as NumPy finds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import koubai
from koubai.ops.op import DataDependentError

from .agreement import SETTINGS

FEW = array_shapes(max_dims=3, min_side=0, max_side=4).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(-1, 2))
)


@SETTINGS
@given(FEW)
def test_unique_elements(x):
    ours = koubai.unique(koubai.from_numpy(x), return_inverse=True, return_counts=True)
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    for mine, other in zip(ours, (values, inverse.reshape(x.shape), counts), strict=True):
        np.testing.assert_array_equal(mine.numpy(), other, strict=True)


@SETTINGS
@given(FEW.filter(lambda x: x.size), st.data())
def test_unique_slices(x, data):
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    ours = koubai.unique(koubai.from_numpy(x), dim=dim, return_inverse=True, return_counts=True)
    values, inverse, counts = np.unique(x, axis=dim, return_inverse=True, return_counts=True)
    for mine, other in zip(ours, (values, inverse.reshape(-1), counts), strict=True):
        np.testing.assert_array_equal(mine.numpy(), other, strict=True)


def test_runs_of_equal_elements():
    x = koubai.tensor([1, 1, 2, 2, 2, 1])
    values, inverse, counts = koubai.unique_consecutive(x, return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 2, 1]
    assert inverse.tolist() == [0, 0, 1, 1, 1, 2]
    assert counts.tolist() == [2, 3, 1]


def test_counts():
    x = koubai.tensor([2, 0, 2])
    assert koubai.bincount(x).tolist() == [1, 0, 2]
    assert koubai.bincount(x, minlength=4).tolist() == [1, 0, 2, 0]
    assert koubai.bincount(x, weights=koubai.tensor([0.5, 1.0, 1.0])).tolist() == [1.0, 0.0, 1.5]
    assert koubai.bincount(x[:0]).shape == (0,)
    with pytest.raises(IndexError, match="bincount: index -1"):
        koubai.bincount(koubai.tensor([-1]))


@SETTINGS
@given(FEW, FEW, st.booleans())
def test_membership(x, among, invert):
    ours = koubai.isin(koubai.from_numpy(x), koubai.from_numpy(among), invert=invert)
    np.testing.assert_array_equal(ours.numpy(), np.isin(x, among, invert=invert), strict=True)


def test_a_tensor_contains_its_elements():
    x = koubai.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert 3 in x
    assert 7 not in x


def test_they_are_not_traced():
    with pytest.raises(DataDependentError):
        koubai.trace(koubai.unique, koubai.zeros(3))
