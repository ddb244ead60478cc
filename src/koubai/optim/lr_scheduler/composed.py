"""Schedules made of schedules: one after another, several at once, and a warmup into any of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from koubai.optim.lr_scheduler.plateau import ReduceLROnPlateau
from koubai.optim.lr_scheduler.scheduler import LRScheduler, current_lrs, set_lr
from koubai.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR", "WarmupLR", "warmup"]


class _Composed(LRScheduler):
    """Base of schedules that consist of others, on the same optimizer."""

    unsaved = LRScheduler.unsaved | {"_schedulers"}
    _schedulers: Sequence[LRScheduler]

    def _check_parts(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        """Refuse schedules that cannot be composed; without an `optimizer`, the first one's is meant."""
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name} expects at least one scheduler, but got no scheduler.")
        for index, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name} at index {index} should have `optimizer` as its attribute.")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler, whose step needs a metric, "
                    f"but got one at index {index}; step it by itself, beside this one"
                )
            if scheduler.optimizer is not (optimizer or schedulers[0].optimizer):
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but the "
                    f"{type(scheduler).__name__} at index {index} belongs to another"
                )

    def _rewind(self) -> None:
        super()._rewind()
        for scheduler in self._schedulers:
            scheduler._rewind()

    def state_dict(self) -> dict[str, Any]:
        """Return where the schedule is, with the states of its parts under "_schedulers"."""
        parts = [scheduler.state_dict() for scheduler in self._schedulers]
        return {**super().state_dict(), "_schedulers": parts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict()` was called.

        Raises:
            ValueError: if it is the state of another kind of schedule.
        """
        parts = state_dict.get("_schedulers", [])
        if len(parts) != len(self._schedulers):
            raise ValueError(
                f"the state has {len(parts)} parts, this {type(self).__name__} has {len(self._schedulers)}"
            )
        for scheduler, part in zip(self._schedulers, parts):
            scheduler.load_state_dict(part)
        for name in super().state_dict():
            setattr(self, name, state_dict[name])


class SequentialLR(_Composed):
    """Follow one schedule until a milestone, then the next, which begins there at its own epoch 0.

    Args:
        optimizer: whose learning rates to change.
        schedulers: the schedules, in order, all made for this optimizer.
        milestones: the epochs at which the second, the third … take over.
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: if the numbers do not fit, or a schedule belongs to another optimizer.

    Example:
        >>> rise, fall = LinearLR(optimizer, total_iters=5), CosineAnnealingLR(optimizer, T_max=95)
        >>> scheduler = SequentialLR(optimizer, [rise, fall], milestones=[5])
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self._check_parts(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "there must be one milestone less than schedulers, the epoch at which the next begins; got "
                f"{len(milestones)} milestones and {len(schedulers)} schedulers"
            )
        self.optimizer = optimizer
        self._schedulers = schedulers
        self._milestones = list(milestones)
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """Undo what the schedules did to the rates when they were made, and let the first one begin."""
        for group in self.optimizer.param_groups:
            set_lr(group, float(group["initial_lr"]))
        for scheduler in self._schedulers:
            scheduler._rewind()
        self.last_epoch += 1
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def _update_lr(self, epoch: float | None = None) -> None:
        self._rewind()
        self._initial_step()

    def step(self) -> None:  # type: ignore[override]
        """Go on to the next epoch (or batch), with the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Composed):
    """Follow several schedules at once; their factors multiply.

    Args:
        schedulers: the schedules, all made for one optimizer.
        optimizer: that optimizer, by default the first schedule's.

    Raises:
        ValueError: if there are none, or they belong to different optimizers.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._check_parts(optimizer, schedulers)
        self.optimizer = schedulers[0].optimizer
        self._schedulers = schedulers
        self._last_lr = current_lrs(self.optimizer)

    def _initial_step(self) -> None:
        for scheduler in self._schedulers:
            scheduler._initial_step()
        self._last_lr = current_lrs(self.optimizer)

    def _update_lr(self, epoch: float | None = None) -> None:
        for scheduler in self._schedulers:
            scheduler._update_lr(epoch)
        self._last_lr = current_lrs(self.optimizer)

    def step(self) -> None:  # type: ignore[override]
        """Go on to the next epoch (or batch) with all schedules."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = current_lrs(self.optimizer)


class WarmupLR(_Composed):
    """Raise the rate in a straight line to where a schedule begins, then follow that schedule.

    Large first steps in a direction that a few batches happened to agree on are hard to undo, most of all
    with momentum and with Adam, whose averages are still poor. Goyal et al., "Accurate, large minibatch SGD"
    (2017).

    Args:
        scheduler: any schedule, also `ReduceLROnPlateau`; it waits meanwhile.
        steps: how many steps the rise takes.
        start_factor: the first rate, as a share of the schedule's first rate, in [0, 1].

    Raises:
        ValueError: if `steps` is negative, or `start_factor` outside [0, 1].

    Example:
        >>> scheduler = WarmupLR(CosineAnnealingLR(optimizer, T_max=1000), steps=100)
    """

    def __init__(self, scheduler: LRScheduler, steps: int, start_factor: float = 1.0 / 3) -> None:
        if steps < 0:
            raise ValueError(f"a warmup takes at least 0 steps, got {steps}")
        if not 0 <= start_factor <= 1:
            raise ValueError(f"start_factor must be in [0, 1], got {start_factor}")
        self.optimizer = scheduler.optimizer
        self._schedulers = [scheduler]
        self.steps = steps
        self.start_factor = start_factor
        self._begin()

    def _begin(self) -> None:
        """Take the rates that the schedule has set as those to rise to."""
        self.last_epoch = 0
        self.base_lrs = current_lrs(self.optimizer)
        self._set_rates()

    def _set_rates(self) -> None:
        share = self.last_epoch / self.steps if self.steps else 1.0
        for group, rate in zip(self.optimizer.param_groups, self.base_lrs):
            set_lr(group, rate * (self.start_factor + (1 - self.start_factor) * share))
        self._last_lr = current_lrs(self.optimizer)

    def _initial_step(self) -> None:
        self._schedulers[0]._initial_step()
        self._begin()

    def _update_lr(self, epoch: float | None = None) -> None:
        self._schedulers[0]._update_lr(epoch)
        self._begin()

    def step(self, *metrics: Any) -> None:
        """Go on to the next step.

        Args:
            *metrics: what the schedule's own step needs; passed over while the rate still rises.
        """
        self.last_epoch += 1
        if self.last_epoch <= self.steps:
            self._set_rates()
        else:
            self._schedulers[0].step(*metrics)
            self._last_lr = self._schedulers[0].get_last_lr()


def warmup(scheduler: LRScheduler, steps: int, start_factor: float = 1.0 / 3) -> WarmupLR:
    """Return `scheduler` with a warmup before it, as `WarmupLR` describes."""
    return WarmupLR(scheduler, steps, start_factor)
