"""The optimizers and schedules a command offers by name, each with the learning rate it starts at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any, TypeVar

from koubai import optim
from koubai.nn import Module
from koubai.optim import lr_scheduler
from koubai.recipes.settings import OptimizerName, ScheduleName, Settings

SettingsKind = TypeVar("SettingsKind", bound=Settings)

_MOMENTUM = 0.9

OPTIMIZERS: dict[OptimizerName, tuple[Callable[..., optim.Optimizer], float]] = {
    "sgd": (optim.SGD, 0.01),
    "momentum": (partial(optim.SGD, momentum=_MOMENTUM), 0.01),
    "nesterov": (partial(optim.SGD, momentum=_MOMENTUM, nesterov=True), 0.01),
    "adagrad": (optim.Adagrad, 0.01),
    "adadelta": (optim.Adadelta, 1.0),
    "rmsprop": (optim.RMSprop, 0.001),
    "adam": (optim.Adam, 0.001),
    "adamw": (optim.AdamW, 0.001),
    "adamax": (optim.Adamax, 0.002),
    "nadam": (optim.NAdam, 0.002),
    "radam": (optim.RAdam, 0.001),
    "lion": (optim.Lion, 0.0001),
    "lamb": (optim.LAMB, 0.001),
    "adafactor": (optim.Adafactor, 0.01),
    "asgd": (optim.ASGD, 0.01),
}


def resolved(settings: SettingsKind) -> SettingsKind:
    """The settings with the optimizer's own learning rate and weight decay where none was asked for.

    A trial has one epoch.
    """
    make, rate = OPTIMIZERS[settings.optimizer]
    own = {"lr": rate, "weight_decay": signature(make).parameters["weight_decay"].default}
    update = {name: value for name, value in own.items() if getattr(settings, name) is None}
    return settings.model_copy(update=update | ({"epochs": 1} if settings.smoke else {}))


def make_optimizer(settings: Settings, model: Module) -> optim.Optimizer:
    """The optimizer that was asked for in resolved settings, over all parameters of the model."""
    make, _ = OPTIMIZERS[settings.optimizer]
    return make(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)


def make_schedule(settings: Settings, optimizer: optim.Optimizer, steps: int) -> Any:
    """The schedule of resolved settings, over all epochs of `steps` steps; None for a constant rate."""
    make = _SCHEDULES[settings.schedule]
    return make and make(optimizer, settings, steps)


def _warmup_cosine(optimizer: optim.Optimizer, settings: Settings, steps: int) -> Any:
    """A tenth of the epochs to warm up, the cosine over the rest."""
    warm = max(1, settings.epochs // 10)
    rest = lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, settings.epochs - warm))
    return lr_scheduler.warmup(rest, warm)


_SCHEDULES: dict[ScheduleName, Callable[[Any, Settings, int], Any] | None] = {
    "constant": None,
    "step": lambda o, s, n: lr_scheduler.StepLR(o, step_size=max(1, s.epochs // 3)),
    "exponential": lambda o, s, n: lr_scheduler.ExponentialLR(o, gamma=0.01 ** (1 / s.epochs)),
    "cosine": lambda o, s, n: lr_scheduler.CosineAnnealingLR(o, T_max=s.epochs),
    "warmup-cosine": _warmup_cosine,
    "one-cycle": lambda o, s, n: lr_scheduler.OneCycleLR(
        o, max_lr=o.param_groups[0]["lr"], total_steps=s.epochs * n
    ),
    "plateau": lambda o, s, n: lr_scheduler.ReduceLROnPlateau(o, patience=3),
}
