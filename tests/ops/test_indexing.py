"""Indexing: every kind of index read and written as NumPy does it, with gradients and traced replays.

NumPy counts integers among the advanced indices and PyTorch does not, so the two are not mixed here; the parity suite
mixes them.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, basic_indices, broadcastable_shapes

import koubai
from koubai.ops.op import DataDependentError

from .agreement import SETTINGS, check, numbers

SHAPES = array_shapes(min_dims=1, max_dims=4, max_side=4)


def goes_forward(index):
    """Tell whether no slice of the index runs backwards, which PyTorch has not."""
    parts = index if isinstance(index, tuple) else (index,)
    return not any(isinstance(part, slice) and part.step is not None and part.step < 0 for part in parts)


@st.composite
def basic(draw):
    """A shape and an index of integers, slices, None and dots."""
    shape = draw(SHAPES)
    return shape, draw(basic_indices(shape, allow_newaxis=True).filter(goes_forward))


@st.composite
def advanced(draw, masks=True):
    """A shape and an index that has integer arrays or a mask, between slices and None."""
    shape = draw(SHAPES)
    common = draw(array_shapes(min_dims=0, max_dims=2, max_side=3))
    dim, index, masked = 0, [], False
    while dim < len(shape):
        kind = draw(
            st.sampled_from(["slice", "array", "array", "none", "mask"] if masks else ["slice", "array"])
        )
        if kind == "none" and len(index) < 6:
            index.append(None)
            continue
        if kind == "mask" and not masked and common in ((), (1,)):
            size = draw(st.integers(1, len(shape) - dim))
            index.append(draw(arrays(bool, shape[dim : dim + size])))
            dim, masked = dim + size, True
            continue
        length = shape[dim]
        if kind == "array":
            small = draw(broadcastable_shapes(common, max_dims=len(common))) if common else ()
            index.append(draw(arrays(np.int64, small, elements=st.integers(-length, length - 1))))
        else:
            index.append(
                slice(
                    draw(st.integers(0, 1)),
                    draw(st.sampled_from([None, -1, length])),
                    draw(st.integers(1, 2)),
                )
            )
        dim += 1
    return shape, tuple(np.atleast_1d(part) if isinstance(part, np.ndarray) else part for part in index)


def as_tensors(index):
    """Return the index with tensors in the place of arrays."""
    return tuple(koubai.from_numpy(part) if isinstance(part, np.ndarray) else part for part in index)


def has_mask(index):
    return any(isinstance(part, np.ndarray) and part.dtype == bool for part in index)


@SETTINGS
@given(basic())
def test_basic_reads_are_numpys(case):
    shape, index = case
    x = numbers(*shape)
    check(lambda t: t[index], np.asarray(x[index]), x)


@SETTINGS
@given(basic(), st.data())
def test_basic_writes_are_numpys(case, data):
    shape, index = case
    x = numbers(*shape)
    part = np.asarray(x[index]).shape
    value = numbers(
        *(n if data.draw(st.booleans()) else 1 for n in part[data.draw(st.integers(0, len(part))) :]), seed=1
    )
    expected = x.copy()
    expected[index] = value
    check(written(index), expected, x, value)


def written(index):
    """Return the function that writes into a copy."""

    def write(t, value):
        t = t.clone()
        t[index] = value
        return t

    return write


@SETTINGS
@given(advanced())
def test_advanced_reads_are_numpys(case):
    shape, index = case
    x = numbers(*shape)
    if has_mask(index):
        t = koubai.from_numpy(x)
        np.testing.assert_array_equal(t[as_tensors(index)].numpy(), x[index])
        koubai.check_gradients(lambda t: t[as_tensors(index)], t)
    else:
        check(lambda t: t[as_tensors(index)], x[index], x)


@SETTINGS
@given(advanced())
def test_advanced_writes_are_numpys(case):
    shape, index = case
    x = numbers(*shape)
    value = numbers(*x[index].shape, seed=1)
    expected = x.copy()
    expected[index] = value
    if not has_mask(index):
        check(written(as_tensors(index)), expected, x, value)
    single = x.copy()
    single[index] = 9
    t = koubai.from_numpy(x)
    t[as_tensors(index)] = 9
    np.testing.assert_array_equal(t.numpy(), single)


@SETTINGS
@given(advanced(masks=False))
def test_accumulating_writes_add_up(case):
    shape, index = case
    x, index = numbers(*shape), tuple(i for i in index if isinstance(i, np.ndarray))
    index = index[:1] or (np.zeros(1, np.int64),)
    index = (index[0] % shape[0],)
    value = numbers(*x[index].shape, seed=1)
    expected = x.copy()
    np.add.at(expected, index, value)
    t = as_tensors(index)
    function = lambda a, v: koubai.index_put(a, t, v, accumulate=True)  # noqa: E731
    np.testing.assert_allclose(function(koubai.from_numpy(x), koubai.from_numpy(value)).numpy(), expected)
    koubai.check_gradients(function, koubai.from_numpy(x), koubai.from_numpy(value))


def test_gradients_of_gradients():
    x, v = koubai.from_numpy(numbers(3, 4)), koubai.from_numpy(numbers(2))
    rows, columns = koubai.tensor([0, 2]), koubai.tensor([1, 1])
    koubai.check_gradients(lambda x: x[rows, columns].prod(), x, order=2)
    koubai.check_gradients(lambda x, v: (written((rows, columns))(x, v) ** 3).sum(), x, v, order=2)


def test_integers_do_not_move_dimensions():
    x = koubai.zeros(2, 3, 4, 5)
    assert x[0, :, :, [1, 2]].shape == (3, 4, 2)
    assert x[:, 0, :, [1, 2]].shape == (2, 4, 2)
    assert x[[0, 1], :, 0, [1, 2]].shape == (2, 3)
    assert x[[0, 1], :, :, [1, 2]].shape == (2, 3, 4)


def test_single_bools_add_a_dimension():
    x = koubai.arange(3)
    assert x[True].shape == (1, 3)
    assert x[False].shape == (0, 3)
    assert x[koubai.tensor(True)].shape == (1, 3)


def test_lists_and_arrays_are_tensors():
    x = koubai.arange(12).reshape(3, 4)
    assert x[[2, 0]].tolist() == x[np.array([2, 0])].tolist() == x[koubai.tensor([2, 0])].tolist()
    assert x[[]].shape == (0, 4)
    assert x[np.int64(1), [True, False, False, True]].tolist() == [4, 7]


def test_a_single_number_reads_a_view_and_traces_as_data():
    x, at = koubai.arange(12.0).reshape(3, 4), koubai.tensor(2)
    assert x[at].tolist() == x[2].tolist()
    x[at][0] = 100
    assert x[2, 0].item() == 100
    program = koubai.trace(lambda x, at: x[:, at, None], x, at)
    assert program(x, koubai.tensor(1)).tolist() == x[:, 1, None].tolist()
    program = koubai.trace(written((slice(None), koubai.tensor([0, 1]))), x, koubai.zeros(2))
    assert program(x, koubai.zeros(2))[:, :2].sum().item() == 0


def test_traced_numbers_count_as_integers_do():
    x, at, pair = koubai.arange(24.0).reshape(2, 3, 4), koubai.tensor(1), koubai.tensor([0, 3])
    program = koubai.trace(lambda at, pair: x[at, :, pair], at, pair)
    assert (program(at, pair) == x[1, :, pair]).all()


def test_masks_write_traced_but_do_not_read():
    def clipped(x):
        x = x.clone()
        x[x > 3] = 3
        x[x.sum(1) > 5] = koubai.tensor([7.0, 8.0])
        return x

    x = koubai.tensor([[1.0, 9.0], [3.0, 3.0]])
    assert koubai.trace(clipped, x)(x).tolist() == clipped(x).tolist() == [[1.0, 3.0], [7.0, 8.0]]
    with pytest.raises(DataDependentError, match="how many elements of bool"):
        koubai.trace(lambda x: x[x > 3], x)


def test_of_several_values_for_one_place_the_last_counts():
    x, v = koubai.zeros(3), koubai.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[koubai.tensor([1, 0, 1])] = v
    x.sum().backward()
    assert x.tolist() == [2.0, 3.0, 0.0]
    assert v.grad.tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (5, IndexError, "index 5 is out of range for dimension 0, which has size 3"),
        ((0, -5), IndexError, "index -5 is out of range for dimension 1, which has size 4"),
        ((0, 0, 0), IndexError, "for 3 dimensions"),
        (slice(None, None, -1), ValueError, "flip"),
        (1.0, IndexError, "not float"),
        ("x", IndexError, "not str"),
        ([0.5], IndexError, "must be integers or bool, not float"),
        ([0, 3], IndexError, "index 3 is out of range for dimension 0, which has size 3"),
        ([[0], [-4]], IndexError, "index -4 is out of range for dimension 0"),
        ((slice(None), [4]), IndexError, "index 4 is out of range for dimension 1, which has size 4"),
        ([True, False], IndexError, r"mask of shape \[2\] does not fit \[3, 4\] at dimension 0"),
        (([0, 1], [0, 1, 2]), RuntimeError, "do not broadcast"),
    ],
)
def test_mistakes_are_explained(index, error, message):
    x = koubai.zeros(3, 4)
    with pytest.raises(error, match=message):
        x[index]
    with pytest.raises(error, match=message):
        x[index] = 1


def test_positions_out_of_range_are_noticed_in_replays_too():
    x = koubai.zeros(3, 4)
    program = koubai.trace(lambda x, i: x[i], x, koubai.tensor([0]))
    with pytest.raises(IndexError, match="index 3 is out of range"):
        program(x, koubai.tensor([3]))


def test_values_that_do_not_fit_are_refused():
    x = koubai.zeros(3, 4)
    for index in (0, [0, 1], (slice(None), [1])):
        with pytest.raises(RuntimeError):
            x[index] = koubai.zeros(7)
    with pytest.raises(RuntimeError):
        x[koubai.ones(3, 4) > 0] = koubai.zeros(5)
