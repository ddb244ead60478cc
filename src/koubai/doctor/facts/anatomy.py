"""What goes through the layers: each one's input and output for some samples, in the order they run in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from koubai.doctor.framework import Array
from koubai.doctor.patient import Patient, Sample

__all__ = [
    "SATURATING",
    "Anatomy",
    "Layer",
    "dropping",
    "examine_layers",
    "first_tensor",
    "leaf_modules",
    "saturated",
]

_DROPOUT = ("Dropout", "AlphaDropout", "FeatureAlphaDropout")
SATURATING = ("Sigmoid", "Tanh", "Hardsigmoid", "Softsign", "Hardtanh", "LogSigmoid")


@dataclass
class Layer:
    """One call of a layer that has no layers inside.

    Attributes:
        path: its name in the model.
        kind: its class, such as `Linear`.
        module: the layer.
        input, output: what went in and came out, arrays (N, ...).
    """

    path: str
    kind: str
    module: Any
    input: Array
    output: Array

    @property
    def weight(self) -> Any:
        """The parameter `weight` if it is a matrix or a kernel, else None."""
        weight = getattr(self.module, "weight", None)
        return weight if weight is not None and getattr(weight, "ndim", 0) >= 2 else None


@dataclass
class Anatomy:
    """All layers of one pass.

    Attributes:
        layers: in the order in which they ran.
        gradients: of the parameters by name; a parameter that none reached is left out.
        compared: whether the loss took the output, so that a missing gradient tells something.
        input_gradient: of the loss with respect to the first input, None for words and the like.
    """

    layers: list[Layer]
    gradients: dict[str, Array]
    compared: bool = True
    input_gradient: Array | None = None

    @cached_property
    def weighted(self) -> list[Layer]:
        """The layers with weights, which a nonlinearity has to stand between."""
        return [layer for layer in self.layers if layer.weight is not None and "Embedding" not in layer.kind]


def examine_layers(patient: Patient, sample: Sample) -> Anatomy:
    """Take samples forwards and backwards through a model in evaluation mode, and note what each layer sees."""
    framework = patient.framework
    seen: list[tuple[str, Any, Any, Any]] = []
    with framework.undisturbed(patient.model, training=False), np.errstate(all="ignore"):
        inputs = [_leaf(x) for x in sample.inputs[:1]] + list(sample.inputs[1:])
        with _watched(patient.model, seen):
            output = patient.model(*inputs, **sample.options)
        compared = _goes_back(patient, output, sample.target)
        gradients = {
            name: framework.array(parameter.grad)
            for name, parameter in patient.model.named_parameters()
            if parameter.grad is not None
        }
        layers = [
            Layer(path, type(module).__name__, module, framework.array(x), framework.array(y))
            for path, module, x, y in seen
        ]
        reached = [framework.array(x.grad) for x in inputs[:1] if x.grad is not None]
        return Anatomy(layers, gradients, compared, *reached)


def _goes_back(patient: Patient, output: Any, target: Any) -> bool:
    """Let the gradient of the loss go back through a model, and return whether the loss took the output."""
    try:
        loss = patient.loss(output, target)
        if getattr(loss, "requires_grad", False):
            loss.backward()
    except (RuntimeError, ValueError, IndexError, TypeError, AttributeError):
        return False
    return True


def _leaf(x: Any) -> Any:
    """Return the same input, such that its gradient is computed if it can have one."""
    return x.detach().clone().requires_grad_() if x.is_floating_point() else x


def leaf_modules(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the layers that have none inside, with their names; a model that is one layer is called "model"."""
    for path, module in model.named_modules():
        if next(iter(module.children()), None) is None:
            yield path or "model", module


def dropping(model: Any) -> list[Any]:
    """Return the dropout layers that drop anything."""
    layers = [layer for layer in model.modules() if type(layer).__name__.startswith(_DROPOUT)]
    return [layer for layer in layers if getattr(layer, "p", 0) > 0]


def first_tensor(value: Any) -> Any:
    """Return a tensor, or the first one in a tuple, list or dict."""
    if isinstance(value, tuple | list) and value:
        return first_tensor(value[0])
    if isinstance(value, dict) and value:
        return first_tensor(next(iter(value.values())))
    return value


@contextmanager
def _watched(model: Any, seen: list[tuple[str, Any, Any, Any]]) -> Iterator[None]:
    """Note what goes through the leaf modules."""

    def watch(path: str) -> Any:
        def hook(module: Any, args: Any, output: Any) -> None:
            x, y = first_tensor(args), first_tensor(output)
            if hasattr(x, "ndim") and hasattr(y, "ndim"):
                seen.append((path, module, x, y))

        return hook

    handles = [module.register_forward_hook(watch(path)) for path, module in leaf_modules(model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def saturated(layer: Layer) -> float:
    """Return the share of a saturating layer's outputs where the slope is below a tenth of its largest value."""
    s = layer.output.astype(np.float64)
    if layer.kind in ("Sigmoid", "Hardsigmoid"):
        return float(np.mean(s * (1 - s) < 0.025))
    return float(np.mean(1 - s * s < 0.1))
