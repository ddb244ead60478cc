"""The schedule that watches a metric: when it stops improving, the learning rate is reduced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, SupportsFloat

from koubai.optim.lr_scheduler.scheduler import (
    LRScheduler,
    _check_optimizer,
    current_lrs,
    one_per_group,
    set_lr,
)
from koubai.optim.optimizer import Optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by `factor` when a metric has not improved for more than `patience` epochs.

    Args:
        optimizer: whose learning rates to change.
        mode: "min" if less is better (a loss), "max" if more is (an accuracy).
        factor: below 1.
        patience: how many epochs without improvement are borne.
        threshold: an improvement must be larger than this...
        threshold_mode: ... relative to the best value ("rel") or as such ("abs").
        cooldown: how many epochs after a reduction are not counted.
        min_lr: the lowest rate, or one per group.
        eps: a reduction by less than this is not made.

    Raises:
        ValueError: for a factor of 1 or more, an unknown mode, or a list of the wrong length.

    Example:
        >>> scheduler.step(validation_loss)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        _check_optimizer(optimizer)
        if factor >= 1.0:
            raise ValueError(f"Factor should be < 1.0, got {factor}.")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown! It is 'min' or 'max'.")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown! It is 'rel' or 'abs'.")
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lrs = one_per_group("min_lr", optimizer, min_lr)
        self.eps = eps
        self.last_epoch = 0
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self._last_lr = current_lrs(optimizer)

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Take note of the metric after an epoch, and reduce the rate if it is time.

        Args:
            metrics: the value of the metric.
        """
        value = float(metrics)
        self.last_epoch += 1
        better = self._is_better(value)
        self.best = value if better else self.best
        self.num_bad_epochs = 0 if better else self.num_bad_epochs + 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = current_lrs(self.optimizer)

    def _is_better(self, value: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        margin = sign * self.threshold
        bound = self.best * (1 + margin) if self.threshold_mode == "rel" else self.best + margin
        return sign * value > sign * bound

    def _reduce(self) -> None:
        for group, lowest in zip(self.optimizer.param_groups, self._lowest()):
            rate = float(group["lr"])
            reduced = max(rate * self.factor, lowest)
            if rate - reduced > self.eps:
                set_lr(group, reduced)

    def _lowest(self) -> list[float]:
        """Return the lowest rates, one per group, also of groups that came later if all have the same."""
        groups = len(self.optimizer.param_groups)
        if len(self.min_lrs) == groups:
            return self.min_lrs
        if len(set(self.min_lrs)) == 1:
            return self.min_lrs[:1] * groups
        raise RuntimeError(
            f"the optimizer has {groups} parameter groups, but `min_lrs` was given for {len(self.min_lrs)}; "
            "add an entry to it for each new group"
        )
