"""Finds a learning rate: train while it grows from tiny to huge, and see where the loss falls fastest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.engine.tensor import Tensor
from koubai.nn.module import Module
from koubai.optim import Optimizer
from koubai.train.checks import NonFiniteLoss
from koubai.train.feed import BatchSize, make_feed
from koubai.train.probe import endless, probing

__all__ = ["LearningRates", "lr_find"]


@dataclass(frozen=True)
class LearningRates:
    """What `lr_find` found.

    Attributes:
        lrs: The learning rates tried, growing.
        losses: The loss at each, averaged over the steps before it (recent ones count more).
        suggestion: The rate at which the loss fell most steeply; None if it never fell.
    """

    lrs: list[float]
    losses: list[float]
    suggestion: float | None


def lr_find(
    model: Module,
    loss: Callable[..., Tensor],
    optimizer: Optimizer,
    data: Any,
    *,
    min_lr: float = 1e-6,
    max_lr: float = 10.0,
    steps: int = 100,
    diverge: float = 4.0,
    batch_size: BatchSize = 32,
) -> LearningRates:
    """Train for a few steps with a growing learning rate, and suggest one.

    The learning-rate range test: Smith, "Cyclical Learning Rates for Training Neural Networks" (2017, first
    2015), section 3.3, with the exponential growth and averaged loss that are usual since. Model, optimizer,
    random generators and data are afterwards as before, to the bit.

    Args:
        model: The model, in the state from which training shall start.
        loss: As for `Trainer`.
        optimizer: Its groups keep the ratio of their learning rates; the first group's rate is reported.
        data: As for `Trainer.fit`.
        min_lr: The rate of the first step.
        max_lr: The rate of the last step.
        steps: How many steps, if the loss does not explode before.
        diverge: End when the loss is this many times its lowest value.
        batch_size: As for `Trainer.fit`.

    Returns:
        Rates, losses and the suggestion.
    """
    if not 0 < min_lr < max_lr or steps < 2:
        raise ValueError(f"lr_find needs 0 < min_lr < max_lr and 2 steps, got {min_lr}, {max_lr} and {steps}")
    feed = make_feed(data, "training", batch_size, shuffle=True)
    ratios = [group["lr"] / optimizer.param_groups[0]["lr"] for group in optimizer.param_groups]
    lrs: list[float] = []
    losses = _RunningMean()
    with probing(model, loss, optimizer, feed) as step:
        for lr, batch in zip(np.geomspace(min_lr, max_lr, steps).tolist(), endless(feed)):
            for group, ratio in zip(optimizer.param_groups, ratios):
                group["lr"] = lr * ratio
            try:
                losses.add(step(batch))
            except NonFiniteLoss:
                break
            lrs.append(lr)
            if losses.values[-1] > diverge * min(losses.values):
                break
    return LearningRates(lrs, losses.values, _steepest(lrs, losses.values))


class _RunningMean:
    """An exponential moving average without the pull of its start (as in Adam: Kingma and Ba, 2015)."""

    keep = 0.9

    def __init__(self) -> None:
        self.values: list[float] = []
        self._sum = 0.0

    def add(self, value: float) -> None:
        self._sum = self.keep * self._sum + (1 - self.keep) * value
        self.values.append(self._sum / (1 - self.keep ** (len(self.values) + 1)))


def _steepest(lrs: list[float], losses: list[float]) -> float | None:
    """Return the rate at which the loss falls most per decade, before its lowest point."""
    lowest = int(np.argmin(losses)) + 1 if losses else 0
    if lowest < 3:
        return None
    slope = np.gradient(np.array(losses[:lowest]), np.log10(lrs[:lowest]))
    best = int(np.argmin(slope))
    return lrs[best] if slope[best] < 0 and math.isfinite(slope[best]) else None
