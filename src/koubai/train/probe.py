"""Single steps outside of a fit that leave no trace: what learning-rate finder and debug aids are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from koubai.default_callbacks import DEFAULT_CALLBACKS
from koubai.engine.tensor import Tensor
from koubai.nn.module import Module
from koubai.optim import Optimizer
from koubai.train.batch import Batch
from koubai.train.feed import Feed
from koubai.train.rng import load_random_state, random_state
from koubai.train.step import train_step
from koubai.train.trainer import Trainer
from koubai.tree import copied

__all__ = ["endless", "probing"]


@contextmanager
def probing(
    model: Module, loss: Callable[..., Tensor], optimizer: Optimizer, feed: Feed
) -> Iterator[Callable[[Batch], float]]:
    """Give a function that makes one update from a batch and returns its loss from before the update.

    Afterwards model, optimizer, gradients, generators and data are as before, to the bit, whatever happened.
    """
    nobody: dict[str, Any] = dict.fromkeys(DEFAULT_CALLBACKS, False)
    trainer = Trainer(model, loss, optimizer, **nobody)

    def step(batch: Batch) -> float:
        trainer.progress.step += 1
        train_step(trainer, [batch])
        return trainer.batch_loss

    with _restored(model, optimizer, feed):
        model.train()
        yield step


def endless(feed: Feed) -> Iterator[Batch]:
    """Yield batches, epoch after epoch."""
    while True:
        yield from feed


@contextmanager
def _restored(model: Module, optimizer: Optimizer, feed: Feed) -> Iterator[None]:
    weights, options = copied(model.state_dict()), copied(optimizer.state_dict())
    random, place = random_state(model), feed.state_dict()
    modes = [(module, module.training) for module in model.modules()]
    gradients: list[tuple[Any, Any]] = [(parameter, parameter.grad) for parameter in model.parameters()]
    try:
        yield
    finally:
        model.load_state_dict(weights)
        optimizer.load_state_dict(options)
        load_random_state(model, random)
        feed.load_state_dict(place)
        for module, mode in modes:
            module.training = mode
        for parameter, gradient in gradients:
            parameter.grad = gradient
