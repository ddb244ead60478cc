"""Schedules that scale the learning rate by a factor of the epoch: steps, ramps, powers, a cosine, your own.

Several of them on one optimizer multiply, as each changes the rate only by how its own factor changed.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from koubai.optim.lr_scheduler.scheduler import LRScheduler, current_lrs
from koubai.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "FactorLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]


class FactorLR(LRScheduler):
    """Base of schedules with `η_t = η_min + (η_0 − η_min) factor(t)`."""

    eta_min: float = 0.0

    def factor(self, epoch: float) -> float:
        """Return the factor of an epoch, counted from 0."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say by which factor the learning rate goes"
        )

    def get_lr(self) -> list[float]:
        """Return the present rates, scaled from the last epoch's factor to this one's."""
        if self._is_initial and self.last_epoch > 0:  # resumed: the loaded rates are those of this epoch
            return current_lrs(self.optimizer)
        before = self.factor(self.last_epoch - 1) if self.last_epoch > 0 else 1.0
        now, rates = self.factor(self.last_epoch), current_lrs(self.optimizer)
        if before == 0:  # the present rate says nothing about the scale: begin again from the first rate
            return [
                rate + (base - self.eta_min) * now for rate, base in zip(rates, self.base_lrs, strict=True)
            ]
        return [self.eta_min + (rate - self.eta_min) * now / before for rate in rates]

    def _get_closed_form_lr(self) -> list[float]:
        factor = self.factor(self.last_epoch)
        return [self.eta_min + (base - self.eta_min) * factor for base in self.base_lrs]


class StepLR(FactorLR):
    """Multiply the rate by `gamma` every `step_size` epochs.

    Args:
        optimizer: whose learning rates to change.
        step_size: after how many epochs.
        gamma: the factor.
        last_epoch: see `LRScheduler`.
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: float) -> float:
        """Return gamma to the power of the steps so far."""
        return float(self.gamma ** (epoch // self.step_size))


class MultiStepLR(FactorLR):
    """Multiply the rate by `gamma` at each of the given epochs.

    Args:
        optimizer: whose learning rates to change.
        milestones: the epochs; one that is listed twice counts twice.
        gamma: the factor.
        last_epoch: see `LRScheduler`.
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: float) -> float:
        """Return gamma to the power of the milestones so far."""
        return float(self.gamma ** bisect_right(self.milestones, epoch))


class ConstantLR(FactorLR):
    """Scale the rate by `factor` during the first `total_iters` epochs.

    Args:
        optimizer: whose learning rates to change.
        factor: in [0, 1].
        total_iters: how many epochs.
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: if `factor` is not in [0, 1].
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"Constant multiplicative factor expected to be between 0 and 1, got {factor}.")
        self.first_factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: float) -> float:
        """Return the constant at first, then 1."""
        return self.first_factor if epoch < self.total_iters else 1.0


class LinearLR(FactorLR):
    """Scale the rate by a factor that goes in a straight line over the first `total_iters` epochs.

    Args:
        optimizer: whose learning rates to change.
        start_factor: the factor at the beginning, in (0, 1].
        end_factor: the factor at the end and from then on, in [0, 1].
        total_iters: how many epochs.
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: if a factor is outside its range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to 1, "
                f"got {start_factor}."
            )
        if not 0 <= end_factor <= 1:
            raise ValueError(
                f"Ending multiplicative factor expected to be between 0 and 1, got {end_factor}."
            )
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: float) -> float:
        """Return the point on the line."""
        share = min(epoch / self.total_iters, 1.0) if self.total_iters else 1.0
        return self.start_factor + (self.end_factor - self.start_factor) * share


class ExponentialLR(FactorLR):
    """Multiply the rate by `gamma` every epoch.

    Args:
        optimizer: whose learning rates to change.
        gamma: the factor.
        last_epoch: see `LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: float) -> float:
        """Return gamma to the power of the epoch."""
        return float(self.gamma**epoch)


class PolynomialLR(FactorLR):
    """Let the rate fall to 0 over `total_iters` epochs, as `(1 − t / total_iters)^power`.

    Args:
        optimizer: whose learning rates to change.
        total_iters: how many epochs.
        power: 1 falls in a straight line, more falls faster at first.
        last_epoch: see `LRScheduler`.
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: float) -> float:
        """Return the power of the share that is left."""
        return float((1 - min(epoch, self.total_iters) / self.total_iters) ** self.power)


class CosineAnnealingLR(FactorLR):
    """Let the rate fall to `eta_min` along half a cosine, over `T_max` epochs; after that it rises again.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), equation 5 without
    restarts.

    Args:
        optimizer: whose learning rates to change.
        T_max: how many epochs.
        eta_min: the lowest rate.
        last_epoch: see `LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: float) -> float:
        """Return the point on the cosine, between 1 and 0."""
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2


EpochFunction = Callable[[Any], float]


class _FunctionLR(LRScheduler):
    """Base of schedules by the user's function, or one function per group."""

    unsaved = LRScheduler.unsaved | {"lr_lambdas"}

    def __init__(
        self, optimizer: Optimizer, lr_lambda: EpochFunction | list[EpochFunction], last_epoch: int = -1
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(self.lr_lambdas)}")
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"lr_lambda should be a function, but got {type(function).__name__}")
        super().__init__(optimizer, last_epoch)

    def _scaled(self, rates: list[float]) -> list[float]:
        return [
            rate * function(self.last_epoch) for rate, function in zip(rates, self.lr_lambdas, strict=True)
        ]


class LambdaLR(_FunctionLR):
    """Set the rate to its first value times `lr_lambda(epoch)`.

    Args:
        optimizer: whose learning rates to change.
        lr_lambda: a function of the epoch, or a list with one per group. It is not in the state_dict.
        last_epoch: see `LRScheduler`.

    Example:
        >>> scheduler = LambdaLR(optimizer, lambda epoch: 0.95**epoch)
    """

    def get_lr(self) -> list[float]:
        """Return the first rates, scaled."""
        return self._scaled(self.base_lrs)


class MultiplicativeLR(_FunctionLR):
    """Multiply the rate by `lr_lambda(epoch)` every epoch.

    Args:
        optimizer: whose learning rates to change.
        lr_lambda: a function of the epoch, or a list with one per group. It is not in the state_dict.
        last_epoch: see `LRScheduler`.
    """

    def get_lr(self) -> list[float]:
        """Return the present rates, scaled."""
        rates = current_lrs(self.optimizer)
        return rates if self._is_initial else self._scaled(rates)
