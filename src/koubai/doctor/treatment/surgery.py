"""Changes of a model's layers: activations, output, normalisation, residual connections, width.

Each function changes the model it is given, in place where it can, and returns it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import koubai
from koubai import nn
from koubai.doctor.facts.anatomy import dropping

__all__ = [
    "activations",
    "add_residuals",
    "drop_less",
    "dropout",
    "drops",
    "initialise",
    "insert_normalisation",
    "output_layer",
    "replace",
    "strip_output",
    "widen",
]

ACTIVATIONS = (
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish", "Tanh", "Sigmoid", "Softplus",
    "Softsign", "Hardsigmoid", "Hardtanh", "Hardswish", "LogSigmoid", "Exponential",
)  # fmt: skip
OUTPUTS = (
    "Softmax",
    "LogSoftmax",
    "Sigmoid",
    "Tanh",
    "ReLU",
    "Hardsigmoid",
    "Softplus",
    "Softsign",
    "Hardtanh",
    "Exponential",
    "ELU",
    "SELU",
)


def replace(model: Any, change: Callable[[Any], Any]) -> Any:
    """Replace every layer without layers inside by what `change` returns for it."""
    for parent, name, child in list(_leaves(model)):
        new = change(child)
        if new is not child:
            setattr(parent, name, new)
    return model


def _leaves(model: Any) -> Iterator[tuple[Any, str, Any]]:
    """Yield parent, name and layer for all layers without layers inside."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if next(iter(child.children()), None) is None:
                yield module, name, child


def activations(model: Any, make: Callable[[], Any]) -> Any:
    """Replace the hidden activations; where layers with weights follow each other without one, put one between."""
    leaves = list(_leaves(model))
    last = max((n for n, (_, _, child) in enumerate(leaves) if _has_weight(child)), default=-1)
    for number, (parent, name, child) in enumerate(leaves[:last]):
        if type(child).__name__ in ACTIVATIONS:
            setattr(parent, name, make())
        elif _has_weight(child) and _has_weight(leaves[number + 1][2]):
            setattr(parent, name, nn.Sequential(child, make()))
    return model


def initialise(model: Any, seed: int = 0) -> Any:
    """Draw all weights by He's rule, biases 0 (He et al. 2015)."""
    generator = koubai.Generator().manual_seed(seed)
    for module in model.modules():
        if not _has_weight(module):
            continue
        own: dict[str, Any] = dict(module.named_parameters(recurse=False))
        nn.init.kaiming_normal_(own["weight"], nonlinearity="relu", generator=generator)
        if "bias" in own:
            nn.init.zeros_(own["bias"])
    return model


def strip_output(model: Any) -> Any:
    """Take the activations behind the last layer with weights away."""
    leaves = list(_leaves(model))
    last = max((n for n, (_, _, child) in enumerate(leaves) if _has_weight(child)), default=-1)
    for parent, name, child in leaves[last + 1 :]:
        if type(child).__name__ in OUTPUTS:
            setattr(parent, name, nn.Identity())
    return model


def output_layer(model: Any, units: int, activation: Any = None, seed: int = 0) -> Any:
    """Let the last Linear layer have so many units, and an activation behind it."""
    strip_output(model)
    linears = [
        (parent, name, child) for parent, name, child in _leaves(model) if isinstance(child, nn.Linear)
    ]
    if linears:
        parent, name, last = linears[-1]
        if last.out_features != units:
            last = _drawn_linear(last.in_features, units, seed)
        setattr(parent, name, last if activation is None else nn.Sequential(last, activation))
    return model


def _drawn_linear(inputs: int, units: int, seed: int) -> Any:
    """Return a new layer, drawn by Xavier's rule (Glorot and Bengio 2010), bias 0."""
    layer: Any = nn.Linear(inputs, units)
    nn.init.xavier_uniform_(layer.weight, generator=koubai.Generator().manual_seed(seed))
    nn.init.zeros_(layer.bias)
    return layer


def insert_normalisation(model: Any, make: Callable[[int], Any]) -> Any:
    """Put a normalisation behind every Linear layer but the last."""
    linears = [
        (parent, name, child) for parent, name, child in _leaves(model) if isinstance(child, nn.Linear)
    ]
    for parent, name, child in linears[:-1]:
        setattr(parent, name, nn.Sequential(child, make(child.out_features)))
    return model


def add_residuals(model: Any) -> Any:
    """Put a connection around every Linear layer that keeps the width, together with the activation behind it."""
    if not isinstance(model, nn.Sequential):
        return model
    layers: list[Any] = []
    at = 0
    children = list(model.children())
    while at < len(children):
        child = children[at]
        behind = children[at + 1] if at + 1 < len(children) else None
        square = isinstance(child, nn.Linear) and child.in_features == child.out_features
        if square and behind is not None and type(behind).__name__ in ACTIVATIONS:
            layers.append(nn.Residual(nn.Sequential(child, behind)))
            at += 2
        else:
            layers.append(child)
            at += 1
    return nn.Sequential(*layers)


def dropout(model: Any, share: float) -> Any:
    """Put dropout behind every hidden activation."""
    leaves = [(p, n, c) for p, n, c in _leaves(model) if type(c).__name__ in ACTIVATIONS]
    for parent, name, child in leaves:
        setattr(parent, name, nn.Sequential(child, nn.Dropout(share)))
    return model


def drops(model: Any, share: float) -> list[Any]:
    """Return the dropout layers that drop more than this share."""
    return [layer for layer in dropping(model) if layer.p > share]


def drop_less(model: Any, share: float) -> Any:
    """Let dropout drop no more than this share."""
    for layer in drops(model, share):
        layer.p = share
    return model


def widen(model: Any, units: int) -> Any:
    """Make every hidden layer of a row of Linear layers at least so wide, with new weights by He's rule."""
    if not isinstance(model, nn.Sequential):
        return model
    flat = _flattened(model)
    linears = [child for child in flat if isinstance(child, nn.Linear)]
    made, width = [], linears[0].in_features if linears else 0
    for child in flat:
        if isinstance(child, nn.Linear):
            wanted = child.out_features if child is linears[-1] else max(units, child.out_features)
            made.append(nn.Linear(width, wanted))
            width = wanted
        elif type(child).__name__ in ("BatchNorm1d", "LayerNorm"):
            made.append(type(child)(width))
        else:
            made.append(child)
    return initialise(nn.Sequential(*made))


def _flattened(model: Any) -> list[Any]:
    """Return the layers of nested rows as one row."""
    if isinstance(model, nn.Sequential):
        return [layer for child in model.children() for layer in _flattened(child)]
    return [model]


def _has_weight(module: Any) -> bool:
    weight = module._parameters.get("weight") if hasattr(module, "_parameters") else None
    return weight is not None and weight.ndim >= 2
