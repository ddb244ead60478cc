"""The loop over time: equal to the unrolled loop in value and gradient, to second order, in both directions."""

import pytest

import koubai

f64 = koubai.float64


def inputs(steps=5, batch=3, features=4, hidden=6):
    koubai.manual_seed(0)
    shapes = [(steps, batch, features), (batch, hidden), (features, hidden), (hidden, hidden), (hidden,)]
    return [koubai.randn(shape, dtype=f64) for shape in shapes]


def cell(h, x, w, u, b):
    return (x @ w + h @ u.T + b).tanh()


def scanned(x, h, w, u, b, reverse=False):
    def step(h, now):
        h = cell(h, now, w, u, b)
        return h, h * 2

    return koubai.scan(step, h, x, reverse=reverse)


def unrolled(x, h, w, u, b, reverse=False):
    results = [None] * x.shape[0]
    for t in reversed(range(x.shape[0])) if reverse else range(x.shape[0]):
        h = cell(h, x[t], w, u, b)
        results[t] = h * 2
    return h, koubai.stack(results)


@pytest.mark.parametrize("reverse", [False, True])
def test_values_and_gradients_equal_the_unrolled_loop(reverse):
    found = []
    for function in (scanned, unrolled):
        leaves = [tensor.clone().requires_grad_() for tensor in inputs()]
        h, ys = function(*leaves, reverse=reverse)
        (h.sum() + (ys * ys).sum()).backward()
        found.append([h, ys, *(leaf.grad for leaf in leaves)])
    for ours, expected in zip(*found):
        assert koubai.allclose(ours, expected, rtol=1e-12, atol=1e-12)


def test_gradients_of_every_input_and_of_gradients():
    koubai.check_gradients(scanned, *inputs(), full=True)
    koubai.check_gradients(scanned, *inputs(), order=2)


def test_only_what_requires_gradients_gets_them():
    x, h, w, u, b = inputs()
    u.requires_grad_()
    scanned(x, h, w, u, b)[1].sum().backward()
    assert u.grad is not None
    assert all(tensor.grad is None for tensor in (x, h, w, b))


def test_nested_carries_and_sequences():
    def step(carry, now):
        total, (low, count) = carry
        return (total + now["a"], (koubai.minimum(low, now["b"]), count + 1)), {"sum": total * now["a"]}

    a, b = koubai.arange(4).to(f64), koubai.tensor([3.0, 1.0, 2.0, 5.0], dtype=f64)
    (total, (low, count)), ys = koubai.scan(
        step,
        (koubai.tensor(0.0, dtype=f64), (koubai.tensor(9.0, dtype=f64), koubai.tensor(0))),
        {"a": a, "b": b},
    )
    assert (total.item(), low.item(), count.item()) == (6.0, 1.0, 4)
    assert ys["sum"].tolist() == [0.0, 0.0, 2.0, 9.0]


def test_a_weight_used_twice_gets_both_contributions():
    def function(x, w):
        return koubai.scan(lambda h, now: ((h @ w + now @ w).tanh(),) * 2, koubai.zeros(2, 3, dtype=f64), x)[
            1
        ]

    koubai.manual_seed(1)
    koubai.check_gradients(function, koubai.randn(4, 2, 3, dtype=f64), koubai.randn(3, 3, dtype=f64), order=2)


def test_a_scan_is_one_op_in_a_traced_program():
    arguments = inputs()
    program = koubai.trace(lambda *a: scanned(*a)[1], *arguments)
    assert [node.op.name for node in program.graph.nodes].count("scan") == 1
    assert (program(*arguments) == scanned(*arguments)[1]).all()


def test_a_step_that_changes_the_carrys_shape_is_refused():
    with pytest.raises(RuntimeError, match="carry"):
        koubai.scan(lambda h, x: (h.sum(), x), koubai.ones(2), koubai.ones(3))


def test_a_step_that_changes_something_outside_is_refused():
    outside = koubai.zeros(1)
    with pytest.raises(RuntimeError, match="outside"):
        koubai.scan(lambda h, x: (outside.add_(x), x), koubai.zeros(1), koubai.ones(3))


def test_sequences_of_different_length_are_refused():
    with pytest.raises(RuntimeError, match="common length"):
        koubai.scan(lambda h, x: (h, x[0]), koubai.zeros(1), (koubai.ones(3), koubai.ones(4)))


def test_a_scan_inside_a_scan():
    def function(h, xs, w):
        def outer(h, x):
            return koubai.scan(lambda c, now: ((c @ w + now).tanh(),) * 2, h, x)[0], h * 2

        return koubai.scan(outer, h, xs)

    koubai.manual_seed(0)
    shapes = [(2, 3), (3, 4, 2, 3), (3, 3)]
    koubai.check_gradients(function, *(koubai.randn(shape, dtype=f64) for shape in shapes), order=2)


def test_what_does_not_change_over_time_is_computed_once():
    arguments = inputs()
    program = koubai.trace(lambda x, h, w, u, b: scanned(x, h, w.exp(), u, b.sum())[1], *arguments)
    (scan,) = [node for node in program.graph.nodes if node.op.name == "scan"]
    repeated = [node.op.name for node in scan.attributes["loop"].body.nodes]
    assert "permute" not in repeated
    assert repeated.count("matmul") == 2

    def step(total, x):
        return total + x * (arguments[2] * arguments[2]).sum(), total

    program = koubai.trace(
        lambda x: koubai.scan(step, koubai.tensor(0.0, dtype=f64), x)[0], koubai.ones(3).to(f64)
    )
    assert [node.op.name for node in program.graph.nodes] == ["mul", "sum", "scan"]


def test_detached_values_pass_no_gradient():
    x = koubai.tensor([1.0, 2.0, 3.0], requires_grad=True)
    koubai.scan(lambda c, now: (c, now * now.detach()), koubai.tensor(0.0), x)[1].sum().backward()
    assert x.grad.tolist() == [1, 2, 3]


def test_numbers_from_the_host_are_asked_for_at_every_run():
    numbers = [1.0]

    def function(x):
        def step(total, now):
            return total + now * koubai.host_scalar(lambda: numbers[0]).float(), now

        return koubai.scan(step, koubai.tensor(0.0), x)[0]

    program = koubai.trace(function, koubai.ones(3))
    assert program(koubai.ones(3)).item() == 3
    numbers[0] = 5.0
    assert program(koubai.ones(3)).item() == 15
