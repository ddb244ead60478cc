"""Gradients of equal recipes in a traced program: written down once by their rule, then again for other symbols."""

import numpy as np
import pytest

import koubai
from koubai import nn

x = koubai.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def gradients(function):
    """Gradients of a function of two leaves: eager ones, and those of its traced program."""

    def step(x):
        a, b = koubai.tanh(x), koubai.sin(x)
        a.requires_grad_()
        b.requires_grad_()
        return koubai.grad(function(a, b).sum(), [a, b], allow_unused=True, materialize_grads=True)

    return step(x), koubai.trace(step, x)(x)


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a * a + a * b + b * a + b * b,  # one input twice, and two
        lambda a, b: (a * 2 + b) * 3 + (b * 2 + a) * 5,  # numbers that differ
        lambda a, b: a**2 + b**3 + a**0.0 + b**-1.0,
        lambda a, b: a.detach() * b + a * b.detach(),  # gradients of one input only
        lambda a, b: a.sum(0, keepdim=True) * b + a.sum(1, keepdim=True) * b,
        lambda a, b: a.sum(0) * b + b.sum(1).reshape(2, 1) * a,
        lambda a, b: koubai.where(a > 0, a, b) + koubai.where(b > 0, a, b),
        lambda a, b: koubai.softmax(a, 0) + koubai.softmax(b, 1) + koubai.softmax(b, 0),
        lambda a, b: koubai.cat([a, b]).reshape(2, 6)[:, 1:3] + koubai.cat([b, a]).reshape(2, 6)[:, 2:4],
        lambda a, b: a.T @ b + b.T @ a,
    ],
)
def test_a_program_has_the_gradients_that_eager_finds(function):
    for eager, traced in zip(*gradients(function)):
        np.testing.assert_array_equal(eager.numpy(), traced.numpy())


def test_a_user_s_own_gradient_is_asked_each_time():
    asked = []

    class Scaled(koubai.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            asked.append(g)
            return g * len(asked)

    eager, traced = gradients(lambda a, b: Scaled.apply(a) + Scaled.apply(b))
    assert len(asked) == 4
    assert [g.numpy()[0, 0] for g in (*eager, *traced)] in ([1, 2, 3, 4], [2, 1, 4, 3])


def test_hooks_see_every_gradient():
    seen = []
    layers = [nn.Linear(3, 3) for _ in range(4)]

    def step(x):
        for layer in layers:
            x = koubai.tanh(layer(x))
            x.register_hook(lambda g: seen.append(g.shape) or g * 2)
        x.sum().backward()
        return [layer.weight.grad for layer in layers]

    found = []
    for run in (step, koubai.trace(step, x)):
        for layer in layers:
            layer.weight.grad = layer.bias.grad = None
        found.append([g.numpy() for g in run(x)])
    assert len(seen) == 8
    np.testing.assert_array_equal(*found)


def test_what_was_changed_since_is_refused_in_every_layer():
    def step(x):
        x = koubai.tanh(x).requires_grad_()
        y = koubai.exp(x)
        z = koubai.exp(y)
        y.mul_(2)
        return koubai.grad(z.sum(), x)

    with pytest.raises(RuntimeError, match="changed it in place"):
        koubai.trace(step, x)
