"""Refuses what would spoil a training, before it can: NaN in the data, labels of no class, a broken loss.

All checks run before the update, so that the parameters are as they were before the bad step.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from koubai.tensor import Tensor
from koubai.train.batch import Batch, leaves
from koubai.train.loss import ignored_label, takes_classes, takes_probabilities
from koubai.train.metrics.metric import Array, as_array

__all__ = ["NonFiniteLoss", "check_gradients_arrived", "check_labels", "check_loss", "check_no_nan"]


class NonFiniteLoss(FloatingPointError):
    """The loss is NaN or infinite. No update was made.

    Attributes:
        value: The loss.
    """

    def __init__(self, message: str, value: float) -> None:
        super().__init__(message)
        self.value = value


def check_no_nan(batch: Batch) -> None:
    """Refuse NaN in inputs and targets.

    Raises:
        ValueError: Naming the sample of the batch, and the column or position in it.
    """
    for part, tree in (("input", (*batch.inputs, *batch.options.values())), ("target", batch.target)):
        for name, tensor in leaves(tree, part):
            values = as_array(tensor)
            if values.dtype.kind == "f" and (place := _first(np.isnan, values)):
                raise ValueError(
                    f"{name} is NaN at {place}; leave out or fill in missing values before training"
                )


def check_labels(loss: Any, output: Any, target: Any) -> None:
    """Refuse targets that the loss cannot mean.

    Raises:
        IndexError: A label is not one of the classes that the model has scores for.
        ValueError: A target of a binary cross-entropy is not between 0 and 1.
    """
    if not isinstance(output, Tensor) or not isinstance(target, Tensor):
        return
    values = as_array(target)
    if takes_classes(loss) and values.dtype.kind in "iu" and values.ndim == len(output.shape) - 1:
        _check_classes(values, int(output.shape[1]), ignored_label(loss))
    elif takes_probabilities(loss) and (place := _first(lambda v: (v < 0) | (v > 1), values)):
        raise ValueError(f"binary cross-entropy needs targets from 0 to 1, but there is another at {place}")


def _check_classes(labels: Array, classes: int, ignored: int) -> None:
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignored)
    if wrong.any():
        place = _place(wrong)
        raise IndexError(
            f"label {labels[wrong][0]} at {place} is out of range: the model has scores for {classes} "
            f"classes, 0 to {classes - 1}; number the labels from 0, or give the last layer more outputs"
        )


def check_loss(loss: Any, batch: Batch, output: Any) -> None:
    """Refuse a loss that cannot be learnt from.

    Raises:
        ValueError: It is not a single number.
        NonFiniteLoss: It is NaN or infinite; the message says where that came from.
    """
    if tuple(loss.shape) not in ((), (1,)):
        raise ValueError(
            f"the loss has shape {tuple(loss.shape)}, but has to be one number: use reduction='mean' or 'sum'"
        )
    value = float(loss.item())
    if not math.isfinite(value):
        raise NonFiniteLoss(f"the loss is {value}, so no update was made: {_blame(batch, output)}", value)


def _blame(batch: Batch, output: Any) -> str:
    inputs = (*batch.inputs, *batch.options.values())
    for part, tree in (("input", inputs), ("target", batch.target), ("the model's output", output)):
        for name, tensor in leaves(tree, part):
            values = as_array(tensor)
            if values.dtype.kind == "f" and (place := _first(lambda v: ~np.isfinite(v), values)):
                return f"{name} is not finite at {place}"
    return "inputs, targets and the model's outputs are finite, so it arose in the loss itself"


def check_gradients_arrived(model: Any, optimizer: Any) -> None:
    """Warn once about parameters that the optimizer holds but no gradient reached.

    Raises:
        RuntimeError: No gradient reached any of them, so nothing can be learnt.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    held = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    missed = [p for p in held if p.grad is None]
    listed = ", ".join(names.get(id(p), f"one of shape {tuple(p.shape)} outside the model") for p in missed)
    if held and len(missed) == len(held):
        raise RuntimeError(
            f"no gradient reached any parameter of the optimizer ({listed}): is the model's output detached, "
            "or was the optimizer made for another model?"
        )
    if missed:
        warnings.warn(
            f"no gradient reached {listed}, so the optimizer cannot train it: is this layer unused in "
            "forward(), or its output detached? If that is meant, leave it out of the optimizer",
            stacklevel=2,
        )


def _first(is_bad: Any, values: Array) -> str:
    """Return where the first bad value is, in words, or an empty string."""
    bad = is_bad(values)
    return _place(bad) if bad.any() else ""


def _place(bad: Array) -> str:
    if not bad.ndim:
        return "its only value"
    sample, *rest = (int(i) for i in np.argwhere(bad)[0])
    if not rest:
        return f"sample {sample} of the batch"
    position = f"column {rest[0]}" if len(rest) == 1 else f"position {tuple(rest)}"
    return f"sample {sample}, {position} of the batch"
