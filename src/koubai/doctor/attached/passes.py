"""Forward passes of a training as they are seen from outside, and how their losses were made of the outputs."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.doctor.framework import Framework

__all__ = ["Pass", "Seen", "Shape", "again", "loss_of", "no_loss", "shape_of"]

Shape = tuple[int, ...]
_EXACT = 1e-5  # a float32 that was multiplied once is off by less


class Seen:
    """A tensor that is remembered without all that was recorded behind it."""

    def __init__(self, tensor: Any) -> None:
        self._reference = weakref.ref(tensor)
        self.values = tensor.detach()

    def was(self, tensor: Any) -> bool:
        """Whether it was this one."""
        return self._reference() is tensor


@dataclass(eq=False)
class Pass:
    """One call of the model, with operations recorded.

    Attributes:
        inputs, options: what it was called with.
        output: what it gave, of several tensors the first.
        random: where the random generators stood before, if it may have to be repeated.
        target: what the loss compared the output with.
        loss: what the loss gave.
        again: the loss as a function of the output; None if it was not seen.
        weight: what the loss was multiplied by before `backward()`; NaN if it was not just multiplied.
        reached: whether a backward pass went through it.
        heard: whether it is known of what loss.
        evaluation: whether the model was in evaluation mode.
    """

    inputs: tuple[Any, ...]
    options: dict[str, Any]
    evaluation: bool = False
    output: Seen | None = None
    random: Any = None
    target: Any = None
    loss: Seen | None = None
    again: Callable[[Any], Any] | None = None
    weight: float = float("nan")
    reached: bool = False
    heard: bool = False

    @property
    def size(self) -> int:
        """How many samples there were."""
        tensors = [value for value in (*self.inputs, *self.options.values()) if getattr(value, "ndim", 0)]
        return len(tensors[0]) if tensors else 0

    def compared(
        self, loss: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], value: Any
    ) -> None:
        """Note that `loss(*args, **options)` gave a value, and that `args` begins with the output."""
        named = [
            option for name, option in options.items() if name in ("target", "labels", "label", "y_true")
        ]
        self.target = args[1] if len(args) > 1 else next(iter(named), None)
        self.loss = Seen(value)
        rest = args[1:]  # not the output, which would lead here again
        self.again = lambda output: loss(output, *rest, **options)

    def went_back(self, tensor: Any) -> None:
        """Note that `tensor.backward()` went through it; it is the loss, or was made of it."""
        self.heard = True
        if self.loss is None:
            return
        if self.loss.was(tensor):
            self.weight = 1.0
        elif _is_number(self.loss.values) and _is_number(tensor) and float(self.loss.values):
            self.weight = float(tensor.detach()) / float(self.loss.values)


def loss_of(passes: list[Pass]) -> float | None:
    """Return the sum of the losses, for a step of which nobody heard what went back; None if there is none."""
    losses = [float(p.loss.values) for p in passes if p.loss is not None and _is_number(p.loss.values)]
    return sum(losses) if losses else None


def _is_number(tensor: Any) -> bool:
    return bool(np.prod(tuple(tensor.shape)) == 1)


def _weights_known(passes: list[Pass]) -> bool:
    """Whether what went back is the loss of each pass, or each one's equal share: nothing was added to them."""
    weights = {1.0, 1.0 / len(passes)} if passes else set()
    return any(all(abs(p.weight - w) <= _EXACT * w for p in passes) for w in weights)


def shape_of(framework: Framework, output: Seen, given: Any) -> Shape | None:
    """Return the shape that each sample of an output had when it was given to the loss.

    Args:
        framework: theirs.
        output: what the model gave.
        given: what the loss was given.

    Returns:
        such that `output.reshape(-1, *shape)` is `given`; None if it is something else.
    """
    values = output.values
    if output.was(given):
        return tuple(values.shape[1:])
    if not hasattr(given, "ndim") or not given.ndim or not values.ndim:
        return None
    shape = tuple(given.shape[1:])
    if np.prod(tuple(given.shape)) != np.prod(tuple(values.shape)) or not np.prod(shape):
        return None
    reshaped = framework.array(values).reshape(-1, *shape)
    return shape if np.array_equal(reshaped, framework.array(given), equal_nan=True) else None


def no_loss(output: Any, target: Any) -> Any:
    """Stand for a loss that is not known; that a gradient reaches the parameters nobody doubts."""
    return (output * float("nan")).sum()


def again(
    framework: Framework, model: Any, passes: list[Pass], as_compared: Callable[[Any], Any]
) -> float | None:
    """Take passes through the model again, as it is now, and return the sum of their losses; gradients are in `.grad`.

    Args:
        framework: theirs.
        model: with the same random numbers as before; who calls keeps it undisturbed.
        passes: of one step.
        as_compared: makes of the model's output what the loss was given.

    Returns:
        None if nobody knows how the losses were made: then nothing is done.
    """
    if any(this.again is None for this in passes) or not _weights_known(passes):
        return None
    total = 0.0
    for this in passes:
        framework.load_random_state(model, this.random)
        assert this.again is not None
        loss = this.again(as_compared(model(*this.inputs, **this.options))) * this.weight
        loss.backward()
        total += float(loss.detach())
    return total
