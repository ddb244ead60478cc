"""The trainings in Koubai: what a user would write, by the `Trainer` or, where the loop itself is at fault, by hand.

`train(build(plan, data, seed))` is all; `predict` is how a model is judged.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import koubai
from doctor.case import Case, Data, Pair
from doctor.network import learning_rate_schedule, loss_of, network, optimizer_of
from doctor.observer import Observer
from doctor.plan import Plan
from doctor.scores import score, worst
from doctor.setup import Outcome, Setup, Subject
from koubai.data import DataLoader, TensorDataset
from koubai.optim import clip_grad_norm_, clip_grad_value_
from koubai.train import Trainer

__all__ = ["build", "judged", "predict", "subject", "tensors", "train"]

Array = np.ndarray[Any, Any]
Tensor = koubai.Tensor


def subject(case: Case) -> Subject:
    """Return a case as something to train with Koubai."""

    def make(seed: int, fixed: bool) -> Setup:
        return build(case.plan(fixed), case.data(seed, fixed), seed)

    return Subject(case.id, case.root_cause, make)


def build(plan: Plan, data: Data, seed: int) -> Setup:
    """Set a plan up, as a user would before calling `fit`."""
    koubai.manual_seed(seed)
    model = network(koubai, plan, data.train[0].shape[1], seed)
    optimizer = optimizer_of(koubai, plan, model)
    return Setup(
        model=model,
        loss=loss_of(koubai, plan, model),
        optimizer=optimizer,
        train=tensors(data.train),
        validation=tensors(data.validation),
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        loop=plan.loop,
        metric=plan.metric,
        lr_scheduler=learning_rate_schedule(koubai, plan, optimizer),
        clip_norm=plan.optimizer.get("clipnorm"),
        clip_value=plan.optimizer.get("clipvalue"),
    )


def train(setup: Setup, observer: Observer | None = None) -> Outcome:
    """Train and judge; whatever ends a training early is part of its outcome."""
    observer = observer or Observer()
    started = time.perf_counter()
    history: dict[str, list[Any]] = {}
    error: Exception | None = None
    observer.start(setup)
    try:
        history = _by_trainer(setup, observer) if setup.loop.plain else _by_hand(setup, observer)
    except Exception as problem:  # the fault may be of any kind
        error = problem
    seconds = time.perf_counter() - started
    value = worst(setup.metric) if error else judged(setup)
    outcome = Outcome(value, seconds, history, error)
    observer.end(outcome)
    return outcome


def predict(setup: Setup, inputs: Tensor) -> Array:
    """Return the outputs, in evaluation mode if the user thought of it."""
    setup.model.train(not setup.loop.eval_mode)
    with koubai.no_grad(), np.errstate(all="ignore"):
        size = setup.judged_by or setup.batch_size
        outputs = [setup.model(inputs[i : i + size]).numpy() for i in range(0, len(inputs), size)]
    return np.concatenate(outputs)


def tensors(pair: Pair) -> tuple[Tensor, Tensor]:
    """Return inputs and targets as tensors."""
    return koubai.tensor(pair[0]), koubai.tensor(pair[1])


def judged(setup: Setup) -> float:
    """Return the score of the setup's model by its metric."""
    inputs, targets = setup.train if "(train)" in setup.metric else setup.validation
    return score(setup.metric, predict(setup, inputs), targets.numpy())


def _by_trainer(setup: Setup, observer: Observer) -> dict[str, list[Any]]:
    trainer = Trainer(
        setup.model,
        setup.loss,
        setup.optimizer,
        metrics=setup.metrics,
        lr_scheduler=setup.lr_scheduler,
        schedule_every="epoch" if setup.schedule_every == "epoch" else "step",
        clip_norm=setup.clip_norm,
        clip_value=setup.clip_value,
        callbacks=observer.callbacks(),
    )
    return trainer.fit(
        setup.train,
        setup.validation,
        setup.epochs,
        batch_size=setup.batch_size,
        shuffle=setup.loop.shuffle,
    )


@np.errstate(all="ignore")
def _by_hand(setup: Setup, observer: Observer) -> dict[str, list[Any]]:
    """Train in a loop that is written out, with what is wrong about it."""
    loader = DataLoader(TensorDataset(*setup.train), setup.batch_size, shuffle=setup.loop.shuffle)
    history: list[float] = []
    for _ in range(setup.epochs):
        setup.model.train(setup.loop.train_mode)
        history.append(float(np.mean([_step(setup, x, y, observer) for x, y in loader])))
        observer.epoch()
        if setup.lr_scheduler is not None and setup.schedule_every == "epoch":
            setup.lr_scheduler.step()
    return {"loss": history}


def _step(setup: Setup, x: Tensor, y: Tensor, observer: Observer) -> float:
    if setup.loop.zero_grad:
        setup.optimizer.zero_grad()
    loss = setup.loss(setup.model(x), y)
    loss.backward()
    _treat_gradients(setup)
    setup.optimizer.step()
    if setup.lr_scheduler is not None and setup.schedule_every == "step":
        setup.lr_scheduler.step()
    value = float(loss.item())
    observer.step(value)
    return value


def _treat_gradients(setup: Setup) -> None:
    """Do all that happens to gradients between backward and update."""
    parameters = [parameter for parameter in setup.model.parameters() if parameter.grad is not None]
    if setup.loop.gradient_sign < 0:
        for parameter in parameters:
            parameter.grad = -parameter.grad
    if setup.clip_norm is not None:
        clip_grad_norm_(parameters, setup.clip_norm)
    if setup.clip_value is not None:
        clip_grad_value_(parameters, setup.clip_value)
