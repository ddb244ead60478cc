"""Shapes: what NumPy has is compared with NumPy, over random shapes and dimensions; the rest by its own law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, broadcastable_shapes, mutually_broadcastable_shapes

import koubai
from koubai.nn import functional as F

from .agreement import SETTINGS, check, numbers

SHAPES = array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)
FULL_SHAPES = array_shapes(min_dims=1, max_dims=4, max_side=4)


@st.composite
def shape_and_dim(draw, shapes=FULL_SHAPES):
    """A shape, and a dimension of it counted from either end."""
    shape = draw(shapes)
    return shape, draw(st.integers(-len(shape), len(shape) - 1))


@st.composite
def regrouped(draw):
    """Two shapes for the same elements."""
    shape = draw(FULL_SHAPES)
    count, lengths = math.prod(shape), []
    while count > 1:
        lengths.append(draw(st.sampled_from([n for n in range(2, count + 1) if count % n == 0])))
        count //= lengths[-1]
    return shape, tuple(draw(st.permutations([*lengths, 1])))


@SETTINGS
@given(regrouped(), st.data())
def test_reshape(shapes, data):
    old, new = shapes
    x = numbers(*old)
    check(lambda t: t.reshape(new), x.reshape(new), x)
    left_out = data.draw(st.integers(0, len(new) - 1))
    inferred = tuple(-1 if at == left_out else n for at, n in enumerate(new))
    assert koubai.zeros(old).view(*inferred).shape == new


@SETTINGS
@given(FULL_SHAPES, st.data())
def test_permute(shape, data):
    dims = data.draw(st.permutations(range(len(shape))))
    signed = [data.draw(st.sampled_from([d, d - len(shape)])) for d in dims]
    x = numbers(*shape)
    check(lambda t: t.permute(signed), x.transpose(dims), x)


@SETTINGS
@given(shape_and_dim(), st.data())
def test_moving_and_exchanging_dimensions(shape_dim, data):
    shape, dim = shape_dim
    other = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = numbers(*shape)
    check(lambda t: koubai.movedim(t, dim, other), np.moveaxis(x, dim, other), x)
    check(lambda t: koubai.transpose(t, dim, other), np.swapaxes(x, dim, other), x)


@SETTINGS
@given(FULL_SHAPES.flatmap(lambda shape: st.tuples(st.just(shape), broadcastable_shapes(shape, min_dims=1))))
def test_expand(shapes):
    shape, small = shapes
    wide = np.broadcast_shapes(shape, small)
    x = numbers(*small)
    check(lambda t: t.expand(wide), np.broadcast_to(x, wide), x)


@SETTINGS
@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3))
def test_broadcasting_several(shapes):
    xs = [numbers(*shape) for shape in shapes.input_shapes]
    check(lambda *ts: koubai.broadcast_tensors(*ts), np.broadcast_arrays(*xs), *xs)
    assert koubai.broadcast_shapes(*shapes.input_shapes) == shapes.result_shape


@SETTINGS
@given(shape_and_dim())
def test_squeeze_undoes_unsqueeze(shape_dim):
    shape, dim = shape_dim
    x = numbers(*shape)
    check(lambda t: t.unsqueeze(dim), np.expand_dims(x, dim), x)
    check(lambda t: t.unsqueeze(dim).squeeze(dim), x, x)
    check(lambda t: t.squeeze(), x.squeeze(), x)


@SETTINGS
@given(shape_and_dim(SHAPES), st.integers(1, 3))
def test_cat_and_stack(shape_dim, count):
    shape, dim = shape_dim
    xs = [numbers(*shape, seed=seed) for seed in range(count)]
    check(lambda *ts: koubai.stack(ts, dim), np.stack(xs, dim), *xs)
    if shape != (0,):
        check(lambda *ts: koubai.cat(ts, dim), np.concatenate(xs, dim), *xs)


@SETTINGS
@given(shape_and_dim(), st.data())
def test_splits_put_together_are_the_whole(shape_dim, data):
    shape, dim = shape_dim
    x, length = numbers(*shape), shape[dim]
    t = koubai.from_numpy(x)
    size, sections = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    for parts in (t.split(size, dim), t.chunk(sections, dim), t.tensor_split(sections, dim)):
        np.testing.assert_array_equal(koubai.cat(parts, dim).numpy(), x)
    check(lambda t: t.tensor_split(sections, dim), np.array_split(x, sections, dim), x)
    cut = data.draw(st.integers(-length, length))
    check(lambda t: t.tensor_split([cut], dim), np.split(x, [cut], dim), x)
    check(lambda t: t.unbind(dim), [x.take(at, dim) for at in range(length)], x)


@SETTINGS
@given(shape_and_dim(), st.integers(-6, 6))
def test_flip_and_roll(shape_dim, shift):
    shape, dim = shape_dim
    x = numbers(*shape)
    check(lambda t: koubai.flip(t, [dim]), np.flip(x, dim), x)
    check(lambda t: koubai.roll(t, shift, dim), np.roll(x, shift, dim), x)
    check(lambda t: koubai.roll(t, shift), np.roll(x, shift), x)


@SETTINGS
@given(array_shapes(min_dims=2, max_dims=4, max_side=3), st.integers(-5, 5), st.booleans())
def test_rot90(shape, turns, swapped):
    dims = (-1, 0) if swapped else (0, -1)
    x = numbers(*shape)
    check(lambda t: koubai.rot90(t, turns, dims), np.rot90(x, turns, dims), x)


@SETTINGS
@given(array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=4), st.integers(-4, 4))
def test_triangles_and_diagonals(shape, offset):
    x = numbers(*shape)
    check(lambda t: t.tril(offset), np.tril(x, offset), x)
    check(lambda t: t.triu(offset), np.triu(x, offset), x)
    if -shape[-2] <= offset <= shape[-1]:
        check(lambda t: t.diagonal(offset, -2, -1), x.diagonal(offset, -2, -1), x)
    check(lambda t: t.diag_embed(offset).diagonal(offset, -2, -1), x, x)


@SETTINGS
@given(array_shapes(max_dims=3, max_side=3), st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_repetition(shape, counts):
    x = numbers(*shape)
    check(lambda t: koubai.tile(t, counts), np.tile(x, counts), x)
    if len(counts) >= len(shape):
        check(lambda t: t.repeat(counts), np.tile(x, counts), x)
    check(lambda t: t.repeat_interleave(counts[0], 0), x.repeat(counts[0], 0), x)


def test_repetition_by_numbers_of_their_own():
    x = koubai.arange(6.0).reshape(2, 3)
    repeated = x.repeat_interleave(koubai.tensor([2, 0, 1]), dim=1)
    assert repeated.tolist() == [[0.0, 0.0, 2.0], [3.0, 3.0, 5.0]]
    assert koubai.repeat_interleave(koubai.tensor([1, 3])).tolist() == [0, 1, 1, 1]


@SETTINGS
@given(shape_and_dim(), st.data())
def test_unfold_gives_all_windows(shape_dim, data):
    shape, dim = shape_dim
    size, step = data.draw(st.integers(1, shape[dim])), data.draw(st.integers(1, 3))
    x = numbers(*shape)
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dim)
    every = (slice(None),) * (dim % len(shape)) + (slice(None, None, step),)
    check(lambda t: t.unfold(dim, size, step), windows[every], x)


@SETTINGS
@given(array_shapes(min_dims=2, max_dims=4, min_side=2, max_side=4), st.data())
def test_padding(shape, data):
    x = numbers(*shape)
    sides = [tuple(data.draw(st.integers(0, n - 1)) for _ in "ab") for n in shape[1:]]
    pad = [n for pair in reversed(sides) for n in pair]
    whole = [(0, 0), *sides]
    check(lambda t: F.pad(t, pad, value=2.5), np.pad(x, whole, constant_values=2.5), x)
    pad, whole = (pad[:2], [(0, 0)] * (len(shape) - 1) + sides[-1:]) if len(shape) > 3 else (pad, whole)
    for mode, name in (("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")):
        if len(pad) // 2 >= len(shape) - 2:
            check(lambda t, mode=mode: F.pad(t, pad, mode=mode), np.pad(x, whole, name), x)


def test_negative_padding_cuts():
    x = koubai.arange(5.0)
    assert F.pad(x, (-1, 2)).tolist() == [1.0, 2.0, 3.0, 4.0, 0.0, 0.0]
    assert F.pad(x, (3, -4), value=9.0).tolist() == [9.0, 9.0, 9.0, 0.0]


@SETTINGS
@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.sampled_from(["ij", "xy"]))
def test_grids(lengths, indexing):
    xs = [numbers(length, seed=at) for at, length in enumerate(lengths)]
    check(lambda *ts: koubai.meshgrid(*ts, indexing=indexing), np.meshgrid(*xs, indexing=indexing), *xs)


def test_joining_by_names():
    a, b = koubai.arange(3.0), koubai.arange(3.0) + 10
    assert koubai.hstack([a, b]).shape == (6,)
    assert koubai.vstack([a, b]).shape == (2, 3)
    assert koubai.dstack([a, b]).shape == (1, 3, 2)
    assert koubai.column_stack([a, b]).tolist() == [[0.0, 10.0], [1.0, 11.0], [2.0, 12.0]]
    assert koubai.block_diag(koubai.ones(1, 2), a).tolist() == [[1, 1, 0, 0, 0], [0, 0, 0, 1, 2]]
    assert koubai.cartesian_prod(koubai.tensor([1, 2]), koubai.tensor([3, 4])).tolist() == [
        [1, 3],
        [1, 4],
        [2, 3],
        [2, 4],
    ]


def test_joining_promotes_and_leaves_out_what_is_empty():
    joined = koubai.cat([koubai.arange(2), koubai.tensor([]), koubai.tensor([0.5])])
    assert joined.dtype == koubai.float32
    assert joined.tolist() == [0.0, 1.0, 0.5]


def test_flatten_and_unflatten():
    x = koubai.zeros(2, 3, 4)
    assert x.flatten().shape == (24,)
    assert x.flatten(1).shape == (2, 12)
    assert x.flatten(0, 1).shape == (6, 4)
    assert koubai.tensor(1.0).flatten().shape == (1,)
    assert x.unflatten(-1, (2, -1)).shape == (2, 3, 2, 2)


def test_transposed_forms():
    x = koubai.zeros(2, 3, 4)
    assert x.mT.shape == (2, 4, 3)
    assert x[0].T.shape == x[0].t().shape == (4, 3)
    assert koubai.zeros(3).t().shape == (3,)
    assert [koubai.atleast_3d(koubai.zeros(s)).shape for s in ((), (2,), (2, 3))] == [
        (1, 1, 1),
        (1, 2, 1),
        (2, 3, 1),
    ]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.reshape(4), RuntimeError, r"\[2, 3\], which is 6 elements, cannot take the shape \[4\]"),
        (lambda x: x.reshape(-1, -1), RuntimeError, "reshape"),
        (lambda x: x.reshape(-1, 4), RuntimeError, "reshape"),
        (lambda x: x.t().view(6), RuntimeError, r"strides \[1, 3\].*use reshape"),
        (lambda x: x.permute(0), RuntimeError, "does not name each dimension"),
        (lambda x: x.transpose(0, 2), IndexError, "dimension 2 is out of range"),
        (lambda x: x.expand(4, 3), RuntimeError, "expand"),
        (lambda x: x.squeeze(5), IndexError, "out of range"),
        (lambda x: koubai.cat([x, x.t()]), RuntimeError, r"cat.*\[2, 3\].*\[3, 2\]"),
        (lambda x: koubai.cat([]), ValueError, "no tensor"),
        (lambda x: koubai.stack([x, x.t()]), RuntimeError, "one shape"),
        (lambda x: x.split([1, 2], 0), RuntimeError, r"\[1, 2\] do not add up to 2"),
        (lambda x: x.chunk(0), RuntimeError, "at least 1 chunk"),
        (lambda x: x.narrow(1, 2, 3), RuntimeError, "do not lie within dimension 1 of size 3"),
        (lambda x: x.select(0, 2), IndexError, "index 2 is out of range"),
        (lambda x: x.unfold(1, 4, 1), RuntimeError, "windows of size 4 do not fit"),
        (lambda x: x.unfold(1, 2, 0), RuntimeError, "at least 1"),
        (lambda x: x.repeat(2), RuntimeError, "one number >= 0 for each dimension"),
        (lambda x: F.pad(x, (1, 1, 1)), RuntimeError, "pairs"),
        (lambda x: F.pad(x, (3, 0), mode="reflect"), RuntimeError, "does not fit dimension 1 of size 3"),
        (lambda x: F.pad(x, (1, 0), mode="mirror"), ValueError, "mirror"),
        (lambda x: koubai.meshgrid(x), RuntimeError, "one-dimensional"),
        (lambda x: x[0].diagonal(), IndexError, "out of range"),
        (lambda x: x.diagonal(dim1=0, dim2=0), RuntimeError, "two dimensions"),
        (lambda x: koubai.rot90(x, 1, (0, 0)), RuntimeError, "dim"),
        (lambda x: x.movedim((0, 1), (0,)), RuntimeError, "one to one"),
    ],
)
def test_mistakes_are_explained(call, error, message):
    with pytest.raises(error, match=message):
        call(koubai.zeros(2, 3))


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("times", [1, 3])
def test_what_is_repeated_is_no_view(length: int, times: int) -> None:
    x = koubai.ones(length)
    x.repeat_interleave(times, 0).zero_()
    assert x.tolist() == [1.0] * length
