"""Hooks see, and may replace, what goes into a layer, out of it, and back through it."""

import pytest

import koubai
from koubai import nn


def layer() -> nn.Linear:
    made = nn.Linear(2, 1, bias=False)
    nn.init.ones_(made.weight)
    return made


def test_a_forward_hook_sees_and_replaces_the_output():
    linear, seen = layer(), []
    handle = linear.register_forward_hook(lambda module, args, output: seen.append((module, args, output)))
    x = koubai.ones(1, 2)
    output = linear(x)
    assert seen == [(linear, (x,), output)]
    handle.remove()
    with linear.register_forward_hook(lambda module, args, output: output * 10):
        assert linear(x).item() == 20
    assert linear(x).item() == 2
    assert len(seen) == 1


def test_a_pre_hook_sees_and_replaces_the_arguments():
    linear = layer()
    linear.register_forward_pre_hook(lambda module, args: args[0] * 3)
    assert linear(koubai.ones(1, 2)).item() == 6
    linear.register_forward_pre_hook(lambda module, args: (args[0] + 1,), prepend=True)
    assert linear(koubai.ones(1, 2)).item() == 12


def test_hooks_with_keyword_arguments():
    linear = layer()
    linear.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"input": kwargs["input"] * 2}), with_kwargs=True
    )
    linear.register_forward_hook(lambda m, args, kwargs, out: out + kwargs["input"].sum(), with_kwargs=True)
    assert linear(input=koubai.ones(1, 2)).item() == 8
    linear.register_forward_pre_hook(lambda m, args, kwargs: 5, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or \(args, kwargs\), got 5"):
        linear(input=koubai.ones(1, 2))


def test_a_hook_that_is_always_called_runs_after_an_error_too():
    linear, outputs = layer(), []
    linear.register_forward_hook(lambda m, args, output: outputs.append(output), always_call=True)
    linear.register_forward_hook(lambda m, args, output: outputs.append("plain"))
    with pytest.raises(RuntimeError, match="linear"):
        linear(koubai.ones(1, 3))
    assert outputs == [None]


def test_a_backward_hook_sees_and_replaces_gradients():
    linear, seen = layer(), []

    def look(module, grad_input, grad_output):
        seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 5,)

    linear.register_full_backward_hook(look)
    x = koubai.ones(1, 2, requires_grad=True)
    (linear(x) * 3).sum().backward()
    assert seen == [([[3.0, 3.0]], [[3.0]])]
    assert x.grad.tolist() == [[15.0, 15.0]]
    assert linear.weight.grad.tolist() == [[3.0, 3.0]]


def test_a_backward_pre_hook_replaces_the_gradient_of_the_output():
    linear = layer()
    linear.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 7,))
    linear(koubai.ones(1, 2)).sum().backward()
    assert linear.weight.grad.tolist() == [[7.0, 7.0]]


def test_a_backward_hook_without_input_gradient_gets_none():
    linear, seen = layer(), []
    linear.register_full_backward_hook(
        lambda m, grad_input, grad_output: seen.append((grad_input, len(grad_output)))
    )
    linear(koubai.ones(1, 2)).sum().backward()
    assert seen == [((None,), 1)]


def test_backward_hooks_of_a_layer_with_several_inputs_and_outputs():
    class Both(nn.Module):
        def forward(self, a, factor, b):
            return a * factor, a * b

    both, seen = Both(), []
    both.register_full_backward_hook(
        lambda m, grad_input, grad_output: seen.append((grad_input, grad_output))
    )
    a, b = koubai.tensor(2.0, requires_grad=True), koubai.tensor(3.0, requires_grad=True)
    first, second = both(a, 10, b)
    (first + 2 * second).backward()
    ((grad_input, grad_output),) = seen
    assert [g if g is None else g.item() for g in grad_input] == [16.0, None, 4.0]
    assert [g.item() for g in grad_output] == [1.0, 2.0]


def test_a_backward_hook_must_return_as_many_gradients():
    linear = layer()
    linear.register_full_backward_hook(lambda m, grad_input, grad_output: (None, None))
    with pytest.raises(RuntimeError, match="must return 1 gradients"):
        linear(koubai.ones(1, 2, requires_grad=True)).sum().backward()


def test_hooks_trace():
    linear = layer()
    linear.register_full_backward_hook(lambda m, grad_input, grad_output: (grad_input[0] * 5,))
    linear.register_forward_hook(lambda m, args, output: output * 2)

    def step(x):
        return koubai.grad(linear(x).sum(), x)

    x = koubai.ones(1, 2, requires_grad=True)
    program = koubai.trace(step, x)
    assert program(x)[0].tolist() == step(x)[0].tolist() == [[10.0, 10.0]]
