"""`match_activations`: give each layer the first weights that suit the activation after it.

ReLU and its relatives want He's, tanh, sigmoid and softmax Xavier's, SELU LeCun's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from koubai.engine.tensor import Tensor
from koubai.nn.init import fill

if TYPE_CHECKING:
    from koubai.nn.module import Module

__all__ = ["Choice", "Choices", "match_activations"]

_HE = {
    "CELU",
    "ELU",
    "GELU",
    "Hardswish",
    "LeakyReLU",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Softplus",
}
_LECUN = {"SELU"}
_XAVIER = {
    "GLU", "Hardsigmoid", "Hardtanh", "LogSigmoid", "LogSoftmax", "Sigmoid", "Softmax", "Softmax2d",
    "Softmin", "Softsign", "Tanh", "Tanhshrink",
}  # fmt: skip
_ACTIVATIONS = _HE | _LECUN | _XAVIER
_WEIGHTED = {"Linear", "Bilinear", "_Convolution"}


class Activation(NamedTuple):
    """What follows a layer: the name of the activation, and its slope for negative input."""

    kind: str
    slope: float


class Choice(NamedTuple):
    """What one layer was given: its path, the activation after it, the scheme, and the standard deviation."""

    layer: str
    activation: str
    scheme: str
    std: float


class Choices(list[Choice]):
    """All choices, in the model's order; prints as a table."""

    def __str__(self) -> str:
        rows = [("layer", "activation", "scheme", "std"), *((*c[:3], f"{c.std:.4g}") for c in self)]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def match_activations(model: Module) -> Choices:
    """Draw each linear and convolution layer's weight anew by the activation that follows; biases become 0.

    ReLU and its relatives: He's normal (He et al., 2015), with the gain for the slope of a leaky one. SELU:
    LeCun's normal. Tanh, sigmoid, softmax and all layers that no activation follows: Xavier's uniform with
    gain 1 (Glorot and Bengio, 2010). Normalisation, dropout, pooling and reshaping in between do not count.

    The activation must be a module registered in the order in which it runs: one called as a function in
    `forward` cannot be seen, and its layer counts as followed by none. A Transformer layer's own is known.

    Args:
        model: to initialise, in place.

    Returns:
        What was chosen; `print` it for a table.

    Example:
        >>> print(nn.init.match_activations(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))))
        layer  activation  scheme          std
        0      ReLU        He normal       0.7071
        2      none        Xavier uniform  0.4472
    """
    choices = Choices()
    _visit("", model, None, choices)
    choices.reverse()
    return choices


def _visit(path: str, module: Module, after: Activation | None, choices: Choices) -> Activation | None:
    """Initialise `module`, which `after` follows; return the activation that a layer before it sees."""
    kind = _kind(module, _ACTIVATIONS)
    if kind is not None:
        return Activation(kind, _slope(module, kind))
    if _kind(module, _WEIGHTED):
        choices.append(_initialise(path, module, after))
        return None
    seen = after
    for name, child in reversed(list(module.named_children())):
        # both branches of a residual connection end where the connection ends
        follows = after if _kind(module, {"Residual"}) else seen
        if name == "linear1":
            follows = _of_function(getattr(module, "activation", None)) or follows
        seen = _visit(f"{path}.{name}" if path else name, child, follows, choices)
    return seen


def _kind(module: Module, kinds: set[str]) -> str | None:
    """The name of the first class of `module` that is among `kinds`."""
    return next((cls.__name__ for cls in type(module).__mro__ if cls.__name__ in kinds), None)


def _slope(activation: Module, kind: str) -> float:
    """The slope of a leaky activation for negative input; 0 for the others."""
    if kind == "LeakyReLU":
        return float(activation.negative_slope)
    if kind == "RReLU":
        return float(activation.lower + activation.upper) / 2
    return float(activation.weight.detach().mean()) if kind == "PReLU" else 0.0


def _of_function(function: Any) -> Activation | None:
    """The activation that a function such as `F.gelu` is."""
    name = getattr(function, "__name__", "").lower()
    return next((Activation(kind, 0.0) for kind in _ACTIVATIONS if kind.lower() == name), None)


def _initialise(path: str, layer: Module, after: Activation | None) -> Choice:
    weight: Tensor = layer.weight
    mode = "fan_out" if getattr(layer, "transposed", False) else "fan_in"  # such a weight is (in, out, ...)
    if after is None or after.kind in _XAVIER:
        scheme, filled = "Xavier uniform", fill.xavier_uniform_(weight)
    elif after.kind in _LECUN:
        scheme, filled = "LeCun normal", fill.kaiming_normal_(weight, mode=mode, nonlinearity="linear")
    else:
        scheme, filled = "He normal", fill.kaiming_normal_(weight, a=after.slope, mode=mode)
    if layer.bias is not None:
        fill.zeros_(layer.bias)
    return Choice(path, after.kind if after else "none", scheme, float(filled.detach().std(correction=0)))
