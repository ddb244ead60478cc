"""The reverse sweep: what gradients users get, and what they are told when there is none."""

import gc

import numpy as np
import pytest

import koubai

f64 = koubai.float64


def leaf(*values: float) -> koubai.Tensor:
    return koubai.tensor(values, dtype=f64, requires_grad=True)


def test_gradients_of_several_paths_add_up():
    x = leaf(3.0)
    y = x * x + x * 5
    y.backward()
    assert x.grad.tolist() == [11.0]


def test_gradients_accumulate_over_backward_calls():
    x = leaf(2.0)
    (x * 3).backward()
    (x * 4).backward()
    assert x.grad.tolist() == [7.0]


def test_two_leaves_that_get_the_same_gradient_do_not_share_it():
    x, y = leaf(1.0), leaf(1.0)
    (x + y).backward()
    x.grad.mul_(10)
    assert y.grad.tolist() == [1.0]


def test_broadcasting_is_undone():
    x, y = koubai.ones(3, 1, requires_grad=True), koubai.ones(4, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.tolist() == [[4.0]] * 3
    assert y.grad.tolist() == [3.0] * 4


def test_gradient_of_gradient():
    x = leaf(2.0)
    (slope,) = koubai.grad(x**3, x, create_graph=True)
    (curvature,) = koubai.grad(slope, x)
    assert curvature.tolist() == pytest.approx([12.0])


def test_grad_touches_no_leaf_and_takes_intermediate_tensors():
    x = leaf(2.0)
    y = x * x
    z = y * 3
    to_x, to_y = koubai.grad(z, [x, y])
    assert (to_x.tolist(), to_y.tolist(), x.grad) == ([12.0], [3.0], None)


def test_unused_input_is_an_error_unless_allowed():
    x, y = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="allow_unused"):
        koubai.grad(x * 2, [x, y])
    assert koubai.grad(x * 2, [x, y], allow_unused=True)[1] is None
    assert koubai.grad(x * 2, [x, y], materialize_grads=True)[1].tolist() == [0.0]


def test_backward_inputs_restricts_accumulation():
    x, y = leaf(1.0), leaf(2.0)
    (x * y).backward(inputs=[x])
    assert x.grad.tolist() == [2.0]
    assert y.grad is None


def test_second_backward_names_the_op_and_the_cure():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"second time.*retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]


def test_backward_from_many_elements_needs_a_gradient():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"one\s+element"):
        (x * 2).backward()
    (x * 2).backward(koubai.tensor([1.0, 10.0], dtype=f64))
    assert x.grad.tolist() == [2.0, 20.0]


def test_backward_without_any_leaf_that_requires_gradients():
    with pytest.raises(RuntimeError, match="does not require gradients"):
        (koubai.ones(1) * 2).backward()


def test_in_place_change_of_a_needed_value_is_refused_and_named():
    x = leaf(2.0)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"gradient of mul.*add_ has changed it in place.*clone"):
        z.backward()


def test_in_place_change_of_a_value_that_is_not_needed_is_fine():
    x = leaf(2.0)
    y = x * 1
    z = y + 1
    y.mul_(5)
    z.backward()
    assert x.grad.tolist() == [1.0]


def test_in_place_change_of_a_leaf_is_refused_outside_no_grad():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="no_grad"):
        x.add_(1)
    with koubai.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0]
    assert x.requires_grad


def test_tensor_hook_replaces_the_gradient_and_can_be_removed():
    x = leaf(1.0)
    handle = x.register_hook(lambda g: g * 10)
    (x * 2).backward()
    handle.remove()
    (x * 2).backward()
    assert x.grad.tolist() == [22.0]


def test_hook_on_a_computed_tensor_and_retain_grad():
    x = leaf(3.0)
    y = x * 2
    y.retain_grad()
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    (y * y).sum().backward()
    assert seen == [12.0]
    assert y.grad.tolist() == [12.0]


def test_detach_and_no_grad_cut_the_graph():
    x = leaf(2.0)
    assert not x.detach().requires_grad
    with koubai.no_grad():
        assert not (x * 2).requires_grad
    (x.detach() * x).backward()
    assert x.grad.tolist() == [2.0]


def test_set_grad_enabled_works_at_once_and_for_a_stretch():
    with koubai.set_grad_enabled(False):
        assert not koubai.is_grad_enabled()
    assert koubai.is_grad_enabled()
    koubai.set_grad_enabled(False)
    try:
        assert not koubai.is_grad_enabled()
    finally:
        koubai.set_grad_enabled(True)


@pytest.mark.parametrize("depth", [10_000])
def test_a_deep_chain_works_and_frees_without_recursion(depth):
    x = koubai.ones(3, requires_grad=True)
    y = x
    for _ in range(depth):
        y = y * 1.0
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [1.0] * 3
    del y
    gc.collect()


def test_memory_does_not_grow_over_ten_thousand_steps():
    w = koubai.ones(8, 8, requires_grad=True)
    x = koubai.ones(4, 8)

    def step() -> None:
        w.grad = None
        (koubai.relu(x @ w) * 2).sum().backward()
        with koubai.no_grad():
            w.sub_(w.grad * 1e-6)

    for _ in range(100):
        step()
    gc.collect()
    before = sum(issubclass(type(o), koubai.Tensor) for o in gc.get_objects())
    gc.disable()  # no garbage may be left to the collector
    try:
        for _ in range(10_000):
            step()
        after = sum(issubclass(type(o), koubai.Tensor) for o in gc.get_objects())
    finally:
        gc.enable()
    assert after <= before + 5


def test_where_keeps_nan_of_the_other_branch_out_of_the_gradient():
    x = leaf(0.0, 4.0)
    y = koubai.where(x > 0, x.sqrt() + x.log() + 1 / x, 0.0)
    y.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    assert x.grad.tolist()[0] == 0.0


def test_first_nan_is_traced_to_its_op_and_line():
    x = leaf(-1.0)
    with (
        koubai.detect_anomaly(),
        pytest.raises(FloatingPointError, match=r"log produced.*test_backprop\.py:\d+"),
    ):
        koubai.exp(koubai.log(x))


def test_nan_that_appears_in_backward_is_traced_too():
    x = leaf(0.0)
    with koubai.detect_anomaly():
        y = (x**0.5 * 1).sum()
        with pytest.raises(FloatingPointError, match=r"the gradient of pow.*test_backprop\.py"):
            y.backward()
