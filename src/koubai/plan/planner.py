"""`plan`: what a training will need and take, before it is begun."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from koubai import nn
from koubai.data import TensorDataset
from koubai.doctor.machine import physical_memory
from koubai.engine.tensor import Tensor
from koubai.i18n import _
from koubai.nn.module import Module
from koubai.optim import Adam, Optimizer
from koubai.plan.claim import Claim, judge
from koubai.plan.examples import flat_targets, made_up, output_shape
from koubai.plan.memory import Footprint, MemoryModel
from koubai.plan.pilot import Pilot, fly
from koubai.plan.prediction import Prediction, predict
from koubai.plan.workload import Examples, Workload

__all__ = ["Plan", "plan", "plan_of", "workload_of"]

_HOUR = 3600.0
_APART = 4  # times the batch size: far enough for a line through two points


@dataclass(frozen=True)
class Plan:
    """What a training will need and take.

    Attributes:
        workload: the training.
        pilots: the short trainings that were measured, the one with its batch size first; none without measuring.
        memory_limit: bytes that this machine has; 0 if that is not known.
        price: of this machine per hour, in any currency, or None.
    """

    workload: Workload
    pilots: tuple[Pilot, ...]
    memory_limit: int
    price: float | None = None

    @cached_property
    def memory(self) -> MemoryModel:
        """The memory by batch size, and the layers of the model."""
        return MemoryModel(self.workload, self.pilots, self.memory_limit)

    @property
    def footprint(self) -> Footprint:
        """The memory that this batch size needs."""
        return self.memory.at(self.workload.batch_size)

    @cached_property
    def prediction(self) -> Prediction | None:
        """How long it takes; None without measuring."""
        return predict(self.workload, self.pilots) if self.pilots else None

    def predicted_at(self, batch_size: int) -> Prediction | None:
        """How long it takes with another batch size."""
        return predict(self.workload.with_batches_of(batch_size), self.pilots) if self.pilots else None

    @property
    def forward_flops(self) -> int:
        """Operations of the products for one sample; a multiplication and an addition are two."""
        return 2 * self.memory.summary.total("multiply_adds")

    @property
    def backward_flops(self) -> int:
        """Operations of the products that the gradients for one sample take."""
        return 2 * self.memory.summary.total("backward_multiply_adds")

    @property
    def flops(self) -> float:
        """Operations of all steps of the training, as they are run where that is known."""
        step = self.pilots[0].flops if self.pilots else 0
        each = step / self.pilots[0].batch_size if step else self.forward_flops + self.backward_flops
        return float(each) * self.workload.samples * self.workload.epochs

    @property
    def cost(self) -> float | None:
        """What the training costs; None without a price, or without measuring."""
        if self.price is None or self.prediction is None:
            return None
        return self.price * self.prediction.total / _HOUR

    def claim(self, *, seconds: float | None = None, cost: float | None = None) -> Claim:
        """Judge a time or a cost that somebody states for the whole training.

        Args:
            seconds: the time.
            cost: or the cost, for which the plan needs a price.

        Raises:
            ValueError: nothing was measured, or the price is missing.
        """
        if self.prediction is None:
            raise ValueError(_("a claim can only be judged where something was measured"))
        if cost is not None:
            if not self.price:
                raise ValueError(_("a cost can only be judged with a price per hour"))
            seconds = cost / self.price * _HOUR
        if seconds is None:
            raise ValueError(_("say which time or which cost is claimed"))
        return judge(
            seconds, self.prediction.total, self.flops, self.pilots[0].peak, price=self.price, cost=cost
        )


def plan(
    model: Module,
    data: Any,
    *,
    classes: int | None = None,
    loss: Callable[..., Tensor] | None = None,
    optimizer: Callable[[Module], Optimizer] | None = None,
    batch_size: int = 64,
    epochs: int = 10,
    validation: int | float = 0.1,
    metrics: Sequence[Any] = (),
    price: float | None = None,
    measure: bool = True,
    compile: bool = True,
    seconds: float = 1.0,
) -> Plan:
    """Say what a training will need and take. Nothing of the model is changed.

    Args:
        model: what is to be trained.
        data: the shape of the training data, samples first, such as (60000, 1, 28, 28); or inputs and targets.
        classes: with a shape, how many classes there are; None for numbers to predict.
        loss: `loss(output, target)`; None for cross-entropy where targets are classes, else the mean squared error.
        optimizer: makes the optimizer of a model; None for Adam.
        batch_size, epochs: as for `Trainer.fit`.
        validation: validation samples beside the training samples: how many, or below 1 as a share of those.
        metrics: as for `Trainer`.
        price: of this machine per hour.
        measure: whether short trainings are made, for times and for the memory of the process; else there are only
            counts.
        compile: whether steps are native functions, as they are in a `Trainer`.
        seconds: about how long is measured for each of two batch sizes; compiling comes on top.

    Raises:
        ValueError: the data do not fit the model; the message names the layer and the shapes.
        MemoryError: not even the short training has room.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        >>> planned = plan(model, (60000, 1, 28, 28), classes=10, epochs=20)
        >>> planned.prediction.total, planned.footprint.process
    """
    workload = workload_of(
        model,
        data,
        classes=classes,
        loss=loss,
        optimizer=optimizer,
        batch_size=batch_size,
        epochs=epochs,
        validation=validation,
        metrics=metrics,
    )
    return plan_of(workload, price=price, measure=measure, compile=compile, seconds=seconds)


def plan_of(
    workload: Workload,
    *,
    price: float | None = None,
    measure: bool = True,
    compile: bool = True,
    seconds: float = 1.0,
    watch: Callable[[int], None] = lambda batch_size: None,
) -> Plan:
    """Return the plan of a workload.

    Args:
        workload: the training.
        price, measure, compile, seconds: as for `plan`.
        watch: is told the batch size before each short training.
    """
    pilots = []
    for size in _measured_sizes(workload) if measure else ():
        watch(size)
        smaller = workload.with_batches_of(size)
        if compile:
            fly(smaller, 0.0)  # so that everything is compiled, as it will be when the training begins
        pilots.append(fly(smaller, seconds, compile))
    return Plan(workload, tuple(pilots), physical_memory(), price)


def workload_of(
    model: Module,
    data: Any,
    *,
    name: str | None = None,
    classes: int | None = None,
    loss: Callable[..., Tensor] | None = None,
    optimizer: Callable[[Module], Optimizer] | None = None,
    batch_size: int = 64,
    epochs: int = 10,
    validation: int | float = 0.1,
    metrics: Sequence[Any] = (),
) -> Workload:
    """Return a training to be planned; the arguments are those of `plan`."""
    if _is_shape(data):
        samples, *shape = data
        examples = made_up(model, shape, classes)
    else:
        examples = _examples(data)
        samples = len(examples.inputs)
    out = output_shape(model, examples.take(2)[0])
    labelled = examples.targets.dtype.kind in "iu"
    loss = loss or (nn.CrossEntropyLoss() if labelled else nn.MSELoss())
    if labelled and out[0] != 2:
        loss = flat_targets(loss)
    return Workload(
        name or type(model).__name__,
        model,
        loss,
        optimizer or (lambda of: Adam(of.parameters())),
        examples,
        samples,
        round(validation * samples) if validation < 1 else int(validation),
        min(batch_size, samples),
        epochs,
        min(batch_size, samples),
        {"metrics": list(metrics)},
    )


def _measured_sizes(workload: Workload) -> tuple[int, ...]:
    """Return the batch size, and one far from it, so that there is a line through both."""
    size = workload.batch_size
    other = size * _APART if size * _APART * 2 <= workload.samples else max(1, size // _APART)
    return (size,) if other == size else (size, other)


def _is_shape(data: Any) -> bool:
    return isinstance(data, tuple | list) and bool(data) and all(isinstance(length, int) for length in data)


def _examples(data: Any) -> Examples:
    parts = data.tensors if isinstance(data, TensorDataset) else data
    if not isinstance(parts, tuple | list) or len(parts) != 2:
        raise TypeError(_("plan wants the shape of the data, or inputs and targets"))
    inputs, targets = (np.asarray(part.numpy() if isinstance(part, Tensor) else part) for part in parts)
    if inputs.dtype == np.float64:
        inputs = inputs.astype(np.float32)
    return Examples(inputs, targets)
