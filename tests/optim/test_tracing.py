"""A step that was traced once is replayed with the present learning rate, step count and state."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import koubai
from koubai import optim
from koubai.ops.call import call, inlined
from koubai.optim.rule import rule

KINDS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.01, l1=0.001),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3),
    "Nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "classical": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, form="classical"),
    "Adagrad": lambda p: optim.Adagrad(p, lr_decay=0.1),
    "Adadelta": optim.Adadelta,
    "RMSprop": lambda p: optim.RMSprop(p, momentum=0.9, centered=True),
    "Adam": lambda p: optim.Adam(p, amsgrad=True, weight_decay=0.1),
    "AdamW": optim.AdamW,
    "Adamax": optim.Adamax,
    "NAdam": optim.NAdam,
    "RAdam": lambda p: optim.RAdam(p, betas=(0.9, 0.95)),
    "Rprop": optim.Rprop,
    "ASGD": lambda p: optim.ASGD(p, t0=3),
    "Lion": lambda p: optim.Lion(p, weight_decay=0.1),
    "LAMB": lambda p: optim.LAMB(p, weight_decay=0.1),
    "Adafactor": optim.Adafactor,
    "Muon": optim.Muon,
}
DATA = np.random.default_rng(0).normal(size=(8, 5, 3))


class Training:
    """A small model, its optimizer, and one step of training it."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.weight = koubai.tensor(np.linspace(-1, 1, 12).reshape(3, 4), requires_grad=True)
        self.gain = koubai.tensor([[0.5, 1.0, 1.5, 2.0]], dtype=koubai.float64, requires_grad=True)
        self.optimizer = make([self.weight, self.gain])

    def step(self, inputs: koubai.Tensor) -> koubai.Tensor:
        self.optimizer.zero_grad()
        loss = (koubai.tanh(inputs @ self.weight) * self.gain).sum()
        loss.backward()
        self.clip()
        self.optimizer.step()
        return loss

    def clip(self) -> None:
        optim.clip_grad_norm_([self.weight, self.gain], 1.0)

    def run(self, step: Callable[[koubai.Tensor], Any]) -> list[np.ndarray[Any, Any]]:
        """Train on all data, with another learning rate each time, and return what there is in the end."""
        for number, batch in enumerate(DATA):
            step(koubai.tensor(batch))
            self.optimizer.param_groups[0]["lr"] *= 1.3 if number % 3 else 0.5
        state = [
            entry for weight in (self.weight, self.gain) for entry in self.optimizer.state[weight].values()
        ]
        return [np.array(tensor.detach().numpy()) for tensor in (self.weight, self.gain, *state)]


@pytest.mark.parametrize("name", KINDS)
def test_a_traced_step_is_the_eager_one(name: str) -> None:
    eager, traced = Training(KINDS[name]), Training(KINDS[name])
    program = koubai.trace(traced.step, koubai.tensor(DATA[0]))
    for ours, expected in zip(traced.run(program), eager.run(eager.step), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_tracing_takes_no_step() -> None:
    training = Training(optim.Adam)
    before = training.weight.tolist()
    koubai.trace(training.step, koubai.tensor(DATA[0]))
    assert training.weight.tolist() == before
    assert training.optimizer.state[training.weight]["step"].item() == 0


def test_a_schedule_moves_the_rate_of_a_traced_step() -> None:
    weight = koubai.ones(1, requires_grad=True)
    optimizer = optim.SGD([weight], lr=1.0)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)

    def step() -> koubai.Tensor:
        optimizer.zero_grad()
        weight.sum().backward()
        optimizer.step()
        return weight.sum()

    program = koubai.trace(step)
    assert program().item() == 0.0
    scheduler.step()
    assert program().item() == -0.5


class Stack:
    """Three equal layers, and one step of training them."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        arrays = [np.linspace(-1, n, 16).reshape(4, 4) for n in (1, 2, 3)]
        self.weights = [koubai.tensor(array, requires_grad=True) for array in arrays]
        self.optimizer = make(self.weights)

    def step(self, x: koubai.Tensor) -> koubai.Tensor:
        self.optimizer.zero_grad()
        for weight in self.weights:
            x = koubai.tanh(x @ weight)
        loss = x.sum()
        loss.backward()
        self.optimizer.step()
        return loss

    def run(self, step: Callable[[koubai.Tensor], Any]) -> list[np.ndarray[Any, Any]]:
        for _ in range(3):
            step(koubai.ones(2, 4, dtype=koubai.float64))
        state = [value for w in self.weights for value in self.optimizer.state[w].values()]
        return [value.detach().numpy() for value in (*self.weights, *state)]


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_equal_parameters_are_traced_as_they_would_be_one_by_one(make, monkeypatch):
    def traced():
        stack = Stack(make)
        program = koubai.trace(stack.step, koubai.ones(2, 4, dtype=koubai.float64))
        nodes = inlined(program.graph).nodes
        ops = [(node.op.name, [s.shape for s in node.inputs]) for node in nodes]
        return ops, stack.run(program)

    ops, values = traced()
    monkeypatch.setattr("koubai.optim.optimizer.Retraced", lambda rule, tracer: rule)
    others, expected = traced()
    assert ops == others
    assert all(map(np.array_equal, values, expected))


def test_a_traced_step_calls_the_rule_once_for_each_of_equal_parameters() -> None:
    stack = Stack(optim.Adam)
    program = koubai.trace(stack.step, koubai.ones(2, 4, dtype=koubai.float64))
    calls = [node for node in program.graph.nodes if node.op is call]
    assert len(calls) == 3
    assert len({node.attributes["body"] for node in calls}) == 1
    assert "sqrt" not in {node.op.name for node in program.graph.nodes}


class Counting(optim.Optimizer):
    """Runs a formula, and counts how often."""

    def __init__(self, params: Any, formula: Callable[..., Any], lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})
        self.calls = 0

        def counted(*given):
            self.calls += 1
            return formula(*given)

        self.rule = rule()(counted)


def plain(parameter, gradient, state, scalars):
    return parameter - scalars.lr * gradient, {}


def with_noise(parameter, gradient, state, scalars):
    return parameter - scalars.lr * (gradient + koubai.randn_like(gradient)), {}


TENSORS = itertools.cycle([koubai.full((4, 4), x, dtype=koubai.float64) for x in (1.0, 2.0, 3.0)])
NUMBERS = itertools.cycle([1.0, 2.0, 3.0])


def with_tensors_of_their_own(parameter, gradient, state, scalars):
    return parameter - scalars.lr * next(TENSORS) * gradient, {}


def with_numbers_of_their_own(parameter, gradient, state, scalars):
    own = [next(NUMBERS)]
    return parameter - scalars(lambda o: o.lr * own[0]) * gradient, {}


@pytest.mark.parametrize(
    ("formula", "calls"),
    [(plain, 1), (with_noise, 3), (with_tensors_of_their_own, 3), (with_numbers_of_their_own, 3)],
)
def test_a_rule_is_asked_once_for_equal_parameters_if_it_is_the_same_for_all(formula, calls):
    def trained(traced: bool):
        koubai.manual_seed(0)
        stack = Stack(lambda weights: Counting(weights, formula))
        if not traced:
            return stack.run(stack.step)
        program = koubai.trace(stack.step, koubai.ones(2, 4, dtype=koubai.float64))
        assert stack.optimizer.calls == calls
        return stack.run(program)

    for one, other in zip(trained(True), trained(False)):
        assert np.array_equal(one, other)
