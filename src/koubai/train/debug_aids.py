"""Quick questions to a training that does not work: can it learn a few samples by heart, is the rate right?

Neither changes the model, the optimizer, the generators or the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from koubai.engine.tensor import Tensor
from koubai.nn.module import Module
from koubai.optim import Optimizer
from koubai.train.batch import Batch
from koubai.train.checks import NonFiniteLoss
from koubai.train.feed import BatchSize, Feed, make_feed
from koubai.train.probe import endless, probing

__all__ = ["Overfitting", "compare_learning_rates", "overfit_batches"]


@dataclass(frozen=True)
class Overfitting:
    """What `overfit_batches` saw.

    Attributes:
        losses: The loss of each step.
        passed: Whether the last loss is at most a tenth of the first. If not, look for a mistake in the
            model, the loss, the labels or the learning rate, before training on all data.
    """

    losses: list[float]
    passed: bool


def overfit_batches(
    model: Module,
    loss: Callable[..., Tensor],
    optimizer: Optimizer,
    data: Any,
    *,
    batches: int = 1,
    steps: int = 200,
    batch_size: BatchSize = 32,
) -> Overfitting:
    """Train on the same few samples over and over: any sound model learns them by heart.

    Args:
        model: The model.
        loss: As for `Trainer`.
        optimizer: The optimizer.
        data: As for `Trainer.fit`.
        batches: How many batches to learn.
        steps: How many updates.
        batch_size: As for `Trainer.fit`.

    Returns:
        The losses, and whether they fell as they should.

    Raises:
        NonFiniteLoss: The loss became NaN or infinite.
    """
    feed = make_feed(data, "training", batch_size)
    with probing(model, loss, optimizer, feed) as step:
        few = list(islice(feed, batches))
        losses = [step(few[number % len(few)]) for number in range(steps)]
    return Overfitting(losses, losses[-1] <= 0.1 * losses[0])


def compare_learning_rates(
    model: Module,
    loss: Callable[..., Tensor],
    optimizer: Optimizer,
    data: Any,
    *,
    factors: Sequence[float] = (0.1, 1.0, 10.0),
    steps: int = 50,
    batch_size: BatchSize = 32,
) -> dict[float, list[float]]:
    """Train for a few steps with the rate times each factor, from the same start and on the same batches.

    Args:
        model: The model.
        loss: As for `Trainer`.
        optimizer: The optimizer; its learning rates are scaled.
        data: As for `Trainer.fit`.
        factors: What to scale them with.
        steps: How many updates to make with each.
        batch_size: As for `Trainer.fit`.

    Returns:
        The losses of the steps by factor. A list that is shorter ended in NaN or infinity.
    """
    feed = make_feed(data, "training", batch_size, shuffle=True)
    return {factor: _losses(model, loss, optimizer, feed, factor, steps) for factor in factors}


def _losses(
    model: Module, loss: Callable[..., Tensor], optimizer: Optimizer, feed: Feed, factor: float, steps: int
) -> list[float]:
    losses: list[float] = []
    with probing(model, loss, optimizer, feed) as step:
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor
        _collect(step, islice(endless(feed), steps), losses)
    return losses


def _collect(step: Callable[[Batch], float], batches: Any, losses: list[float]) -> None:
    try:
        losses.extend(map(step, batches))
    except NonFiniteLoss:
        return
