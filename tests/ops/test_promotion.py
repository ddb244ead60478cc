"""Types of mixed operations: three categories, and within one tensors before numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import koubai
from koubai import dtypes

from .agreement import SETTINGS

kinds = st.sampled_from(dtypes.ALL)
shapes = st.sampled_from([(), (1,), (2, 1)])
WIDER = [  # pairs whose common type is neither obvious from the order of widths nor NumPy's
    (koubai.uint8, koubai.int8, koubai.int16),
    (koubai.uint8, koubai.int32, koubai.int32),
    (koubai.int64, koubai.float16, koubai.float16),
    (koubai.int64, koubai.float32, koubai.float32),
    (koubai.float16, koubai.float32, koubai.float32),
    (koubai.bool, koubai.uint8, koubai.uint8),
]


@pytest.mark.parametrize(("first", "second", "expected"), WIDER)
def test_common_types(first: np.dtype, second: np.dtype, expected: np.dtype) -> None:
    assert koubai.promote_types(first, second) == koubai.promote_types(second, first) == expected
    assert (koubai.ones(2, dtype=first) + koubai.ones(2, dtype=second)).dtype == expected


@SETTINGS
@given(kinds, kinds, shapes, shapes)
def test_the_order_does_not_matter(a: np.dtype, b: np.dtype, first: tuple, second: tuple) -> None:
    x, y = koubai.ones(first, dtype=a), koubai.ones(second, dtype=b)
    assert (x * y).dtype == (y * x).dtype == koubai.result_type(x, y)


@SETTINGS
@given(kinds, kinds)
def test_a_number_never_widens_a_tensor_of_its_category(a: np.dtype, b: np.dtype) -> None:
    x, zero_dimensional = koubai.ones(2, dtype=a), koubai.ones((), dtype=b)
    if dtypes.category(b) <= dtypes.category(a):
        assert (x + zero_dimensional).dtype == a
    for number in (True, 2, 2.5):
        if dtypes.category(dtypes.scalar_dtype(number)) <= dtypes.category(a):
            assert (x * number).dtype == a


def test_a_number_of_a_higher_category_decides() -> None:
    assert (koubai.ones(2, dtype=koubai.int8) * 2.5).dtype == koubai.float32
    assert (koubai.tensor([True]) + 1).dtype == koubai.int64
    assert (
        koubai.ones(2, dtype=koubai.int64) * koubai.tensor(2.5, dtype=koubai.float64)
    ).dtype == koubai.float64


def test_numbers_wrap_around_in_narrow_integers() -> None:
    x = koubai.tensor([255, 1], dtype=koubai.uint8)
    assert (x + (-3)).tolist() == [252, 254]
    assert koubai.full((1,), -9, dtype=koubai.uint8).tolist() == [247]


def test_arrays_and_numpy_numbers_are_operands() -> None:
    x = koubai.ones(2)
    assert (x * np.float64(2.0)).dtype == koubai.float32
    assert (x * np.array([1.0, 2.0])).dtype == koubai.float64
    assert (np.array([1.0, 2.0]) - x).tolist() == [0.0, 1.0]


@SETTINGS
@given(kinds, shapes)
def test_division_and_functions_give_floating_types(a: np.dtype, shape: tuple) -> None:
    x = koubai.ones(shape, dtype=a)
    expected = a if dtypes.is_floating(a) else koubai.float32
    assert {f(x).dtype for f in (lambda t: t / t, koubai.exp, koubai.sqrt, koubai.sigmoid, koubai.erf)} == {
        expected
    }


def test_replays_have_the_types_of_eager() -> None:
    for a, b in itertools.product(dtypes.ALL, repeat=2):
        x, y = koubai.ones(2, dtype=a), koubai.ones((), dtype=b)
        program = koubai.trace(lambda x, y: (x * y, x / y, x == y), x, y)
        assert [t.dtype for t in program(x, y)] == [t.dtype for t in (x * y, x / y, x == y)]


def test_the_default_type() -> None:
    try:
        koubai.set_default_dtype(koubai.float64)
        assert (
            koubai.tensor(1.5).dtype
            == koubai.zeros(1).dtype
            == koubai.exp(koubai.tensor(1)).dtype
            == np.float64
        )
    finally:
        koubai.set_default_dtype(koubai.float32)
    with pytest.raises(TypeError, match="only floating-point types can be the default type, got int64"):
        koubai.set_default_dtype(koubai.int64)


def test_unknown_types_are_named() -> None:
    with pytest.raises(TypeError, match="koubai has no element type complex128; its types are bool, uint8"):
        koubai.zeros(1, dtype=np.complex128)
