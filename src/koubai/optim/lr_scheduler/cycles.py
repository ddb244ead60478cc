"""Schedules that rise and fall: cosines with restarts, triangles, one cycle; momentum may go against them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from koubai.optim.lr_scheduler.scheduler import LRScheduler, one_per_group, set_lr, set_momentum
from koubai.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR", "anneal"]

ANNEALING: dict[str, Callable[[float], float]] = {
    "cos": lambda share: (1 - math.cos(math.pi * share)) / 2,
    "linear": lambda share: share,
}


def anneal(strategy: str, start: float, end: float, share: float) -> float:
    """Return the value between `start` and `end` after a share of the way, along half a cosine or a line."""
    return start + (end - start) * ANNEALING[strategy](share)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Let the rate fall to `eta_min` along half a cosine, again and again.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), equation 5.

    Args:
        optimizer: whose learning rates to change.
        T_0: the epochs of the first fall.
        T_mult: by how much longer each next one is.
        eta_min: the lowest rate.
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: if T_0 or T_mult is not a whole number of at least 1.

    Example:
        >>> scheduler.step(epoch + batch / batches)   # also fractions of an epoch
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        self.T_0 = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates after the present share of the present fall."""
        epoch, length = self.last_epoch, self.T_0
        if self.T_mult == 1:
            epoch %= length
        while epoch >= length:
            epoch, length = epoch - length, length * self.T_mult
        return [anneal("cos", base, self.eta_min, epoch / length) for base in self.base_lrs]


class _Cycle(LRScheduler):
    """Base of the schedules that may move the momentum against the learning rate."""

    cycle_momentum: bool

    def _begin_momentum(
        self,
        optimizer: Optimizer,
        base_momentum: float | Sequence[float],
        max_momentum: float | Sequence[float],
        new: bool,
    ) -> None:
        """Note the range of the momentum, in the groups too, and begin at its top."""
        if not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.base_momentums = one_per_group("base_momentum", optimizer, base_momentum)
        self.max_momentums = one_per_group("max_momentum", optimizer, max_momentum)
        for group, low, high in zip(optimizer.param_groups, self.base_momentums, self.max_momentums):
            if new:
                set_momentum(group, high)
                group.update(max_momentum=high, base_momentum=low)

    def get_momentum(self) -> list[float]:
        """Return the momenta of epoch `last_epoch`, one per group."""
        raise NotImplementedError(f"{type(self).__name__} does not say how the momentum goes")

    def _update_lr(self, epoch: float | None = None) -> None:
        super()._update_lr(epoch)
        if self.cycle_momentum:
            for group, momentum in zip(self.optimizer.param_groups, self.get_momentum(), strict=True):
                set_momentum(group, momentum)


class CyclicLR(_Cycle):
    """Let the rate go up and down between two bounds, a little every batch.

    Smith, "Cyclical learning rates for training neural networks" (2017).

    Args:
        optimizer: whose learning rates to change.
        base_lr: the lower bound, or one per group.
        max_lr: the upper bound, or one per group.
        step_size_up: the batches of a rise.
        step_size_down: the batches of a fall, by default as many.
        mode: "triangular" keeps the height, "triangular2" halves it every cycle, "exp_range" scales it by
            gamma^batch.
        gamma: for "exp_range".
        scale_fn: a function that scales the height instead of a mode. It is not in the state_dict.
        scale_mode: whether `scale_fn` is given the number of the "cycle", from 1, or of the "iterations".
        cycle_momentum: whether the momentum goes down as the rate goes up.
        base_momentum: the lower bound of the momentum, or one per group.
        max_momentum: the upper bound of the momentum, or one per group.
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: for an unknown mode, a list of the wrong length, or an optimizer without momentum that
            shall be cycled.
    """

    unsaved = LRScheduler.unsaved | {"_scale_fn"}

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(f"mode is invalid and scale_fn is None: mode is {mode!r}")
        base_lrs = one_per_group("base_lr", optimizer, base_lr)
        self.max_lrs = one_per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, base_lrs):
                set_lr(group, rate)
        self.total_size = float(step_size_up + (step_size_up if step_size_down is None else step_size_down))
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn = scale_fn
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, new=last_epoch == -1)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def get_lr(self) -> list[float]:
        """Return the rates at the present height."""
        height = self._height()
        return [base + (top - base) * height for base, top in zip(self.base_lrs, self.max_lrs)]

    def get_momentum(self) -> list[float]:
        """Return the momenta at the present depth."""
        height = self._height()
        return [top - (top - base) * height for base, top in zip(self.base_momentums, self.max_momentums)]

    def _height(self) -> float:
        """Return the present height of the triangle, scaled."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1 + self.last_epoch / self.total_size - cycle  # the share of the cycle that has passed
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        return height * self._scale(cycle)

    def _scale(self, cycle: int) -> float:
        if self._scale_fn is not None:
            return self._scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        scales = {"triangular2": 0.5 ** (cycle - 1), "exp_range": self.gamma**self.last_epoch}
        return float(scales.get(self.mode, 1.0))


class OneCycleLR(_Cycle):
    """Let the rate rise once to `max_lr` and then fall far below where it began, a little every batch.

    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates"
    (2018); in two phases as fastai does it, or in the paper's three.

    Args:
        optimizer: whose learning rates to change.
        max_lr: the highest rate, or one per group.
        total_steps: how many batches there will be; or give `epochs` and `steps_per_epoch`.
        epochs: how many epochs there will be.
        steps_per_epoch: how many batches there are in one.
        pct_start: the share of all batches in which the rate rises.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether the momentum goes down as the rate goes up.
        base_momentum: the lower bound of the momentum, or one per group.
        max_momentum: the upper bound of the momentum, or one per group.
        div_factor: the rate begins at `max_lr / div_factor`.
        final_div_factor: it ends at its beginning divided by this.
        three_phase: fall back to the beginning first, and below it in a third phase.
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: for a value outside its range; and from `step` after `total_steps`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ANNEALING:
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        self.anneal_strategy = anneal_strategy
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, one_per_group("max_lr", optimizer, max_lr)):
                bottom = top / div_factor
                group.update(initial_lr=bottom, max_lr=top, min_lr=bottom / final_div_factor)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, new=last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates after the present share of the present phase."""
        return self._annealed("lr")

    def get_momentum(self) -> list[float]:
        """Return the momenta after the present share of the present phase."""
        return self._annealed("momentum")

    def _annealed(self, what: str) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        start_step = 0.0
        for phase in self._schedule_phases:
            if self.last_epoch <= phase["end_step"]:
                break
            start_step = phase["end_step"] if phase is not self._schedule_phases[-1] else start_step
        share = (self.last_epoch - start_step) / (phase["end_step"] - start_step)
        start, end = phase[f"start_{what}"], phase[f"end_{what}"]
        groups = self.optimizer.param_groups
        return [anneal(self.anneal_strategy, group[start], group[end], share) for group in groups]


def _total_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    given = {"total_steps": total_steps, "epochs": epochs, "steps_per_epoch": steps_per_epoch}
    for name, value in given.items():
        if value is not None and (not isinstance(value, int) or value <= 0):
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return total_steps or epochs * steps_per_epoch  # type: ignore[operator]


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """Return the phases: the step at which each ends, and the entries of the group between which it goes."""
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    rise = (pct_start * total_steps - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if three_phase:
        back = (2 * pct_start * total_steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
        fall = (total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")
        return [dict(zip(names, phase)) for phase in (rise, back, fall)]
    fall = (total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")
    return [dict(zip(names, phase)) for phase in (rise, fall)]
