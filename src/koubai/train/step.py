"""One training step: forward, loss, backward for each of its batches, then one update, and all checks.

A step of several batches (gradient accumulation) has exactly the gradient of one large batch: each batch's
mean loss weighs as much as its share of the samples.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Protocol

import koubai
from koubai.engine.modes import modes
from koubai.engine.tensor import Tensor
from koubai.train.batch import Batch, shape_of
from koubai.train.checks import (
    NonFiniteLoss,
    check_gradients_arrived,
    check_labels,
    check_loss,
    check_no_nan,
)
from koubai.train.loss import share
from koubai.train.memory import explain_memory_error
from koubai.train.rng import load_random_state, random_state

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["Look", "add_gradients", "compare", "eager_step", "optimizer_warns_not", "train_step"]


def train_step(trainer: Trainer, batches: Sequence[Batch]) -> None:
    """Make one update from the samples of all `batches`: compiled, or where that cannot be, eagerly.

    Raises:
        ValueError: NaN in the data, or a loss that is not one number.
        IndexError: A label out of range.
        NonFiniteLoss: The loss is NaN or infinite.
        OutOfMemory: The step did not fit into memory.
    """
    if not trainer.native.step(batches):
        eager_step(trainer, batches)


def compare(trainer: Trainer, batch: Batch) -> tuple[Any, Any]:
    """Return the model's output for a batch, and the loss (None without a target)."""
    output = trainer.model(*batch.inputs, **batch.options)
    if batch.target is None:
        return output, None
    if modes.tracer is None:
        check_labels(trainer.loss, shape_of(output), batch.target)
    return output, trainer.loss(output, batch.target)


def add_gradients(trainer: Trainer, batches: Sequence[Batch], look: Look) -> Tensor:
    """Compute the gradients of a step, part by part, and return its loss.

    Args:
        trainer: Whose step it is.
        batches: The parts of the step.
        look: Sees the moments between.
    """
    trainer.optimizer.zero_grad()
    samples = sum(batch.size for batch in batches)
    parts = []
    for batch in batches:
        output, loss = compare(trainer, batch)
        if loss is None:
            raise ValueError("training needs targets: the batches have to be (inputs, target)")
        look.after_loss(batch, output, loss)
        weight = share(trainer.loss, batch.size, samples)
        weighted: Tensor = loss if weight == 1 else loss * weight
        weighted.backward()
        look.after_backward()
        parts.append(weighted.detach())
    if trainer.checked is not trainer.optimizer:
        check_gradients_arrived(trainer.model, trainer.optimizer)
        trainer.checked = trainer.optimizer
    trainer.notify("before_update")
    return sum(parts[1:], parts[0])


class Look(Protocol):
    """Who looks at a step while its gradients are computed."""

    def after_loss(self, batch: Batch, output: Any, loss: Tensor) -> None:
        """A batch went through the model."""

    def after_backward(self) -> None:
        """Its gradients were added."""


class _FirstLook:
    """Checks and counts each batch, and tells the callbacks, when it comes for the first time."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def after_loss(self, batch: Batch, output: Any, loss: Tensor) -> None:
        check_loss(loss, batch, output)
        self.trainer.count(batch, output, loss)
        self.trainer.notify("after_loss")

    def after_backward(self) -> None:
        self.trainer.notify("after_backward")


class _NoLook:
    """Of further passes, which an optimizer with a line search makes, nobody is told."""

    def after_loss(self, batch: Batch, output: Any, loss: Tensor) -> None:
        pass

    def after_backward(self) -> None:
        pass


def eager_step(trainer: Trainer, batches: Sequence[Batch]) -> None:
    """Make one update eagerly, with all that `train_step` raises."""
    undo = _side_effects(trainer.model)
    try:
        for batch in batches:
            check_no_nan(batch)
        with optimizer_warns_not(trainer.checked is not trainer.optimizer):
            trainer.optimizer.step(_closure(trainer, batches))
    except NonFiniteLoss as error:
        undo()
        _name_first_op(error, trainer, batches)
        undo()
        raise
    except MemoryError as error:
        largest = max(batches, key=lambda batch: batch.size)
        raise explain_memory_error(error, largest.size, _trial(trainer, largest, undo)) from None


def _closure(trainer: Trainer, batches: Sequence[Batch]) -> Callable[[], Tensor]:
    """Return what computes the step's gradients; an optimizer with a line search may call it often."""
    looks: Iterator[Look] = chain([_FirstLook(trainer)], repeat(_NoLook()))
    return lambda: add_gradients(trainer, batches, next(looks))


@contextmanager
def optimizer_warns_not(first: bool) -> Iterator[None]:
    """In the first step silence the optimizer's warning of missing gradients: ours has the model's names."""
    with warnings.catch_warnings() if first else nullcontext():
        if first:
            warnings.filterwarnings("ignore", "[A-Za-z]+ holds parameters that no gradient reached")
        yield


def _side_effects(model: Any) -> Callable[[], None]:
    """Return what puts back all that a forward pass changes: running statistics and random generators."""
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    random = random_state(model)

    def undo() -> None:
        with koubai.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
        load_random_state(model, random)

    return undo


def _name_first_op(error: NonFiniteLoss, trainer: Trainer, batches: Sequence[Batch]) -> None:
    """Go through the forward passes again and note on the error which op made the first NaN or infinity."""
    try:
        with koubai.no_grad(), koubai.detect_anomaly():
            for batch in batches:
                compare(trainer, batch)
    except FloatingPointError as found:
        for line in (str(found), *getattr(found, "__notes__", ())):
            error.add_note(line)


def _trial(trainer: Trainer, batch: Batch, undo: Callable[[], None]) -> Callable[[int], bool]:
    """Return what tries whether the first samples of a batch fit into memory, and leaves no trace of it."""

    def fits(samples: int) -> bool:
        try:
            compare(trainer, batch.first(samples))[1].backward()
        except Exception:  # too large still, or so small that a layer refuses it
            return False
        finally:
            trainer.optimizer.zero_grad()
            undo()
        return True

    return fits
