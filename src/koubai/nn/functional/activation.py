"""Activations: functions of one element that keep the input's shape and dtype. Each says what its gradient does.

Where two pieces meet, the branch that is not taken is fed a harmless value, so that its infinite or undefined slope
cannot reach the result; the slope at the joint itself is PyTorch's.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import koubai
from koubai.engine.function import composite
from koubai.engine.tensor import Tensor
from koubai.functions.operands import method, normalize_dim

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softplus",
    "softshrink",
    "softsign",
    "swish",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946

Activation = Callable[..., Tensor]


def _replaceable(function: Activation) -> Activation:
    """Give an activation PyTorch's last argument, `inplace`: store the result in the input itself."""
    own = inspect.signature(function)
    last = inspect.Parameter(
        "inplace", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False, annotation=bool
    )
    both = own.replace(parameters=[*own.parameters.values(), last])

    @wraps(function)
    def activation(*args: Any, **kwargs: Any) -> Tensor:
        given = both.bind(*args, **kwargs).arguments
        if not given.pop("inplace", False):
            return function(**given)
        input = given.pop("input")
        stored: Tensor = input._become(function(input._snapshot(), **given), function.__name__)
        return stored

    activation.__signature__ = both  # type: ignore[attr-defined]
    return activation


def _in_place(activation: Activation) -> Activation:
    """Return the form of a replaceable activation that always stores its result in the input."""

    def stored(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return activation(input, *args, inplace=True, **kwargs)

    stored.__name__ = stored.__qualname__ = f"{activation.__name__}_"
    stored.__doc__ = f"In-place form of `{activation.__name__}`: changes the input and returns it."
    return stored


# --- ReLU and its relatives


@_replaceable
def relu(input: Tensor) -> Tensor:
    """max(x, 0) (Nair and Hinton 2010).

    Gradient: 1 for x > 0, else 0, also at 0. It does not shrink on the way back, but a unit that is negative for every
    sample gets none and stays dead.
    """
    return koubai.relu(input)


@_replaceable
def relu6(input: Tensor) -> Tensor:
    """min(max(x, 0), 6) (Krizhevsky 2010).

    Gradient: 1 for 0 < x < 6, else 0.
    """
    return hardtanh(input, 0.0, 6.0)


@_replaceable
def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x for x > 0, else negative_slope · x (Maas et al. 2013).

    Gradient: 1 or negative_slope, never 0, so no unit can die.
    """
    return koubai.where(input > 0, input, input * negative_slope)


@_replaceable
def rrelu(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """Leaky ReLU whose slope is drawn for each element while training, and their mean otherwise (Xu et al. 2015).

    Gradient: 1, or the slope that was drawn.

    Args:
        input: any shape.
        lower: the smallest slope.
        upper: the largest slope.
        training: whether to draw.

    Raises:
        RuntimeError: if lower is above upper.
    """
    if lower > upper:
        raise RuntimeError(f"rrelu: lower {lower} is above upper {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    slopes = koubai.rand_like(input) * (upper - lower) + lower
    return koubai.where(input > 0, input, input * slopes)


@method
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x for x > 0, else weight · x, the weight learned (He et al. 2015).

    Gradient: 1 or the weight; the weight's is the sum of the negative x.

    Args:
        input: (N, C, ...).
        weight: one number, or (C,), one for each channel.

    Raises:
        RuntimeError: if there is neither one weight nor one for each channel.
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.numel() not in (1, channels):
        raise RuntimeError(
            f"prelu: {weight.numel()} weights for an input {list(input.shape)} with {channels} channels; "
            f"there must be 1 or {channels}"
        )
    slopes = (
        weight.reshape(-1, *[1] * (input.ndim - 2)) if input.ndim > 1 else weight.reshape(())
    )  # (C, 1, ...)
    return koubai.where(input > 0, input, input * slopes)


@_replaceable
def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """x where it is above the threshold, else `value`.

    Gradient: 1 above the threshold, else 0.
    """
    return koubai.where(input <= threshold, value, input)


# --- exponential below 0


def _below_zero(input: Tensor) -> Tensor:
    """Return the input where it is not positive, else 0: safe to feed to an exponential."""
    return koubai.where(input > 0, 0.0, input)


@_replaceable
def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x for x > 0, else α(eˣ - 1) (Clevert et al. 2016).

    Gradient: 1 for x > 0, else αeˣ, which vanishes far below 0.
    """
    return koubai.where(input > 0, input, koubai.expm1(_below_zero(input)) * alpha)


@_replaceable
def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x for x > 0, else α(exp(x/α) - 1) (Barron 2017).

    Gradient: 1 for x > 0, else exp(x/α): without a jump at 0 for every α.

    Raises:
        RuntimeError: if α is 0.
    """
    if alpha == 0:
        raise RuntimeError("celu: alpha must not be 0")
    return koubai.where(input > 0, input, koubai.expm1(_below_zero(input) / alpha) * alpha)


@_replaceable
def selu(input: Tensor) -> Tensor:
    """1.0507 · elu(x, 1.6733): keeps mean 0 and variance 1 (Klambauer et al. 2017).

    Gradient: 1.0507 for x > 0, so that it does not shrink through many layers; it vanishes far below 0.
    """
    return elu(input, SELU_ALPHA) * SELU_SCALE


# --- smooth relatives of ReLU


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x · Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel 2016).

    Gradient: smooth, near 1 above 2 and near 0 below -2, slightly negative around -1.

    Args:
        input: any shape.
        approximate: "none", or "tanh" for the paper's approximation, which GPT-2 uses.

    Raises:
        RuntimeError: if `approximate` is neither.
    """
    if approximate == "none":
        return input * 0.5 * koubai.erfc(input * -math.sqrt(0.5))  # 1 + erf would round away small results
    if approximate == "tanh":
        inner = (input + 0.044715 * input * input * input) * math.sqrt(2 / math.pi)
        return input * 0.5 * (1 + koubai.tanh(inner))
    raise RuntimeError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")


@_replaceable
def silu(input: Tensor) -> Tensor:
    """x · sigmoid(x), also called swish (Elfwing et al. 2017; Ramachandran et al. 2017).

    Gradient: smooth, near 1 above 4 and near 0 below -6, slightly negative in between.
    """
    return input * koubai.sigmoid(input)


swish = silu


@_replaceable
def mish(input: Tensor) -> Tensor:
    """x · tanh(softplus(x)) (Misra 2019).

    Gradient: like silu's.
    """
    return input * koubai.tanh(softplus(input))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(βx)) / β, a smooth ReLU (Dugas et al. 2000).

    Gradient: sigmoid(βx), never quite 0.

    Args:
        input: any shape.
        beta: the larger, the closer to ReLU.
        threshold: where βx is above it, x itself is returned.
    """
    scaled = input * beta
    linear = scaled > threshold
    bounded = koubai.where(linear, 0.0, scaled)
    return koubai.where(linear, input, koubai.log1p(koubai.exp(bounded)) / beta)


@_replaceable
def hardswish(input: Tensor) -> Tensor:
    """x · hardsigmoid(x), an inexpensive silu (Howard et al. 2019).

    Gradient: 0 below -3, 1 above 3, (2x + 3)/6 between.
    """
    between = koubai.where(koubai.abs(input) >= 3, 0.0, input)
    return koubai.where(input <= -3, 0.0, koubai.where(input >= 3, input, between * (between + 3) / 6))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a · sigmoid(b), where a and b are the two halves of the input along `dim` (Dauphin et al. 2017).

    Gradient: linear in a, so it does not shrink where the gate is open; sigmoid's in b.

    Args:
        input: any shape, with an even length along `dim`.
        dim: the dimension, which is halved.

    Raises:
        RuntimeError: if the input has no dimension, or an odd length along `dim`.
    """
    if input.ndim == 0 or input.shape[normalize_dim(dim, input.ndim)] % 2:
        raise RuntimeError(
            f"glu: the input {list(input.shape)} must have an even length along dimension {dim}"
        )
    values, gates = koubai.chunk(input, 2, dim)
    return values * koubai.sigmoid(gates)


# --- sigmoid, tanh and what resembles them


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ), in (0, 1).

    Gradient: y(1 - y), at most 1/4 and near 0 for |x| above 5: through many layers it vanishes.
    """
    return koubai.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent, in (-1, 1).

    Gradient: 1 - y², at most 1 and near 0 for |x| above 3.
    """
    return koubai.tanh(input)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), without overflow.

    Gradient: sigmoid(-x), near 1 far below 0, where sigmoid's own vanishes.
    """
    return _log_sigmoid(input)


@composite(lambda g, x: (g * koubai.sigmoid(-x),))
def _log_sigmoid(x: Tensor) -> Tensor:
    return koubai.minimum(x, 0.0) - koubai.log1p(koubai.exp(-koubai.abs(x)))


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|), in (-1, 1) (Turian et al. 2009).

    Gradient: 1 / (1 + |x|)², which vanishes more slowly than tanh's.
    """
    return input / (1 + koubai.abs(input))


@_replaceable
def hardsigmoid(input: Tensor) -> Tensor:
    """x/6 + 1/2 cut off at 0 and 1 (Courbariaux et al. 2015, with PyTorch's slope).

    Gradient: 1/6 for |x| < 3, else 0.
    """
    return koubai.where(input <= -3, 0.0, koubai.where(input >= 3, 1.0, input / 6 + 0.5))


@_replaceable
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x cut off at min_val and max_val (Collobert 2004).

    Gradient: 1 between them, else 0, also at both ends.

    Raises:
        ValueError: if min_val is above max_val.
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is above max_val {max_val}")
    low, high = input.new_tensor(min_val), input.new_tensor(max_val)  # integers stay integers
    return koubai.where((input > low) & (input < high), input, input.detach().clamp(low, high))


# --- shrinking towards 0


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x).

    Gradient: tanh²(x), 0 at 0.
    """
    return input - koubai.tanh(input)


@method
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |x| is at most lambd, else x.

    Gradient: 0 where |x| is at most lambd, else 1.
    """
    return koubai.where(koubai.abs(input) <= lambd, 0.0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved by lambd towards 0, and 0 where |x| is at most lambd.

    Gradient: 0 where |x| is at most lambd, else 1.

    Raises:
        RuntimeError: if lambd is negative.
    """
    if lambd < 0:
        raise RuntimeError(f"softshrink: lambd is not negative, got {lambd}")
    return input - koubai.clamp(input, -lambd, lambd)


celu_, elu_, hardtanh_, leaky_relu_ = map(_in_place, (celu, elu, hardtanh, leaky_relu))
relu_, rrelu_, selu_, threshold_ = map(_in_place, (relu, rrelu, selu, threshold))
