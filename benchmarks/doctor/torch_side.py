"""The same trainings in PyTorch: a plain loop, with one place where a doctor is attached.

First weights and data are those of the Koubai side; orders and dropout are PyTorch's own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from doctor.case import Case, Data
from doctor.network import learning_rate_schedule, loss_of, network, optimizer_of
from doctor.observer import Observer
from doctor.plan import Plan
from doctor.scores import score, worst
from doctor.setup import Outcome, Setup, Subject

__all__ = ["build", "predict", "subject", "train"]

Array = np.ndarray[Any, Any]
Tensor = torch.Tensor


def subject(case: Case) -> Subject:
    """Return a case as something to train with PyTorch."""

    def make(seed: int, fixed: bool) -> Setup:
        return build(case.plan(fixed), case.data(seed, fixed), seed)

    return Subject(case.id, case.root_cause, make)


def build(plan: Plan, data: Data, seed: int) -> Setup:
    """Set a plan up."""
    torch.manual_seed(seed)
    model = network(torch, plan, data.train[0].shape[1], seed)
    optimizer = optimizer_of(torch, plan, model)
    train, validation = (tuple(map(torch.from_numpy, pair)) for pair in (data.train, data.validation))
    return Setup(
        model=model,
        loss=loss_of(torch, plan, model),
        optimizer=optimizer,
        train=train,
        validation=validation,
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        loop=plan.loop,
        metric=plan.metric,
        lr_scheduler=learning_rate_schedule(torch, plan, optimizer),
        clip_norm=plan.optimizer.get("clipnorm"),
        clip_value=plan.optimizer.get("clipvalue"),
    )


def train(setup: Setup, observer: Observer | None = None) -> Outcome:
    """Train and judge; whatever ends a training early is part of its outcome."""
    observer = observer or Observer()
    started = time.perf_counter()
    history: dict[str, list[Any]] = {"loss": []}
    error: Exception | None = None
    observer.start(setup)
    try:
        for _ in range(setup.epochs):
            setup.model.train(setup.loop.train_mode)
            losses = [_step(setup, x, y, observer) for x, y in _batches(setup)]
            history["loss"].append(float(np.mean(losses)))
            observer.epoch()
    except Exception as problem:  # the fault may be of any kind
        error = problem
    seconds = time.perf_counter() - started
    outcome = Outcome(worst(setup.metric) if error else _judged(setup), seconds, history, error)
    observer.end(outcome)
    return outcome


def predict(setup: Setup, inputs: Tensor) -> Array:
    """Return the outputs, in evaluation mode if the user thought of it."""
    setup.model.train(not setup.loop.eval_mode)
    with torch.no_grad():
        return torch.cat([setup.model(part) for part in inputs.split(setup.batch_size)]).numpy()


def _judged(setup: Setup) -> float:
    inputs, targets = setup.train if "(train)" in setup.metric else setup.validation
    return score(setup.metric, predict(setup, inputs), targets.numpy())


def _batches(setup: Setup) -> Iterator[tuple[Tensor, Tensor]]:
    x, y = setup.train
    order = torch.randperm(len(x)) if setup.loop.shuffle else torch.arange(len(x))
    for chosen in order.split(setup.batch_size):
        yield x[chosen], y[chosen]


def _step(setup: Setup, x: Tensor, y: Tensor, observer: Observer) -> float:
    if setup.loop.zero_grad:
        setup.optimizer.zero_grad()
    loss = setup.loss(setup.model(x), y)
    loss.backward()
    _treat_gradients(setup)
    setup.optimizer.step()
    if setup.lr_scheduler is not None:
        setup.lr_scheduler.step()
    value = loss.item()
    observer.step(value)
    return value


def _treat_gradients(setup: Setup) -> None:
    """Do all that happens to gradients between backward and update."""
    if setup.loop.gradient_sign < 0:
        for parameter in setup.model.parameters():
            if parameter.grad is not None:
                parameter.grad.neg_()
    if setup.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(setup.model.parameters(), setup.clip_norm)
    if setup.clip_value is not None:
        torch.nn.utils.clip_grad_value_(setup.model.parameters(), setup.clip_value)
