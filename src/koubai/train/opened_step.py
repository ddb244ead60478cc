"""A step that lies open: what each layer put out and got back, each parameter before and after, all as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import koubai
from koubai.arrays import Array
from koubai.engine.tensor import Tensor
from koubai.train.batch import Batch, leaves
from koubai.train.rehearsal import Rehearsal
from koubai.train.step import eager_step

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["OpenedLayer", "OpenedParameter", "OpenedStep", "open_step"]


@dataclass(frozen=True)
class OpenedLayer:
    """One call of a layer that has no layers inside.

    Attributes:
        path: Its name in the model.
        kind: Its class.
        output: What it put out.
        gradient: Of the loss, with respect to the output; None if none arrived.
    """

    path: str
    kind: str
    output: Array
    gradient: Array | None


@dataclass(frozen=True)
class OpenedParameter:
    """A parameter in one step.

    Attributes:
        before, after: Its values around the update.
        gradient: What the update was made from; None if none arrived.
    """

    before: Array
    after: Array
    gradient: Array | None


@dataclass(frozen=True)
class OpenedStep:
    """All values of one step, computed eagerly.

    Attributes:
        step: Its number, 1 for the first update of the run.
        epoch: In which it is.
        lr: The learning rate.
        loss: Before the update.
        later: Of the same batch, with the same random numbers, after the update.
        recorded: The loss in the record; None if the step was not recorded, as it broke.
        batch: Inputs and targets by name.
        layers: In the order in which they ran.
        parameters: By name.
    """

    step: int
    epoch: int
    lr: float
    loss: float
    later: float
    recorded: float | None
    batch: dict[str, Array]
    layers: list[OpenedLayer]
    parameters: dict[str, OpenedParameter]

    @property
    def agrees(self) -> bool:
        """Whether the loss is the recorded one, to the precision of float32."""
        return self.recorded is not None and bool(np.isclose(self.loss, self.recorded, rtol=1e-4, atol=1e-6))

    def arrays(self) -> dict[str, Array]:
        """Return all values by name, as for a safetensors file."""
        found = {f"batch.{name}": array for name, array in self.batch.items()}
        for number, layer in enumerate(self.layers):
            found |= _named(f"layer.{number}.{layer.path}", output=layer.output, gradient=layer.gradient)
        for name, parameter in self.parameters.items():
            found |= _named(f"parameter.{name}", **vars(parameter))
        return found


def open_step(trainer: Trainer, recorded: float | None) -> OpenedStep:
    """Make the step that the trainer is about to make (see `on_step_start`), eagerly, and return all its values."""
    progress, before = trainer.progress, _copies(trainer)
    total, size = trainer.meter.loss, sum(batch.size for batch in trainer.batches)
    rehearsal = Rehearsal(trainer, trainer.batches, list)
    with _watched(trainer.model) as seen:
        eager_step(trainer, trainer.batches)
    gradients = {name: _array(p.grad) for name, p in trainer.model.named_parameters()}
    after = _copies(trainer)
    return OpenedStep(
        step=progress.updates + 1,
        epoch=progress.epoch,
        lr=progress.lr,
        loss=(trainer.meter.loss - total) / size,
        later=float(rehearsal.again()),
        recorded=recorded,
        batch=_batch_arrays(trainer.batches),
        layers=[layer() for layer in seen],
        parameters={name: OpenedParameter(before[name], after[name], gradients[name]) for name in before},
    )


@contextmanager
def _watched(model: Any) -> Iterator[list[Callable[[], OpenedLayer]]]:
    """Note what goes through the layers without layers inside; each note can be read when the step is over."""
    seen: list[Callable[[], OpenedLayer]] = []

    def watch(path: str) -> Callable[..., None]:
        def hook(layer: Any, args: Any, output: Any) -> None:
            for _path, y in leaves(output, ""):
                seen.append(_note(path, layer, y))

        return hook

    handles = [
        layer.register_forward_hook(watch(path))
        for path, layer in model.named_modules()
        if next(iter(layer.children()), None) is None
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _note(path: str, layer: Any, y: Tensor) -> Callable[[], OpenedLayer]:
    arrived: list[Tensor] = []
    if y.requires_grad:
        y.register_hook(arrived.append)
    output = y.numpy(force=True).copy()
    return lambda: OpenedLayer(
        path or "model", type(layer).__name__, output, _array(arrived[-1]) if arrived else None
    )


def _copies(trainer: Trainer) -> dict[str, Array]:
    return {name: p.numpy(force=True).copy() for name, p in trainer.model.named_parameters()}


def _array(tensor: Tensor | None) -> Array | None:
    return None if tensor is None else tensor.numpy(force=True).copy()


def _batch_arrays(batches: Sequence[Batch]) -> dict[str, Array]:
    """Inputs and targets of all parts of the step, under one another where they fit."""
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        for name, tensor in leaves(
            {"inputs": batch.inputs, "options": batch.options, "target": batch.target}, ""
        ):
            found.setdefault(name.replace("['", "").replace("']", ""), []).append(tensor)
    return {
        name: koubai.cat(parts).numpy(force=True) if len(parts) > 1 else parts[0].numpy(force=True)
        for name, parts in found.items()
    }


def _named(name: str, **arrays: Array | None) -> dict[str, Array]:
    return {f"{name}.{key}": array for key, array in arrays.items() if array is not None}
