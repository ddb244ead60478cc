"""Indices that mix integers, slices, None, bools, tensors and masks in any order: read and written as PyTorch does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import koubai

torch = pytest.importorskip("torch")

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True)


@st.composite
def indices(draw: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """A shape and an index of it, with arrays for tensors."""
    shape = draw(array_shapes(min_dims=1, max_dims=4, max_side=4))
    common = draw(st.sampled_from([(), (1,), (2,), (2, 1), (3,)]))
    dim, index = 0, []
    kinds = ["integer", "slice", "tensor", "tensor", "mask", "none", "bool"]
    while dim < len(shape) and len(index) < 6:
        kind, length, used = draw(st.sampled_from(kinds)), shape[dim], 1
        if kind == "integer":
            part: Any = draw(st.integers(-length, length - 1))
        elif kind == "slice":
            part = slice(
                draw(st.integers(-2, 2)), draw(st.sampled_from([None, -1, length])), draw(st.integers(1, 2))
            )
        elif kind == "tensor":
            part = draw(arrays(np.int64, common, elements=st.integers(-length, length - 1)))
        elif kind == "mask":
            used = draw(st.integers(1, len(shape) - dim))
            part = draw(arrays(bool, shape[dim : dim + used]))
        else:
            used, part = 0, None if kind == "none" else draw(st.booleans())
        dim += used
        index.append(part)
    if draw(st.booleans()):  # where it shifts no other part to another dimension
        index.insert(draw(st.integers(0, len(index))) if dim == len(shape) else len(index), ...)
    return shape, tuple(index)


def of(library: Any, index: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the index with the library's tensors in the place of arrays."""
    return tuple(library.from_numpy(part) if isinstance(part, np.ndarray) else part for part in index)


def numbers(library: Any, *shape: int) -> Any:
    """Return different numbers that require gradients."""
    return library.arange(int(np.prod(shape)), dtype=library.float64).reshape(shape).requires_grad_()


def read(library: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> list[Any]:
    """Return what the index reads, and the gradient of the sum of its squares."""
    x = numbers(library, *shape)
    part = x[of(library, index)]
    (gradient,) = library.autograd.grad((part * part).sum(), x)
    return [part.detach().numpy(), gradient.numpy()]


def write(library: Any, shape: tuple[int, ...], index: tuple[Any, ...], single: bool) -> list[Any]:
    """Return what is there after writing, and the gradients."""
    x = numbers(library, *shape)
    y = x * 1
    lengths = (1,) if single else tuple(y[of(library, index)].shape)
    value = (numbers(library, *lengths).detach() + 100).requires_grad_()
    y[of(library, index)] = value
    (gradient,) = library.autograd.grad((y * y).sum(), x)
    return [y.detach().numpy(), gradient.numpy()]


def result_of(function: Any, library: Any, *arguments: Any) -> list[Any] | None:
    """Return the arrays, or None if the library refuses."""
    try:
        return function(library, *arguments)  # type: ignore[no-any-return]
    except (IndexError, RuntimeError, ValueError):
        return None


@SETTINGS
@given(indices())
def test_reads(case: Any) -> None:
    theirs, ours = result_of(read, torch, *case), result_of(read, koubai, *case)
    np.testing.assert_equal(ours, theirs)


@SETTINGS
@given(indices(), st.booleans())
def test_writes(case: Any, single: bool) -> None:
    theirs, ours = result_of(write, torch, *case, single), result_of(write, koubai, *case, single)
    np.testing.assert_equal(ours, theirs)
