"""What a loader's batch means to the Trainer: inputs of the model, target of the loss, and its size."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from koubai.devices import CPU, device
from koubai.engine.tensor import Tensor

__all__ = ["Batch", "device_of_model", "leaves", "shape_of"]


@dataclass(frozen=True)
class Batch:
    """One batch.

    A loader may give `(inputs, target)`; `inputs` alone (only to predict); or more than two items, of which
    the last is the target. Inputs that are a tuple or list are the model's positional arguments, a dict its
    keyword arguments. The target is handed to the loss as it is.

    Attributes:
        inputs: The model's positional arguments.
        options: The model's keyword arguments.
        target: What the loss compares the output with, or None.
        size: How many samples there are: the first dimension of the first tensor.
    """

    inputs: tuple[Any, ...]
    options: dict[str, Any]
    target: Any
    size: int

    @classmethod
    def of(cls, raw: Any) -> Batch:
        """Return what a loader gave as a batch."""
        if raw.__class__ in (tuple, list) and len(raw) == 2 and raw[0].__class__ is Tensor and raw[0].ndim:
            return cls((raw[0],), {}, raw[1], raw[0]._payload.shape[0])  # as nearly always
        items = tuple(raw) if isinstance(raw, tuple | list) else (raw,)
        inputs, target = (items[:-1], items[-1]) if len(items) > 1 else (items, None)
        if len(inputs) == 1 and isinstance(inputs[0], tuple | list):
            inputs = tuple(inputs[0])
        options = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], dict) else {}
        return cls(() if options else inputs, options, target, _count(items))

    def first(self, samples: int) -> Batch:
        """Return a batch of the first `samples` samples."""

        def cut(tensor: Tensor) -> Tensor:
            return tensor[:samples] if len(tensor.shape) and tensor.shape[0] == self.size else tensor

        return Batch(
            _mapped(cut, self.inputs), _mapped(cut, self.options), _mapped(cut, self.target), samples
        )

    def on(self, device: device) -> Batch:
        """Return the batch on a device, itself where it is there."""
        if all(tensor.device == device for _, tensor in leaves((self.inputs, self.options, self.target), "")):
            return self

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device)

        return Batch(
            _mapped(moved, self.inputs), _mapped(moved, self.options), _mapped(moved, self.target), self.size
        )


def device_of_model(model: Any) -> device:
    """Return where a model computes: where its first parameter or buffer lives, without any the CPU."""
    first = next(itertools.chain(model.parameters(), model.buffers()), None)
    return CPU if first is None else first.device


def leaves(tree: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Yield all tensors in nested containers, with a name that tells where each is."""
    if isinstance(tree, Tensor):
        yield name, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{name}[{key!r}]")
    elif isinstance(tree, tuple | list):
        for index, value in enumerate(tree):
            yield from leaves(value, f"{name}[{index}]" if len(tree) > 1 else name)


def shape_of(output: Any) -> tuple[int, ...]:
    """Return the shape of a tensor; of anything else an empty one."""
    return tuple(output.shape) if isinstance(output, Tensor) else ()


def _count(items: tuple[Any, ...]) -> int:
    first = next((tensor for _, tensor in leaves(items, "") if len(tensor.shape)), None)
    if first is None:
        kinds = ", ".join(type(item).__name__ for item in items)
        raise TypeError(
            f"a batch has to hold at least one tensor with samples in its first dimension, but it is of: {kinds}"
        )
    return int(first.shape[0])


def _mapped(change: Callable[[Tensor], Tensor], tree: Any) -> Any:
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, dict):
        return {key: _mapped(change, value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        items = [_mapped(change, value) for value in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return tree
