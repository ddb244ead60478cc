"""Clipping of gradients by their common norm and by value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai.optim import clip_grad_norm_, clip_grad_value_, get_total_norm


def parameters(*gradients: list[float]) -> list[koubai.Tensor]:
    made = [koubai.zeros(len(gradient), requires_grad=True) for gradient in gradients]
    for parameter, gradient in zip(made, gradients):
        parameter.grad = koubai.tensor(np.float32(gradient))
    return made


def test_the_norm_is_that_of_one_long_vector() -> None:
    weights = parameters([3.0], [0.0, 4.0])
    assert clip_grad_norm_(weights, 1.0).item() == pytest.approx(5.0)
    np.testing.assert_allclose(weights[0].grad.numpy(), [0.6], rtol=1e-5)
    np.testing.assert_allclose(weights[1].grad.numpy(), [0.0, 0.8], rtol=1e-5)


def test_small_gradients_stay() -> None:
    (weight,) = parameters([0.3, -0.4])
    clip_grad_norm_(weight, 1.0)
    np.testing.assert_array_equal(weight.grad.numpy(), np.float32([0.3, -0.4]))


@given(
    values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=8),
    largest=st.floats(0.01, 10),
    order=st.sampled_from([1.0, 2.0, 3.0, math.inf]),
)
@settings(max_examples=50, deadline=None)
def test_the_norm_is_never_larger_after(values: list[float], largest: float, order: float) -> None:
    weights = parameters(values, [1.0, -1.0])
    clip_grad_norm_(weights, largest, norm_type=order)
    assert get_total_norm([weight.grad for weight in weights], order).item() <= largest * (1 + 1e-5)


@given(
    values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=8),
    largest=st.floats(0.125, 10, width=32),
)
@settings(max_examples=50, deadline=None)
def test_values_are_clipped_one_by_one(values: list[float], largest: float) -> None:
    (weight,) = parameters(values)
    clip_grad_value_([weight], largest)
    np.testing.assert_array_equal(weight.grad.numpy(), np.clip(np.float32(values), -largest, largest))


def test_no_gradients_have_the_norm_zero() -> None:
    assert clip_grad_norm_([koubai.ones(2, requires_grad=True)], 1.0).item() == 0
    assert get_total_norm([]).item() == 0


def test_a_norm_that_is_not_finite_can_be_refused() -> None:
    (weight,) = parameters([math.inf, 1.0])
    with pytest.raises(
        RuntimeError, match=r"norm of order 2\.0 of the gradients is inf.*error_if_nonfinite=False"
    ):
        clip_grad_norm_([weight], 1.0, error_if_nonfinite=True)
    assert weight.grad.numpy()[1] == 1
    assert clip_grad_norm_([weight], 1.0).item() == math.inf


def test_a_used_up_generator_is_remarked() -> None:
    with pytest.warns(UserWarning, match="empty generator"):
        clip_grad_norm_((weight for weight in ()), 1.0)
