"""Whoever computes something else is not timed: the first steps are compared with PyTorch's in float64.

Comparing losses is too weak, as small learning rates hide wrong gradients: what is compared is every gradient, the
optimizer's memory and every update. A ReLU or a pooling window within rounding of a tie may honestly fall to the other
side, which moves gradients visibly; so there are several batches, and PyTorch's own float32 is the yardstick.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from native.contestant import LATER, Array, Evidence, Start, first_steps
from native.peers_torch import TorchStep, Way
from native.workloads import Workload

BATCHES = 3  # on one of them a contestant has to be right: a tie spoils one, a mistake all
FACTOR = 10.0  # times PyTorch's error is still right
FLOOR = 3e-6  # a smaller error is rounding, whatever PyTorch's is

Errors = dict[str, float]  # by what is off, such as "gradient of 0.weight"


@dataclass(frozen=True)
class Verdict:
    """How far off a contestant is, where it is furthest off by the yardstick.

    Attributes:
        where: such as "gradient of 0.weight".
        error: the norm of the difference to float64, by the norm of the exact value.
        yardstick: the same of PyTorch in float32.
    """

    where: str
    error: float
    yardstick: float

    @property
    def excess(self) -> float:
        """How many times the allowed error it is; NaN is wrong."""
        excess = self.error / (FACTOR * max(self.yardstick, FLOOR))
        return math.inf if math.isnan(excess) else excess

    @property
    def right(self) -> bool:
        """Whether the contestant computes what it should."""
        return self.excess <= 1

    def __str__(self) -> str:
        return f"{self.error:.1e} off in the {self.where} (PyTorch float32: {self.yardstick:.1e})"


@dataclass(frozen=True)
class References:
    """What is right on each batch, and how far off a step in float32 may be."""

    starts: list[Start]
    exact: list[Evidence]
    yardstick: Errors

    @classmethod
    def of(cls, workload: Workload) -> References:
        """Let PyTorch make the steps.

        Raises:
            Unavailable: without PyTorch.
        """
        starts = [Start.of(workload, seed) for seed in range(BATCHES)]
        exact = [first_steps(TorchStep(Way(), "float64", workload, start, threads=1)) for start in starts]
        yardstick: Errors = {}
        for start, right in zip(starts, exact):
            for errors in _errors_of_torch(workload, start, right):
                yardstick = {where: max(error, yardstick.get(where, 0.0)) for where, error in errors.items()}
        return cls(starts, exact, yardstick)

    def judge(self, evidence: Evidence, batch: int) -> Verdict:
        """Compare all that a contestant has to show on a batch."""
        errors = errors_of(evidence, self.exact[batch])
        verdicts = [Verdict(where, error, self.yardstick[where]) for where, error in errors.items()]
        return max(verdicts, key=lambda verdict: verdict.excess)


def _errors_of_torch(workload: Workload, start: Start, exact: Evidence) -> Iterator[Errors]:
    """Yield the errors of PyTorch's ways to compute in float32, which round differently."""
    for way in [Way(), Way(channels_last=True)] if workload.convolutional else [Way()]:
        yield errors_of(first_steps(TorchStep(way, "float32", workload, start, threads=1)), exact)


def errors_of(evidence: Evidence, exact: Evidence) -> Errors:
    """Return the relative errors of losses and of all arrays there is evidence of; those missing are infinite."""
    errors = {
        "loss of step 1": abs(evidence.loss - exact.loss) / abs(exact.loss),
        f"loss of step {LATER}": abs(evidence.later - exact.later) / abs(exact.later),
    }
    for kind, named in evidence.kinds.items():
        for name, right in exact.kinds[kind].items():
            errors[f"{kind} of {name}"] = _relative(named[name], right) if name in named else math.inf
    return errors


def _relative(value: Array, exact: Array) -> float:
    norm = float(np.linalg.norm(exact))
    return float(np.linalg.norm(value - exact)) / norm if norm else float(np.linalg.norm(value))
