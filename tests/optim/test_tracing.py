"""A step that was traced once is replayed with the present learning rate, step count and state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import koubai
from koubai import optim

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
