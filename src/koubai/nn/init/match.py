"""`match_activations`: give each layer the first weights that suit the activation after it.

ReLU and its relatives want He's, tanh, sigmoid and softmax Xavier's, SELU LeCun's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from koubai.nn.init import fill
from koubai.tensor import Tensor

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
    `forward` cannot be seen, and its layer counts as followed by none.

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


def _visit(path: str, module: Module, after: Module | None, choices: Choices) -> Module | None:
    """Initialise `module`, which `after` follows; return the activation that a layer before it sees."""
    if _is_a(module, _ACTIVATIONS):
        return module
    if _is_a(module, _WEIGHTED):
        choices.append(_initialise(path, module, after))
        return None
    seen = after
    for name, child in reversed(list(module.named_children())):
        # both branches of a residual connection end where the connection ends
        follows = after if _is_a(module, {"Residual"}) else seen
        seen = _visit(f"{path}.{name}" if path else name, child, follows, choices)
    return seen


def _is_a(module: Module, kinds: set[str]) -> bool:
    return any(cls.__name__ in kinds for cls in type(module).__mro__)


def _initialise(path: str, layer: Module, after: Module | None) -> Choice:
    weight: Tensor = layer.weight
    mode = "fan_out" if getattr(layer, "transposed", False) else "fan_in"  # such a weight is (in, out, ...)
    if after is None or _is_a(after, _XAVIER):
        scheme, filled = "Xavier uniform", fill.xavier_uniform_(weight)
    elif _is_a(after, _LECUN):
        scheme, filled = "LeCun normal", fill.kaiming_normal_(weight, mode=mode, nonlinearity="linear")
    else:
        scheme, filled = "He normal", fill.kaiming_normal_(weight, a=_slope(after), mode=mode)
    if layer.bias is not None:
        fill.zeros_(layer.bias)
    return Choice(path, type(after).__name__ if after else "none", scheme, float(filled.detach().std()))


def _slope(activation: Module) -> float:
    """The slope of a leaky activation for negative input; 0 for the others."""
    if _is_a(activation, {"LeakyReLU"}):
        return float(activation.negative_slope)
    if _is_a(activation, {"RReLU"}):
        return float(activation.lower + activation.upper) / 2
    return float(activation.weight.detach().mean()) if _is_a(activation, {"PReLU"}) else 0.0
