"""Tracing: a function becomes a program that gives the same bits, reads state anew, and commits what changes."""

import pytest

import koubai
from koubai.ops.op import DataDependentError


def test_a_program_gives_the_bits_of_the_function():
    def function(x, y):
        return koubai.tanh(x @ y).sum(0), x.mean()

    x, y = koubai.randn(3, 4), koubai.randn(4, 5)
    program = koubai.trace(function, x, y)
    other = koubai.randn(3, 4), koubai.randn(4, 5)
    for ours, eager in zip(program(*other), function(*other)):
        assert (ours == eager).all()


def test_tracing_computes_nothing_and_changes_nothing():
    w = koubai.ones(2, requires_grad=True)
    state = koubai.zeros(2)

    def step(x):
        (w * x).sum().backward()
        state.add_(x)
        with koubai.no_grad():
            w.sub_(w.grad)

    program = koubai.trace(step, koubai.ones(2))
    assert (w.tolist(), state.tolist(), w.grad) == ([1.0, 1.0], [0.0, 0.0], None)
    program(koubai.tensor([1.0, 2.0]))
    assert (w.tolist(), state.tolist()) == ([0.0, -1.0], [1.0, 2.0])
    program(koubai.tensor([1.0, 2.0]))
    assert state.tolist() == [2.0, 4.0]


def test_a_whole_training_step_replays_bit_equal_to_eager():
    def make():
        koubai.manual_seed(0)
        w = koubai.randn(4, 2).requires_grad_()
        velocity = koubai.zeros(4, 2)

        def step(x):
            w.grad = None
            dropped = x * (koubai.rand(3, 4) > 0.5).float()
            loss = ((dropped @ w) ** 2).mean()
            loss.backward()
            with koubai.no_grad():
                velocity.mul_(0.9).add_(w.grad)
                w.sub_(velocity * koubai.host_scalar(lambda: rate[0]))
            return loss

        return w, step

    rate = [0.1]
    batches = [koubai.randn(3, 4) for _ in range(5)]
    w, step = make()
    program = koubai.trace(step, batches[0])
    replayed = []
    for i, x in enumerate(batches):
        rate[0] = 0.1 / (i + 1)
        replayed.append(program(x).item())
    other, eager = make()
    expected = []
    for i, x in enumerate(batches):
        rate[0] = 0.1 / (i + 1)
        expected.append(eager(x).item())
    assert replayed == expected
    assert (w == other).all()


def test_views_and_writes_through_them_are_traced():
    def function(x):
        y = x * 1
        y.reshape(-1).add_(1)
        y.T.mul_(2)
        return y

    x = koubai.randn(2, 3)
    program = koubai.trace(function, x)
    assert (program(x) == function(x)).all()


def test_a_condition_on_a_value_is_refused_with_the_users_line():
    with pytest.raises(DataDependentError, match=r"test_trace\.py"):
        koubai.trace(lambda x: x if x.sum() > 0 else -x, koubai.ones(2))


def test_a_shape_mistake_is_found_while_tracing():
    with pytest.raises(RuntimeError, match=r"matmul.*\[2, 3\]"):
        koubai.trace(lambda x: x @ x, koubai.ones(2, 3))


def test_other_shapes_need_another_trace():
    program = koubai.trace(lambda x: x * 2, koubai.ones(2))
    with pytest.raises(RuntimeError, match="traced for"):
        program(koubai.ones(3))


def test_a_graph_prints_its_ops():
    program = koubai.trace(lambda x: koubai.exp(x).sum(), koubai.ones(2, 3))
    assert "exp" in str(program.graph)
    assert "float32[2, 3]" in str(program.graph)
