"""Averaging the weights that a training passes through, evenly (SWA) or with a decay (EMA).

The average often generalises better than the last weights.

Not imported by `koubai.optim`, since it knows models: `from koubai.optim.swa_utils import AveragedModel`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, Literal

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.batchnorm import _BatchNorm
from koubai.nn.module import Module
from koubai.optim.lr_scheduler.cycles import ANNEALING
from koubai.optim.lr_scheduler.scheduler import LRScheduler, current_lrs, one_per_group
from koubai.optim.optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Tensor], Tensor]
MultiAverage = Callable[[list[Tensor], list[Tensor], Tensor], None]


def get_swa_avg_fn() -> Average:
    """Return the function of (average, new value, how many are in the average) that weighs all values evenly.

    Izmailov et al., "Averaging weights leads to wider optima and better generalization" (2018).
    """
    return lambda average, value, count: average + (value - average) / (count + 1)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Return the function of (average, new value, how many are in the average) that forgets old values.

    Args:
        decay: how much of the average stays each time, in [0, 1].

    Raises:
        ValueError: if `decay` is outside [0, 1].
    """
    if not 0 <= decay <= 1:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")
    return lambda average, value, count: decay * average + (1 - decay) * value


def _in_place(average: Average) -> MultiAverage:
    """Return the function that averages lists of tensors in place, as `average` does for one."""

    @koubai.no_grad()
    def update(averages: list[Tensor], values: list[Tensor], count: Tensor) -> None:
        for mine, value in zip(averages, values, strict=True):
            mine.copy_(average(mine, value, count))

    return update


def get_swa_multi_avg_fn() -> MultiAverage:
    """Return `get_swa_avg_fn()` for lists of tensors, which it changes in place."""
    return _in_place(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """Return `get_ema_avg_fn(decay)` for lists of tensors, which it changes in place."""
    return _in_place(get_ema_avg_fn(decay))


class AveragedModel(Module):
    """A copy of a model whose weights are the average of those it had at each `update_parameters`.

    Batch normalisation's running means are the model's last ones; compute the average's own with `update_bn`.

    Args:
        model: the model to average; it is copied.
        device: accepted for PyTorch's sake.
        avg_fn: how to average a tensor, by default evenly: `get_swa_avg_fn()`.
        multi_avg_fn: how to average lists of tensors in place, instead.
        use_buffers: average the buffers too, instead of copying them.

    Raises:
        ValueError: if both functions are given.

    Example:
        >>> average = AveragedModel(model, avg_fn=get_ema_avg_fn(0.99))
        >>> optimizer.step()
        >>> average.update_parameters(model)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        if avg_fn and multi_avg_fn:
            raise ValueError("give avg_fn or multi_avg_fn, not both")
        super().__init__()
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", koubai.tensor(0))
        self.average = multi_avg_fn or _in_place(avg_fn or get_swa_avg_fn())
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output of the averaged model."""
        return self.module(*args, **kwargs)

    @koubai.no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the present weights of the model into the average; the first time they are the average."""
        averages, copies = _tensors(self.module)
        values, others = _tensors(model)
        if self.use_buffers:
            averages, values, copies, others = averages + copies, values + others, [], []
        if self.n_averaged.item() == 0:
            averages, values, copies, others = [], [], averages + copies, values + others
        self.average(averages, values, self.n_averaged)
        for mine, other in zip(copies, others, strict=True):
            mine.copy_(other)
        self.n_averaged.add_(1)


def _tensors(model: Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return the parameters and the buffers."""
    return list(model.parameters()), list(model.buffers())


@koubai.no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute anew the running statistics of all batch normalisations, as means over the data.

    Args:
        loader: batches; of a tuple or list the first entry is the input.
        model: the model, for instance an `AveragedModel`. Its training mode stays as it was.
        device: accepted for PyTorch's sake.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        return
    momenta, was_training = [layer.momentum for layer in layers], model.training
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # an even average over all batches
    model.train()
    for batch in loader:
        model(batch[0] if isinstance(batch, list | tuple) else batch)
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Bring the rate to a constant `swa_lr` within a few epochs; it stays there while weights are averaged.

    Args:
        optimizer: whose learning rates to change.
        swa_lr: the rate to come to, or one per group.
        anneal_epochs: how many epochs that takes; 0 is at once.
        anneal_strategy: "cos" or "linear".
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: for an unknown strategy, or a number of epochs that is not a whole number of at least 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ANNEALING:
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for group, rate in zip(optimizer.param_groups, one_per_group("swa_lr", optimizer, swa_lr)):
            group["swa_lr"] = rate
        self.anneal_epochs = anneal_epochs
        self.anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the present rates, brought nearer to their goals by as much as this epoch asks for."""
        step = self._step_count - 1
        left, before = self._left(step), self._left(step - 1)
        scale = left / before if before else 0.0
        goals = [group["swa_lr"] for group in self.optimizer.param_groups]
        return [goal + (rate - goal) * scale for goal, rate in zip(goals, current_lrs(self.optimizer))]

    def _left(self, step: int) -> float:
        """Return the share of the way that is left after this many steps."""
        if not self.anneal_epochs:
            return 0.0
        return 1 - ANNEALING[self.anneal_strategy](max(0.0, min(1.0, step / self.anneal_epochs)))
