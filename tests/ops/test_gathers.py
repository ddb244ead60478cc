"""Gathering and scattering along a dimension: against plain loops, with gradients, replays and messages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import koubai
from koubai.ops.op import DataDependentError

from .agreement import SETTINGS, check, numbers

REDUCTIONS = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


@st.composite
def indexed(draw):
    """A shape, a dimension, and an index along it that is no larger elsewhere."""
    shape = draw(array_shapes(max_dims=3, max_side=4))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = [draw(st.integers(1, n)) for n in shape]
    sizes[dim] = draw(st.integers(1, 5))
    return shape, dim, draw(arrays(np.int64, sizes, elements=st.integers(0, shape[dim] - 1)))


@st.composite
def chosen(draw):
    """A shape, a dimension, and positions along it."""
    shape = draw(array_shapes(max_dims=3, max_side=4))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    index = draw(arrays(np.int64, draw(st.integers(1, 5)), elements=st.integers(0, shape[dim] - 1)))
    return shape, dim, index


def places(index, dim):
    """Give each position of the index with the place it points to."""
    for at in np.ndindex(index.shape):
        to = list(at)
        to[dim] = index[at]
        yield at, tuple(to)


@SETTINGS
@given(indexed())
def test_gather(case):
    shape, dim, index = case
    x, i = numbers(*shape), koubai.from_numpy(index)
    expected = np.empty(index.shape)
    for at, to in places(index, dim):
        expected[at] = x[to]
    check(lambda t: t.gather(dim, i), expected, x)


@SETTINGS
@given(indexed())
def test_scatter(case):
    shape, dim, index = case
    x, source, i = numbers(*shape), numbers(*index.shape, seed=1), koubai.from_numpy(index)
    expected = x.copy()
    for at, to in places(index, dim):
        expected[to] = source[at]
    check(lambda t, s: t.scatter(dim, i, s), expected, x, source)
    single = x.copy()
    for _, to in places(index, dim):
        single[to] = 5
    check(lambda t: t.scatter(dim, i, 5), single, x)


@SETTINGS
@given(indexed(), st.sampled_from(sorted(REDUCTIONS)), st.booleans())
def test_scatter_reduce(case, reduce, include_self):
    shape, dim, index = case
    x, source, i = numbers(*shape), numbers(*index.shape, seed=1) + 0.0625, koubai.from_numpy(index)
    expected, seen = x.copy(), set()
    for at, to in places(index, dim):
        first = not include_self and to not in seen
        expected[to] = source[at] if first else REDUCTIONS[reduce](expected[to], source[at])
        seen.add(to)
    check(lambda t, s: t.scatter_reduce(dim, i, s, reduce, include_self=include_self), expected, x, source)


def test_means_count_what_they_add():
    x, index = koubai.tensor([10.0, 20.0, 30.0]), koubai.tensor([0, 0, 2])
    source = koubai.tensor([1.0, 3.0, 6.0])
    assert x.scatter_reduce(0, index, source, "mean").tolist() == pytest.approx([14 / 3, 20, 18])
    assert x.scatter_reduce(0, index, source, "mean", include_self=False).tolist() == [2.0, 20.0, 6.0]
    whole = x.long().scatter_reduce(0, index, source.long(), "mean")
    assert whole.tolist() == [4, 20, 18]


def test_products_have_gradients_at_zeros():
    x = koubai.tensor([2.0, 0.0, 3.0], dtype=koubai.float64)
    source = koubai.tensor([0.0, 5.0, 0.0, 0.0, 7.0], dtype=koubai.float64)
    index = koubai.tensor([0, 0, 1, 2, 2])
    koubai.check_gradients(lambda x, s: x.scatter_reduce(0, index, s, "prod"), x, source, full=True)


def test_ties_share_the_gradient():
    x = koubai.tensor([4.0, 1.0], requires_grad=True)
    source = koubai.tensor([4.0, 4.0, 0.0], requires_grad=True)
    x.scatter_reduce(0, koubai.tensor([0, 0, 1]), source, "amax").sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1 / 3, 1])
    np.testing.assert_allclose(source.grad.numpy(), [1 / 3, 1 / 3, 0])


@SETTINGS
@given(chosen())
def test_slices_at_positions(case):
    shape, dim, index = case
    x, i = numbers(*shape), koubai.from_numpy(index)
    check(lambda t: t.index_select(dim, i), x.take(index, dim), x)
    source = numbers(*x.take(index, dim).shape, seed=1)
    where = (*[slice(None)] * (dim % len(shape)), index)
    added, copied, filled = x.copy(), x.copy(), x.copy()
    np.add.at(added, where, 2 * source)
    copied[where] = source
    filled[where] = 3
    check(lambda t, s: t.index_add(dim, i, s, alpha=2), added, x, source)
    check(lambda t, s: t.index_copy(dim, i, s), copied, x, source)
    check(lambda t: t.index_fill(dim, i, 3), filled, x)


@SETTINGS
@given(array_shapes(max_dims=3, max_side=4), st.data())
def test_take_and_put(shape, data):
    x = numbers(*shape)
    index = data.draw(arrays(np.int64, (2, 3), elements=st.integers(-x.size, x.size - 1)))
    i, source = koubai.from_numpy(index), numbers(2, 3, seed=1)
    put, added = x.copy(), x.copy()
    np.put(put, index, source)
    np.add.at(added.reshape(-1), index, source)
    check(lambda t: t.take(i), x.take(index), x)
    check(lambda t, s: t.put(i, s), put, x, source)
    check(lambda t, s: t.put(i, s, accumulate=True), added, x, source)


def test_take_along_dim_broadcasts():
    x = numbers(3, 4)
    order = np.argsort(x, 1)
    check(lambda t: t.take_along_dim(t.argsort(1), 1), np.take_along_axis(x, order, 1), x)
    first = koubai.tensor([[0]])
    check(lambda t: koubai.take_along_dim(t, first, 1), x[:, :1], x)
    check(lambda t: koubai.take_along_dim(t, koubai.tensor([3, -1])), x.reshape(-1)[[3, -1]], x)


@SETTINGS
@given(array_shapes(max_dims=3, max_side=4), st.data())
def test_masks(shape, data):
    x, mask = numbers(*shape), data.draw(arrays(bool, shape))
    m = koubai.from_numpy(mask)
    check(lambda t: t.masked_fill(m, 7.0), np.where(mask, 7.0, x), x)
    source = numbers(*shape, seed=1)
    filled = x.copy()
    filled[mask] = source.reshape(-1)[: mask.sum()]
    check(lambda t, s: t.masked_scatter(m, s), filled, x, source)
    t = koubai.from_numpy(x)
    np.testing.assert_array_equal(t.masked_select(m).numpy(), x[mask])
    np.testing.assert_array_equal(m.nonzero().numpy(), np.argwhere(mask))
    for ours, theirs in zip(m.nonzero(as_tuple=True), mask.nonzero(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)
    if mask.any():
        koubai.check_gradients(lambda t: t.masked_select(m), t)


def test_what_depends_on_values_is_not_traced():
    x = koubai.ones(3)
    for function in (koubai.nonzero, koubai.argwhere, lambda x: x.masked_select(x > 0)):
        with pytest.raises(DataDependentError, match="nonzero depends on its values"):
            koubai.trace(function, x)


def test_embedding():
    table, index = numbers(5, 3), koubai.tensor([[4, 0], [4, 2]])
    check(lambda w: koubai.embedding(w, index), table[[[4, 0], [4, 2]]], table)
    weight = koubai.from_numpy(table).requires_grad_()
    koubai.embedding(weight, index, padding_idx=2, scale_grad_by_freq=True).sum().backward()
    assert weight.grad[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 1.0]


def test_numbers_are_vectors_of_one_element():
    x, at = koubai.tensor(2.0), koubai.tensor(0)
    assert x.gather(0, at).shape == x.index_select(0, at).shape == ()
    assert x.scatter(0, at, 5).item() == x.index_fill(0, at, 5).item() == 5.0
    assert x.index_add(0, at, x).item() == 4.0


def test_an_empty_index_does_nothing():
    x, nothing = koubai.ones(3), koubai.zeros(0, dtype=koubai.int64)
    assert x.gather(0, nothing).shape == (0,)
    assert x.scatter(0, nothing, 5).tolist() == x.index_add(0, nothing, koubai.zeros(0)).tolist() == [1.0] * 3


INDEX = koubai.tensor([[0, 9]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda x: x.gather(1, INDEX),
            IndexError,
            "gather: index 9 is out of range for dimension 1, which has size 3",
        ),
        (lambda x: x.gather(1, -INDEX), IndexError, "gather: index -9"),
        (lambda x: x.gather(1, INDEX[0]), RuntimeError, "as many dimensions"),
        (lambda x: x.gather(1, INDEX.expand(3, 2)), RuntimeError, "larger than"),
        (lambda x: x.gather(1, INDEX.double()), IndexError, "integer type, not float64"),
        (lambda x: x.scatter(1, INDEX, 1.0), IndexError, "scatter: index 9"),
        (lambda x: x.scatter(1, INDEX * 0, koubai.ones(1, 1)), RuntimeError, "larger than the source"),
        (lambda x: x.scatter(1, INDEX * 0, INDEX), RuntimeError, "same element type"),
        (lambda x: x.scatter(1, INDEX * 0), TypeError, "src or value"),
        (lambda x: x.scatter(1, INDEX * 0, 1.0, reduce="mean"), ValueError, "mean"),
        (lambda x: x.scatter_reduce(1, INDEX * 0, x, "max"), ValueError, "amax"),
        (lambda x: x.index_select(0, INDEX[0]), IndexError, "index_select: index 9"),
        (lambda x: x.index_select(0, INDEX), IndexError, "must be a vector"),
        (lambda x: x.index_add(0, INDEX[0, :1], x), RuntimeError, r"1 positions need a source \[1, 3\]"),
        (lambda x: x.index_fill(0, INDEX[0], 1.0), IndexError, "index_fill: index 9"),
        (
            lambda x: x.take(INDEX),
            IndexError,
            "take: index 9 is out of range for dimension 0, which has size 6",
        ),
        (lambda x: x.put(INDEX * 0, koubai.ones(1)), RuntimeError, "2 positions"),
        (lambda x: x.masked_fill(x > 0, koubai.ones(3)), RuntimeError, "single number"),
        (lambda x: x.masked_fill(x, 1.0), RuntimeError, "must be bool"),
        (lambda x: x.masked_select(x), RuntimeError, "must be bool"),
        (lambda x: x.masked_scatter(x == x, koubai.ones(2)), IndexError, "masked_scatter: index 5"),
        (
            lambda x: koubai.embedding(x, INDEX),
            IndexError,
            "embedding: index 9 is out of range for dimension 0",
        ),
    ],
)
def test_mistakes_are_explained(call, error, message):
    with pytest.raises(error, match=message):
        call(koubai.zeros(2, 3))
