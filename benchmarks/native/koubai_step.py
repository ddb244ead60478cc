"""Koubai's contestant: the step that a user would write, handed to `koubai.compile`.

Where this version of Koubai has no compiler yet, the step runs eagerly, and says so by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import koubai
from native.contestant import Evidence, Named, Start, gradients, optimizer_memory, training_step
from native.flops import step_flops
from native.workloads import Workload

COMPILES = hasattr(koubai, "compile")
NAME = "koubai" if COMPILES else "koubai eager"
CALL_FLOPS, MOST_STEPS = 1e11, 50  # about how much one call of many steps computes, some tenths of a second


def compiled(step: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Return the step as one native function, or as it is where there is no compiler."""
    compile_ = getattr(koubai, "compile", None)
    return step if compile_ is None else compile_(step, **options)


def set_threads(threads: int) -> bool:
    """Choose the number of threads and return whether that is possible."""
    choose = getattr(koubai, "set_num_threads", None)
    if choose is not None:
        choose(threads)
    return choose is not None


class KoubaiStep:
    """Trains with Koubai; `options` are those of `koubai.compile`.

    Attributes:
        step: what `koubai.compile` returned.
    """

    steps_per_call = 1

    def __init__(self, workload: Workload, start: Start, threads: int, **options: Any) -> None:
        self.threads = threads
        self.model = workload.model(koubai)
        self.model.load_state_dict({name: koubai.tensor(array) for name, array in start.weights.items()})
        self.optimizer = workload.make_optimizer(koubai, self.model)
        self.before: Named = start.weights
        self.x, self.y = koubai.tensor(start.x), koubai.tensor(start.y)
        criterion = koubai.nn.CrossEntropyLoss()
        step = training_step(lambda x, y: criterion(self.model(x), y), self.optimizer)
        self.step = compiled(step, **options)

    def run(self, steps: int) -> float:
        """Train so many steps and return the last one's loss."""
        set_threads(self.threads)
        step, x, y = self.step, self.x, self.y
        for _ in range(steps):
            loss = step(x, y)
        return float(loss.item())

    def evidence(self, loss: float) -> Evidence:
        """Show gradients, the optimizer's memory and updates."""
        named = list(self.model.named_parameters())
        after = {name: parameter.detach().numpy() for name, parameter in named}
        memory = optimizer_memory(self.optimizer, named)
        try:
            gradient = gradients(named)
        except RuntimeError:  # a compiled step that updates with a gradient at once never stores it
            gradient = {}
        return Evidence.of(loss, self.before, after, gradient=gradient, memory=memory)

    def report(self, name: str) -> float | None:
        """Return a number of the compiler's report (`seconds`, `arena_bytes`, `flops`), or None where there is none."""
        value = getattr(getattr(self.step, "report", None), name, None)
        return None if value is None else float(value)


class KoubaiScan(KoubaiStep):
    """Trains with many steps in one call, as `jax.lax.scan` does; the batch stays where it is."""

    def __init__(self, workload: Workload, start: Start, threads: int) -> None:
        super().__init__(workload, start, threads)
        plain = self.step.function
        self.step = compiled(lambda _: plain(self.x, self.y))
        self.steps_per_call = min(max(int(CALL_FLOPS / step_flops(workload)), 2), MOST_STEPS)
        self.turns = koubai.zeros(self.steps_per_call, 1)

    def run(self, steps: int) -> float:
        """Train so many steps and return the last one's loss."""
        set_threads(self.threads)
        calls, rest = divmod(steps, self.steps_per_call)
        for _ in range(calls):
            losses = self.step.scan(self.turns)
        if rest:
            losses = self.step.scan(self.turns[:rest])
        return float(losses[-1].item())
