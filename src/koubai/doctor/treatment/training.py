"""A training as something that can be changed and tried: a model before its first step, and everything around it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import signature
from typing import Any

import numpy as np

import koubai
from koubai import nn
from koubai.data import DataLoader, TensorDataset
from koubai.doctor.facts.task import Task, skill, task_of
from koubai.doctor.framework import Array, Framework
from koubai.i18n import _
from koubai.optim import Optimizer
from koubai.train import Callback, EarlyStopping, NonFiniteLoss, SwitchOptimizer, Trainer

__all__ = ["Result", "Training"]


@dataclass(frozen=True)
class Result:
    """What a training came to.

    Attributes:
        skill: on the validation samples, or without them on the training samples; see `facts.task`.
        losses: the training loss of each epoch.
    """

    skill: float
    losses: tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """A training that has not begun.

    Attributes:
        model: with the weights it starts from.
        loss: `loss(output, target)`.
        optimizer: its class.
        options: of the optimizer.
        train, validation: inputs and targets as arrays; validation may be None.
        batch_size, epochs: as for `Trainer.fit`.
        trainer: further options of `Trainer`, such as `clip_norm`.
        scheduler: makes the learning-rate schedule from the optimizer, or None.
        patience: epochs without improvement after which it stops, or None.
        logits: whether 0 divides yes from no in the outputs, else 0.5.
        finish: makes the optimizer of the second half from the parameters, or None.
        augment: changes the inputs of each batch at random, as for `DataLoader`, or None.
    """

    model: Any
    loss: Callable[..., Any]
    optimizer: type[Optimizer]
    options: dict[str, Any]
    train: tuple[Array, Array]
    validation: tuple[Array, Array] | None = None
    batch_size: int = 32
    epochs: int = 10
    trainer: dict[str, Any] = field(default_factory=dict)
    scheduler: Callable[[Optimizer], Any] | None = None
    patience: int | None = None
    logits: bool = False
    finish: Callable[[list[Any]], Optimizer] | None = None
    augment: Callable[..., Any] | None = None

    @classmethod
    def of(
        cls,
        model: Any,
        loss: Callable[..., Any],
        optimizer: Optimizer,
        data: Any,
        validation: Any = None,
        **options: Any,
    ) -> Training:
        """Return the training of what a `Trainer` would be given.

        Args:
            model: with the weights it is to start from; it is copied before anything is trained.
            loss: `loss(output, target)`.
            optimizer: of the model's parameters, all in one group.
            data: training inputs and targets as tensors or arrays, or a `TensorDataset` of them.
            validation: the same of other samples, or None.
            **options: further attributes, such as `epochs` and `batch_size`.

        Raises:
            TypeError: the model is not Koubai's, or the data are of another kind.
            ValueError: the optimizer has several groups of parameters.
        """
        if not isinstance(model, nn.Module):
            raise TypeError(_("only a model of Koubai can be treated, not {kind}").format(kind=type(model)))
        options.setdefault("logits", isinstance(loss, nn.BCEWithLogitsLoss | nn.SoftMarginLoss))
        pair = None if validation is None else _arrays(validation)
        return cls(model, loss, type(optimizer), _options(optimizer), _arrays(data), pair, **options)

    def but(self, **changes: Any) -> Training:
        """Return this training with some attributes changed; `options` are added to those there are."""
        if "options" in changes:
            changes["options"] = {**self.options, **changes["options"]}
        return replace(self, **changes)

    def with_model(self, change: Callable[[Any], Any], **changes: Any) -> Training:
        """Return this training with a changed copy of the model."""
        return self.but(model=change(copy.deepcopy(self.model)), **changes)

    def with_optimizer(self, kind: type[Optimizer], **options: Any) -> Training:
        """Return this training with another optimizer; of the old one's options only the weight decay stays."""
        kept = {name: self.options[name] for name in ("weight_decay",) if name in self.options}
        return replace(self, optimizer=kind, options={**kept, **options})

    @cached_property
    def task(self) -> Task:
        """The kind of question that the targets ask."""
        return task_of(self.train[1], self._answers)

    @property
    def outputs(self) -> int:
        """How many numbers the model gives for a sample."""
        return 1 if len(self._answers) < 2 else self._answers[1]

    @cached_property
    def _answers(self) -> tuple[int, ...]:
        """The shape of what the model gives for two samples."""
        with koubai.no_grad(), np.errstate(all="ignore"):
            model = Framework().copied(self.model).eval()
            return tuple(model(koubai.tensor(self.train[0][:2])).shape)

    @property
    def steps(self) -> int:
        """How many updates there will be."""
        return self.epochs * -(-len(self.train[0]) // self.batch_size)

    def run(
        self, seed: int = 0, callbacks: tuple[Callback, ...] = (), epochs: int | None = None
    ) -> tuple[Result, Any]:
        """Train a copy, and return what came of it and the trained model.

        Args:
            epochs: how many of its epochs, from the first on; None is all.
            seed: of the order of batches and of dropout; seeds above 0 also draw the first weights anew, from the
                same distribution.
            callbacks: of the trainer.
        """
        with koubai.fork_rng():
            koubai.manual_seed(seed)
            model = Framework().copied(self.model)
            if seed:
                _shuffle_weights(model, seed)
            optimizer = self.optimizer(model.parameters(), **self.options)
            trainer = Trainer(
                model,
                self.loss,
                optimizer,
                lr_scheduler=None if self.scheduler is None else self.scheduler(optimizer),
                callbacks=[*callbacks, *self._stopping(), *self._finishing()],
                doctor=False,
                **{"restore_best": self.patience is not None, **self.trainer},
            )
            try:
                history = trainer.fit(
                    self.batches(), self._validation(), epochs or self.epochs, batch_size=self.batch_size
                )
            except NonFiniteLoss:
                return Result(-np.inf, tuple(trainer.history.get("loss", ()))), model
            return Result(self.skill_of(model), tuple(history["loss"])), model

    def skill_of(self, model: Any) -> float:
        """Return how good a model is on the validation samples, or without them on the training samples."""
        inputs, target = self.validation or self.train
        model.eval()
        with koubai.no_grad(), np.errstate(all="ignore"):
            starts = range(0, len(inputs), 256)
            answers = np.concatenate([model(koubai.tensor(inputs[n : n + 256])).numpy() for n in starts])
        return skill(self.task, answers, target, 0.0 if self.logits else 0.5)

    def batches(self) -> Any:
        """What `Trainer.fit` is given to train on."""
        train = (koubai.tensor(self.train[0]), koubai.tensor(self.train[1]))
        if self.augment is None:
            return train
        return DataLoader(TensorDataset(*train), self.batch_size, shuffle=True, augment=self.augment)

    def _validation(self) -> Any:
        if self.validation is None:
            return None
        return koubai.tensor(self.validation[0]), koubai.tensor(self.validation[1])

    def _stopping(self) -> list[Callback]:
        return [] if self.patience is None else [EarlyStopping(patience=self.patience)]

    def _finishing(self) -> list[Callback]:
        if self.finish is None:
            return []
        return [SwitchOptimizer(1 + self.epochs // 2, self.finish)]


def _shuffle_weights(model: Any, seed: int) -> None:
    """Draw weights anew from the distribution they have: each tensor's elements change places."""
    random = np.random.default_rng(seed)
    with koubai.no_grad():
        for parameter in model.parameters():
            values = parameter.detach().numpy().ravel()
            parameter.copy_(koubai.tensor(random.permutation(values).reshape(parameter.shape)))


def _options(optimizer: Optimizer) -> dict[str, Any]:
    """Return the options that an optimizer was made with."""
    if len(optimizer.param_groups) > 1:
        raise ValueError(_("a training with several groups of parameters cannot be treated"))
    (group,) = optimizer.param_groups
    known = signature(type(optimizer)).parameters
    options = {name: value for name, value in group.items() if name in known and name != "params"}
    return {**options, "lr": group.get("initial_lr", group["lr"])}


def _arrays(data: Any) -> tuple[Array, Array]:
    parts = data.tensors if isinstance(data, TensorDataset) else data
    if not isinstance(parts, tuple | list) or len(parts) != 2:
        raise TypeError(_("a treatment wants data as inputs and targets"))
    x, y = (np.asarray(part.numpy() if hasattr(part, "numpy") else part) for part in parts)
    return x, y
