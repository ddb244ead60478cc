"""Numerical differentiation finds right gradients right and wrong ones wrong."""

import pytest

import koubai
from koubai.autograd import Function

f64 = koubai.float64


class WrongSquare(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2.001 * x * g


def point():
    return koubai.tensor([[0.5, -1.5], [2.0, 1.0]], dtype=f64)


def test_numerical_gradient_of_a_polynomial():
    (slope,) = koubai.numerical_gradient(lambda x: (x**3).sum(), point())
    assert koubai.allclose(slope, 3 * point() ** 2, rtol=1e-8)


@pytest.mark.parametrize("full", [False, True])
def test_a_wrong_gradient_is_found_and_located(full):
    koubai.check_gradients(lambda x: x * x, point(), full=full)
    with pytest.raises(koubai.GradientError, match="by numerical differentiation"):
        koubai.check_gradients(WrongSquare.apply, point(), full=full)


def test_a_wrong_second_gradient_is_found():
    class WrongSecond(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x.detach() * g

    koubai.check_gradients(WrongSecond.apply, point())
    with pytest.raises(koubai.GradientError, match="gradient of the gradient"):
        koubai.check_gradients(WrongSecond.apply, point(), order=2)


def test_other_arguments_are_passed_on():
    koubai.check_gradients(lambda x, k, i: (x * k)[i], point(), 3.0, koubai.tensor([0, 1]))


def test_float32_is_refused():
    with pytest.raises(TypeError, match="float64"):
        koubai.check_gradients(lambda x: x * 2, koubai.ones(2))
