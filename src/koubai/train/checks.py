"""Refuses what would spoil a training, before it can: NaN in the data, labels of no class, a broken loss.

All checks run before the update, so that the parameters are as they were before the bad step.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from koubai.devices import fetch
from koubai.engine.tensor import Tensor
from koubai.i18n import N_, _
from koubai.train.batch import Batch, leaves
from koubai.train.loss import ignored_label, takes_classes, takes_probabilities
from koubai.train.metrics.metric import Array, as_array

__all__ = [
    "NonFiniteLoss",
    "check_gradients_arrived",
    "check_labels",
    "check_loss",
    "check_no_nan",
    "check_one_number",
]


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
    for part, tree in _parts(batch):
        for name, tensor in leaves(tree, part):
            values: Any = fetch(tensor.payload)
            if values.dtype.kind == "f" and _may_have_nan(values) and (place := _first(np.isnan, values)):
                problem = _("{name} is NaN at {place}; leave out or fill in missing values before training")
                raise ValueError(problem.format(name=_named(name, part), place=place))


def _may_have_nan(values: Array) -> bool:
    """Whether the sum is NaN, which is quicker to see than whether any value is."""
    with np.errstate(all="ignore"):
        return bool(np.isnan(np.add.reduce(values, axis=None)))


def check_labels(loss: Any, shape: tuple[int, ...], target: Any) -> None:
    """Refuse targets that the loss cannot mean.

    Args:
        loss: The loss.
        shape: The shape of the model's output, empty if it is not one tensor.
        target: The batch's target.

    Raises:
        IndexError: A label is not one of the classes that the model has scores for.
        ValueError: A target of a binary cross-entropy is not between 0 and 1.
    """
    if not shape or not isinstance(target, Tensor):
        return
    values: Any = fetch(target.payload)
    if takes_classes(loss) and values.dtype.kind in "iu" and values.ndim == len(shape) - 1:
        _check_classes(values, shape[1], ignored_label(loss))
    elif takes_probabilities(loss) and (place := _first(lambda v: (v < 0) | (v > 1), values)):
        problem = _("binary cross-entropy needs targets from 0 to 1, but there is another at {place}")
        raise ValueError(problem.format(place=place))


def _check_classes(labels: Array, classes: int, ignored: int) -> None:
    if not labels.size or (
        np.minimum.reduce(labels, None) >= 0 and np.maximum.reduce(labels, None) < classes
    ):
        return  # as nearly always
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignored)
    if wrong.any():
        problem = _(
            "label {label} at {place} is out of range: the model has scores for {classes} classes, 0 to {last}; "
            "number the labels from 0, or give the last layer more outputs"
        )
        label, place = labels[wrong][0], _place(wrong)
        raise IndexError(problem.format(label=label, place=place, classes=classes, last=classes - 1))


def check_one_number(loss: Any) -> None:
    """Refuse a loss that is not a single number.

    Raises:
        ValueError: It is not.
    """
    if tuple(loss.shape) not in ((), (1,)):
        raise ValueError(
            f"the loss has shape {tuple(loss.shape)}, but has to be one number: use reduction='mean' or 'sum'"
        )


def check_loss(loss: Any, batch: Batch, output: Any) -> None:
    """Refuse a loss that cannot be learnt from.

    Raises:
        ValueError: It is not a single number.
        NonFiniteLoss: It is NaN or infinite; the message says where that came from.
    """
    check_one_number(loss)
    value = float(loss.item())
    if not math.isfinite(value):
        problem = _("the loss is {value}, so no update was made: {cause}")
        raise NonFiniteLoss(problem.format(value=value, cause=_blame(batch, output)), value)


def _parts(batch: Batch) -> list[tuple[str, Any]]:
    return [(N_("the input"), (*batch.inputs, *batch.options.values())), (N_("the target"), batch.target)]


def _named(name: str, part: str) -> str:
    """The name of a leaf in the user's language: that of the part, and where in it the leaf is."""
    return _(part) + name.removeprefix(part)


def _blame(batch: Batch, output: Any) -> str:
    for part, tree in (*_parts(batch), (N_("the model's output"), output)):
        for name, tensor in leaves(tree, part):
            values = as_array(tensor)
            if values.dtype.kind == "f" and (place := _first(lambda v: ~np.isfinite(v), values)):
                return _("{name} is not finite at {place}").format(name=_named(name, part), place=place)
    return _("inputs, targets and the model's outputs are finite, so it arose in the loss itself")


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
        problem = _(
            "no gradient reached any parameter of the optimizer ({names}): is the model's output detached, or was "
            "the optimizer made for another model?"
        )
        raise RuntimeError(problem.format(names=listed))
    if missed:
        problem = _(
            "no gradient reached {names}, so the optimizer cannot train it: is this layer unused in forward(), or "
            "its output detached? If that is meant, leave it out of the optimizer"
        )
        warnings.warn(problem.format(names=listed), stacklevel=2)


def _first(is_bad: Any, values: Array) -> str:
    """Return where the first bad value is, in words, or an empty string."""
    bad = is_bad(values)
    return _place(bad) if bad.any() else ""


def _place(bad: Array) -> str:
    if not bad.ndim:
        return _("its only value")
    sample, *rest = (int(i) for i in np.argwhere(bad)[0])
    if not rest:
        return _("sample {sample} of the batch").format(sample=sample)
    if len(rest) == 1:
        return _("sample {sample}, column {column} of the batch").format(sample=sample, column=rest[0])
    return _("sample {sample}, position {position} of the batch").format(sample=sample, position=tuple(rest))
