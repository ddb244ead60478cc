"""What every contestant of a race can do, and what it shows of its first step so that it can be checked.

A contestant trains one workload from given weights on a given batch. It is asked for some steps at a time, and each of
them is called from Python, unless calling several at once is its very point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import nan
from typing import Any, Protocol

import numpy as np

from native.workloads import Workload

Array = np.ndarray[Any, Any]
Named = dict[str, Array]

LATER = 5  # the step whose loss tells whether the steps after the first are right too


class Unavailable(Exception):
    """A contestant cannot take part; the message says why."""


@dataclass(frozen=True)
class Start:
    """What all contestants of a workload begin with, as arrays in PyTorch's layout."""

    weights: Named
    x: Array
    y: Array

    @classmethod
    def of(cls, workload: Workload, seed: int = 0) -> Start:
        """Draw it."""
        return cls(workload.weights(seed), *workload.batch(seed))


@dataclass(frozen=True)
class Evidence:
    """What a contestant has to show after exactly one step.

    Attributes:
        loss: of that step.
        later: the loss of the step number `LATER`, which the updates in between have gone into.
        kinds: "gradient" (if it is kept), "memory" (the optimizer's average of gradients, if it has one) and "update"
            (weights after minus weights before), each by the parameters' names in PyTorch's layout.
    """

    loss: float
    kinds: dict[str, Named]
    later: float = nan

    @classmethod
    def of(cls, loss: float, before: Named, after: Named, **kept: Named) -> Evidence:
        """Put it together; what was not kept is left out."""
        update = {name: np.float64(after[name]) - before[name] for name in after}
        kinds = {"update": update, **{kind: named for kind, named in kept.items() if named}}
        return cls(
            loss, {kind: {n: a.astype(np.float32) for n, a in named.items()} for kind, named in kinds.items()}
        )


class Runner(Protocol):
    """Can be timed.

    Attributes:
        steps_per_call: how many steps one call from Python makes.
    """

    steps_per_call: int

    def run(self, steps: int) -> float:
        """Train so many steps, wait until the last is done, and return its loss."""


class Contestant(Runner, Protocol):
    """Can be timed, and checked."""

    def evidence(self, loss: float) -> Evidence:
        """Return what there is to show after the first step, whose loss is given."""


def first_steps(contestant: Contestant) -> Evidence:
    """Let a fresh contestant make `LATER` steps and return the evidence."""
    evidence = contestant.evidence(contestant.run(1))
    return replace(evidence, later=contestant.run(LATER - 1))


@dataclass(frozen=True)
class Peer:
    """A way to train a workload.

    Attributes:
        name: such as "torch.compile".
        build: makes the contestant from a workload, what it starts with, and a number of threads.
        suits: whether it makes sense for a workload.
        threads_matter: whether the number of threads can be chosen in a running process.
    """

    name: str
    build: Callable[[Workload, Start, int], Contestant]
    suits: Callable[[Workload], bool] = field(default=lambda _: True)
    threads_matter: bool = True


def training_step(compute_loss: Callable[[Any, Any], Any], optimizer: Any) -> Callable[[Any, Any], Any]:
    """Return the step that a user would write, with Koubai or PyTorch."""

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = compute_loss(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def optimizer_memory(optimizer: Any, named_parameters: Any) -> Named:
    """Return the average of gradients that an optimizer of Koubai or PyTorch keeps, if it keeps one."""
    memory = {}
    for name, parameter in named_parameters:
        state = optimizer.state.get(parameter, {})
        average = state.get("momentum_buffer", state.get("exp_avg"))
        if average is not None:
            memory[name] = np.array(average.detach().numpy())
    return memory


def gradients(named_parameters: Any) -> Named:
    """Return the gradients that the parameters of a model of Koubai or PyTorch hold, if they hold any."""
    return {
        name: np.array(parameter.grad.detach().numpy())
        for name, parameter in named_parameters
        if parameter.grad is not None
    }
