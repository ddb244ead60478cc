"""`LRScheduler`, what all schedules share: the epoch they are at, and setting, saving and loading rates."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Group, Optimizer

__all__ = ["LRScheduler", "current_lrs", "one_per_group", "set_lr", "set_momentum"]


class LRScheduler:
    """Base of all schedules.

    A new schedule writes `get_lr`, which returns the learning rates of epoch `self.last_epoch`; or it is a
    `FactorLR`, where one line says by which factor the rate is scaled.

    Args:
        optimizer: whose learning rates to change.
        last_epoch: the epoch that the optimizer's groups, loaded from a checkpoint, are at; -1 for a new
            training.

    Attributes:
        base_lrs: the rates of the groups as the schedule began.
        last_epoch: how often `step` was called.

    Raises:
        TypeError: if `optimizer` is not an optimizer.
        KeyError: if the training is said to go on, but the groups have no "initial_lr".
    """

    unsaved: ClassVar[frozenset[str]] = frozenset({"optimizer"})  # attributes that are not in the state_dict

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        _check_optimizer(optimizer)
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler "
                    "with last_epoch >= 0; load the optimizer's state first, or begin with last_epoch=-1"
                )
        self.optimizer = optimizer
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch: float = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """Take the step to the first epoch."""
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def _rewind(self) -> None:
        """Be as before the first step, for a schedule whose turn comes later."""
        self.last_epoch = -1

    def get_lr(self) -> list[float]:
        """Return the learning rates of epoch `last_epoch`, one per group."""
        raise NotImplementedError(f"{type(self).__name__} does not say how the learning rate goes")

    def _get_closed_form_lr(self) -> list[float]:
        """Return the rates of epoch `last_epoch` without looking at those of the epoch before."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that this schedule set last, one per group."""
        return self._last_lr

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch (or batch, if that is what is counted).

        Args:
            epoch: jump to this epoch instead.
        """
        counted = type(self.optimizer).step is Optimizer.step  # a step that the user wrote is not counted
        if self._step_count == 1 and counted and not self.optimizer._opt_called:
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(), so the first learning rate of the "
                "schedule is skipped; call optimizer.step() first",
                stacklevel=2,
            )
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: float | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        rates = self.get_lr() if epoch is None else self._get_closed_form_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_lr(group, rate)
        self._last_lr = current_lrs(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """Return where the schedule is, and its settings, as plain numbers, strings and lists.

        Functions that were given to it are not in it: give the same ones when the schedule is made again.
        """
        return {name: copy.copy(value) for name, value in vars(self).items() if name not in self.unsaved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict()` was called.

        Raises:
            ValueError: if it is the state of another kind of schedule; nothing is loaded then.
        """
        missing = sorted(set(self.state_dict()) - set(state_dict))
        if missing:
            raise ValueError(
                f"the state is not that of a {type(self).__name__}: it has no {', '.join(missing)}, only "
                f"{', '.join(map(str, state_dict))}"
            )
        for name in self.state_dict():
            setattr(self, name, copy.copy(state_dict[name]))


def _check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def current_lrs(optimizer: Optimizer) -> list[float]:
    """Return the learning rates of the groups as they are now."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def set_lr(group: Group, rate: float) -> None:
    """Set the learning rate of a group; one that was given as a tensor stays that tensor."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def set_momentum(group: Group, momentum: float) -> None:
    """Set the momentum of a group, which for Adam and its kin is β₁."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def one_per_group(name: str, optimizer: Optimizer, value: float | Sequence[float]) -> list[float]:
    """Return `value` as a list with one number per group.

    Raises:
        ValueError: if it is a list of another length.
    """
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * groups  # type: ignore[list-item]
    if len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {groups}."
        )
    return list(value)
