"""A training that is ready to start, and what came of it; the same for both frameworks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from doctor.plan import Loop

__all__ = ["Outcome", "Setup", "Subject"]

Tensor = Any


@dataclass
class Setup:
    """Everything that a user has made before calling `fit`.

    Attributes:
        model, loss, optimizer: the framework's; the loss is any function of output and target.
        train, validation: inputs and targets as tensors.
        batch_size, epochs: as for `Trainer.fit`.
        loop: what the loop does in each step.
        metric: what is judged, and on which part: "accuracy (held out)", "R2 (train)".
        metrics: what the user watches, names for `Trainer`.
        lr_scheduler: a schedule of the learning rate, or None.
        schedule_every: whether it goes on with each "step" or "epoch".
        clip_norm, clip_value: as for `Trainer`, or None.
        judged_by: samples per batch when the model is judged; None is `batch_size`.
        memory_limit: bytes that the machine is said to have for this training, or None.
    """

    model: Any
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: Any
    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    batch_size: int
    epochs: int
    loop: Loop = field(default_factory=Loop)
    metric: str = "accuracy (held out)"
    metrics: tuple[str, ...] = ()
    lr_scheduler: Any = None
    schedule_every: str = "step"
    clip_norm: float | None = None
    clip_value: float | None = None
    judged_by: int | None = None
    memory_limit: int | None = None


@dataclass
class Outcome:
    """What came of a training.

    Attributes:
        score: by the setup's metric; numbers without end count as the worst there is.
        seconds: how long the training took.
        history: the values of the epochs, as far as the loop keeps them.
        error: what ended it early, or None.
    """

    score: float
    seconds: float
    history: dict[str, list[Any]] = field(default_factory=dict)
    error: Exception | None = None


@dataclass(frozen=True)
class Subject:
    """A training to examine: `make(seed, fixed)` sets up the faulty one or its healthy twin.

    Attributes:
        id: its name.
        root_cause: what is wrong with the faulty one; each of these is a right answer. Empty: nothing, there is no
            faulty one.
    """

    id: str
    root_cause: tuple[str, ...]
    make: Callable[[int, bool], Setup]
