"""What the options of an optimizer may be, in one table, so that all refuse a wrong one in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from koubai.engine.tensor import Tensor

__all__ = ["check_options"]

Complaint = Callable[[Any], str | None]  # takes the value, returns what is wrong with it


def check_options(options: Mapping[str, Any], owner: str) -> None:
    """Raise ValueError if an option that the table knows has a value it cannot have.

    Args:
        options: the options by name; names the table does not know are not looked at.
        owner: whose options they are, for the message.

    Raises:
        ValueError: naming the owner, the option, its value and what it may be.
    """
    for name, complain in _COMPLAINTS.items():
        if options.get(name) is None:
            continue
        wrong = complain(options[name])
        if wrong:
            raise ValueError(f"{owner}: {wrong}")


def _between(what: str, low: float, high: float = float("inf"), below: bool = False) -> Complaint:
    """Return the check that a number is in [low, high], or with `below` in [low, high)."""
    bracket = ")" if below or high == float("inf") else "]"

    def complain(value: Any) -> str | None:
        if low <= value < high or (value == high and not below):  # a NaN fails both
            return None
        return f"Invalid {what}: {value}; it must be in [{low:g}, {high:g}{bracket}"

    return complain


def _learning_rate(value: Any) -> str | None:
    if isinstance(value, Tensor):
        if value.numel() != 1:
            return f"Tensor lr must be 1-element, but has shape {tuple(value.shape)}"
        value = value.item()
    return _between("learning rate", 0)(value)


def _betas(value: Any) -> str | None:
    complaints = (
        _between(f"beta parameter at index {i}", 0, 1, below=True)(beta) for i, beta in enumerate(value)
    )
    return next(filter(None, complaints), None)


def _etas(value: Any) -> str | None:
    shrink, grow = value
    if 0 < shrink < 1 < grow:
        return None
    return f"Invalid eta values: {shrink}, {grow}; 0 < etas[0] < 1 < etas[1] must hold"


def _epsilon(value: Any) -> str | None:
    """A number, or Adafactor's pair of which the first may be None."""
    if not isinstance(value, tuple | list):
        return _between("epsilon value", 0)(value)
    for index, eps in enumerate(value, start=1):
        if eps is not None and not eps >= 0:
            return f"epsilon{index} should be >= 0 but is: {eps}"
    return None


def _one_of(what: str, *choices: str) -> Complaint:
    def complain(value: Any) -> str | None:
        return (
            None
            if value in choices
            else f"{what} {value} is not supported; choose one of {', '.join(choices)}"
        )

    return complain


def _not_differentiable(value: Any) -> str | None:
    if not value:
        return None
    return (
        "differentiable=True is not supported: a step changes parameters under no_grad; "
        "to differentiate through an update, call the optimizer's rule, a pure function on tensors"
    )


_COMPLAINTS: dict[str, Complaint] = {
    "lr": _learning_rate,
    "betas": _betas,
    "etas": _etas,
    "eps": _epsilon,
    "momentum": _between("momentum value", 0),
    "weight_decay": _between("weight_decay value", 0),
    "l1": _between("l1 value", 0),
    "rho": _between("rho value", 0, 1),
    "alpha": _between("alpha value", 0),
    "lr_decay": _between("lr_decay value", 0),
    "momentum_decay": _between("momentum_decay value", 0),
    "initial_accumulator_value": _between("initial_accumulator_value value", 0),
    "beta2_decay": lambda value: None if value <= 0 else f"beta2_decay should be <= 0 but is: {value}",
    "d": lambda value: None if value >= 1 else f"Clipping threshold d should be >= 1 but is: {value}",
    "form": _one_of("form", "pytorch", "classical"),
    "adjust_lr_fn": _one_of("Adjust learning rate function", "original", "match_rms_adamw"),
    "line_search_fn": _one_of("line search", "strong_wolfe"),
    "differentiable": _not_differentiable,
}
