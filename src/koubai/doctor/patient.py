"""The patient: a model with its loss and optimizer, and some samples to look at it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from koubai.doctor.framework import Array, Framework, framework_of

__all__ = ["Patient", "Sample"]


@dataclass
class Sample:
    """Some samples: what the model is called with, and what its output is compared with.

    Attributes:
        inputs: the model's positional arguments, tensors whose first dimension counts samples.
        target: the target, or None.
        options: the model's keyword arguments.
    """

    inputs: tuple[Any, ...]
    target: Any
    options: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        first = next((v for v in (*self.inputs, *self.options.values()) if getattr(v, "ndim", 0)), ())
        return len(first)

    def take(self, places: slice | list[int]) -> Sample:
        """Return some of the samples; of sequences, the target may have several rows for each of them."""
        size = len(self)

        def taken(value: Any) -> Any:
            return value[places] if getattr(value, "ndim", 0) and len(value) == size else value

        def rows(value: Any) -> Any:
            if not size or not getattr(value, "ndim", 0) or len(value) == size or len(value) % size:
                return taken(value)
            chosen = value.reshape(size, len(value) // size, *value.shape[1:])[places]
            return chosen.reshape(-1, *value.shape[1:])

        options = {name: taken(value) for name, value in self.options.items()}
        return Sample(tuple(taken(value) for value in self.inputs), rows(self.target), options)


@dataclass
class Patient:
    """A model, its loss and its optimizer.

    Attributes:
        model: of Koubai or PyTorch.
        loss: `loss(output, target)`, a layer or a function.
        optimizer: of the model's parameters.
    """

    model: Any
    loss: Callable[..., Any]
    optimizer: Any

    @cached_property
    def framework(self) -> Framework:
        """What they are written in."""
        return framework_of(self.model)

    def copied(self) -> Patient:
        """Return the patient with a copy of the model, whose weights may be moved without anybody noticing."""
        return Patient(self.framework.copied(self.model), self.loss, self.optimizer)

    def output(self, sample: Sample, training: bool = False) -> Any:
        """Return the model's output for some samples; nothing is changed by looking."""
        with (
            self.framework.undisturbed(self.model, training=training),
            self.framework.no_grad(),
            np.errstate(all="ignore"),
        ):
            return self.model(*sample.inputs, **sample.options)

    def answers(self, sample: Sample) -> Array:
        """Return the model's output as an array (of a tuple the first part), in evaluation mode."""
        return self.array_of(self.output(sample))

    def array_of(self, output: Any) -> Array:
        """Return a model's output as an array, of a tuple the first part."""
        return self.framework.array(output[0] if isinstance(output, tuple) else output)

    def loss_of(self, output: Any, target: Any) -> float:
        """Return the loss of an output, NaN if the loss refuses it; both may be arrays."""
        framework, like = self.framework, next(iter(self.model.parameters()))
        output, target = (
            framework.tensor(value, like) if isinstance(value, np.ndarray) else value
            for value in (output, target)
        )
        try:
            with framework.no_grad(), np.errstate(all="ignore"):
                return float(self.loss(output, target))
        except (RuntimeError, ValueError, TypeError, IndexError, FloatingPointError, AssertionError):
            return float("nan")

    def option(self, name: str, default: float = 0.0) -> float:
        """Return an option of the optimizer, of the parameter group where it is largest."""
        found = [group[name] for group in self.optimizer.param_groups if name in group]
        return max((float(value) for value in found), default=default)
