"""A user's own ops, composites with a declared gradient, and recomputation."""

import gc
import warnings
import weakref

import pytest

import koubai
from koubai.autograd import Function

f64 = koubai.float64


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x * x * g


class Straight(Function):
    """Rounds, and lets the gradient through."""

    @staticmethod
    def forward(ctx, x, scale):
        return (x * scale).round()

    @staticmethod
    def backward(ctx, g):
        return g, None


class ExpOfOutput(Function):
    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


def point(seed: int = 0) -> koubai.Tensor:
    koubai.manual_seed(seed)
    return koubai.randn(3, 4, dtype=f64)


@pytest.mark.parametrize("function", [Cube.apply, ExpOfOutput.apply])
def test_own_gradient_agrees_with_numerical_differentiation_to_second_order(function):
    koubai.check_gradients(lambda x: function(x) * x, point(), order=2)


def test_own_gradient_is_used_even_where_it_is_not_the_derivative():
    x = koubai.tensor([0.3, 1.7], requires_grad=True)
    y = Straight.apply(x, 2.0)
    y.sum().backward()
    assert y.tolist() == [1.0, 3.0]
    assert x.grad.tolist() == [1.0, 1.0]


def test_saved_tensor_changed_in_place_is_refused():
    x = koubai.ones(2, requires_grad=True) * 1
    y = Cube.apply(x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="Cube"):
        y.sum().backward()


def test_wrong_number_of_gradients_is_named():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match=r"Wrong\.backward returned 1 gradients.*2 arguments"):
        Wrong.apply(koubai.ones(2, requires_grad=True), koubai.ones(2)).sum().backward()


def test_gradient_of_wrong_shape_is_named():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g.sum()

    with pytest.raises(RuntimeError, match=r"Wrong\.backward returned a gradient of shape \[\]"):
        Wrong.apply(koubai.ones(2, requires_grad=True)).sum().backward()


def test_composite_with_residuals_has_gradients_of_gradients():
    @koubai.composite(lambda g, x, half: (g * x * half * 2,))
    def half_square(x):
        half = x * 0 + 0.5
        return x * x * half, {"half": half}

    koubai.check_gradients(lambda x: half_square(x) * x, point(), order=2)


def test_results_are_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        y = koubai.nn.functional.softmax(koubai.ones(2, 3, requires_grad=True), 1)
        z = ExpOfOutput.apply(y)
        gone = [weakref.ref(y), weakref.ref(z)]
        del y, z
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()


def chain(x, w):
    for _ in range(3):
        x = koubai.tanh(x @ w)
    return x


def test_checkpoint_gives_the_same_gradients_and_captures_weights():
    w = (point(1).T @ point(2)).requires_grad_()  # (4, 4)
    x = point().requires_grad_()
    chain(x, w).sum().backward()
    expected = x.grad, w.grad
    x.grad = w.grad = None
    koubai.checkpoint(lambda x: chain(x, w), x).sum().backward()
    assert (x.grad == expected[0]).all()
    assert (w.grad == expected[1]).all()


def test_checkpoint_draws_the_same_random_numbers_again():
    x = koubai.ones(100, requires_grad=True)
    koubai.manual_seed(3)
    y = koubai.checkpoint(lambda x: x * (koubai.rand(100) > 0.5).float(), x)
    koubai.rand(5)  # the generator has moved on by the time of backward
    y.sum().backward()
    assert (x.grad == y.detach()).all()


def test_checkpoint_honours_a_functions_own_gradient():
    x = koubai.tensor([0.3, 1.7], requires_grad=True)
    koubai.checkpoint(lambda x: Straight.apply(x, 2.0), x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_checkpoint_second_order():
    w = point(1).T @ point(2)
    koubai.check_gradients(lambda x, w: koubai.checkpoint(chain, x, w), point(), w, order=2)


def test_checkpoint_of_a_function_that_looks_at_values_warns_and_works():
    x = koubai.tensor(2.0, requires_grad=True)
    with pytest.warns(UserWarning, match="checkpoint"):
        y = koubai.checkpoint(lambda x: x * 3 if x > 0 else x, x)
    y.backward()
    assert x.grad.item() == 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        koubai.checkpoint(lambda x: x * 3, x)


class Halves(Function):
    """Returns half of each element, and which elements were positive."""

    materialize = True

    @staticmethod
    def forward(ctx, x):
        positive = (x > 0).to(x.dtype)
        ctx.mark_non_differentiable(positive)
        ctx.set_materialize_grads(Halves.materialize)
        return x / 2, positive, x * 3

    @staticmethod
    def backward(ctx, half, positive, triple):
        Halves.arrived = (half, positive, triple)
        return half / 2 + (0 if triple is None else triple * 3)


def test_an_output_that_is_marked_has_no_gradient():
    half, positive, triple = Halves.apply(koubai.ones(2, requires_grad=True))
    assert [half.requires_grad, positive.requires_grad, triple.requires_grad] == [True, False, True]


@pytest.mark.parametrize("materialize", [True, False])
def test_where_no_gradient_arrives_backward_gets_zeros_or_none(materialize, monkeypatch):
    monkeypatch.setattr(Halves, "materialize", materialize)
    x = koubai.ones(2, requires_grad=True)
    Halves.apply(x)[0].sum().backward()
    triple = Halves.arrived[2]
    assert triple.tolist() == [0.0, 0.0] if materialize else triple is None
    assert x.grad.tolist() == [0.5, 0.5]


def test_a_recipe_names_what_its_gradients_go_to():
    x = koubai.ones(2, requires_grad=True)
    doubled = x * 2
    (first, _), (second, _) = (doubled + koubai.ones(2)).grad_fn.next_functions
    assert first is doubled.grad_fn
    assert second is None
    assert first.next_functions[0][0] is x
