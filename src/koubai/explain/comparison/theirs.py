"""What another framework found for the same step: values, gradients, and what each step of its optimizer left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FrameworkMissing", "NotTranslated", "Seen", "Snapshot", "Theirs"]


class FrameworkMissing(ModuleNotFoundError):
    """The framework to compare with is not installed; the message says how to install it."""


class NotTranslated(ValueError):
    """A network, loss or optimizer that has no counterpart in the other framework."""


@dataclass(frozen=True)
class Seen:
    """A value of the forward pass, in PyTorch's layout.

    Attributes:
        value: an array.
        gradient: of the loss by it; None where none arrived.
    """

    value: Any
    gradient: Any = None


@dataclass(frozen=True)
class Snapshot:
    """One step.

    Attributes:
        loss: before the step.
        parameters: after the step, in the order of the model's.
        memory: for each parameter, what the optimizer remembers of it after the step, by PyTorch's names.
    """

    loss: float
    parameters: Sequence[Any]
    memory: Sequence[Mapping[str, Any]]


@dataclass
class Theirs:
    """Several steps of another framework, the first one in detail.

    Attributes:
        name: of the framework.
        version: of the framework.
        modules: what modules answered, by their path and how often they had been called before.
        others: other values of the forward pass, in order.
        gradients: of the parameters, in the order of the model's.
        loss: before the first step.
        answer_after: the answer after the first step; None if it cannot be compared.
        loss_after: the loss after the first step; None likewise.
        steps: what every step left.
        notes: where the framework's conventions differ, in the user's language.
        tolerance: the largest difference of equal numbers, by how precisely it calculates.
    """

    name: str
    version: str
    modules: Mapping[tuple[str, int], Seen]
    others: Sequence[Seen]
    gradients: Sequence[Any]
    loss: Seen
    answer_after: Any
    loss_after: float | None
    steps: Sequence[Snapshot]
    notes: list[str] = field(default_factory=list)
    tolerance: float = 1e-12
