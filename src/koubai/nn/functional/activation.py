"""Activations: functions of one element, and of one row (softmax). Their gradients follow from the ops they are made of.

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
from koubai.function import composite
from koubai.functions.operands import as_type, normalize_dim
from koubai.tensor import Tensor

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "swish",
    "tanh",
    "tanhshrink",
    "threshold",
]

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _replaceable(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Give an activation the last argument `inplace`, as PyTorch's have: store the result in the input itself."""
    own = len(inspect.signature(function).parameters)

    @wraps(function)
    def activation(input: Tensor, *args: Any, inplace: bool = False, **kwargs: Any) -> Tensor:
        if len(args) == own:
            *args, inplace = args  # type: ignore[assignment]
        if not inplace:
            return function(input, *args, **kwargs)
        return input._become(function(input._snapshot(), *args, **kwargs), function.__name__)

    return activation


def _where(condition: Tensor, x: Any, y: Any) -> Tensor:
    return koubai.where(condition, x, y)


def _below_zero(input: Tensor) -> Tensor:
    """Return the input where it is not positive, else 0: safe to feed to exp."""
    return _where(input > 0, 0.0, input)


@_replaceable
def relu(input: Tensor) -> Tensor:
    """max(x, 0); slope 1 for x > 0, else 0, also at 0. A unit that is negative for every sample stays dead."""
    return koubai.relu(input)


@_replaceable
def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x for x > 0, else negative_slope · x: no unit can die (Maas et al. 2013)."""
    return _where(input > 0, input, input * negative_slope)


@_replaceable
def relu6(input: Tensor) -> Tensor:
    """min(max(x, 0), 6) (Krizhevsky 2010)."""
    return hardtanh(input, 0.0, 6.0)


@_replaceable
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x cut off at min_val and max_val; slope 0 at both ends.

    Raises:
        ValueError: if max_val is not above min_val.
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is above max_val {max_val}")
    return _where(input <= min_val, min_val, _where(input >= max_val, max_val, input))


@_replaceable
def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x for x > 0, else α(eˣ - 1) (Clevert et al. 2016)."""
    return _where(input > 0, input, _below_zero(input).expm1() * alpha)


@_replaceable
def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x for x > 0, else α(exp(x/α) - 1), smooth at 0 for every α (Barron 2017)."""
    return _where(input > 0, input, (_below_zero(input) / alpha).expm1() * alpha)


@_replaceable
def selu(input: Tensor) -> Tensor:
    """1.0507 · elu(x, 1.6733): with LeCun initialisation, activations keep mean 0 and variance 1 (Klambauer et al. 2017)."""
    return elu(input, SELU_ALPHA) * SELU_SCALE


@_replaceable
def rrelu(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """Leaky ReLU whose slope is drawn for each element while training, and their mean otherwise (Xu et al. 2015)."""
    if lower > upper:
        raise ValueError(f"rrelu: lower {lower} is above upper {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    slopes = koubai.rand_like(input) * (upper - lower) + lower
    return _where(input > 0, input, input * slopes)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x for x > 0, else weight · x, the weight learned (He et al. 2015).

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
    slopes = weight.reshape(1, -1, *[1] * (input.ndim - 2)) if input.ndim > 1 else weight.reshape(())
    return _where(input > 0, input, input * slopes)


@_replaceable
def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """x where it is above the threshold, else `value`."""
    return _where(input <= threshold, value, input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x · Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel 2016).

    Args:
        input: any shape.
        approximate: "none", or "tanh" for the paper's approximation, which GPT-2 uses.
    """
    if approximate == "none":
        return input * 0.5 * (1 + (input * math.sqrt(0.5)).erf())
    if approximate == "tanh":
        inner = (input + 0.044715 * input * input * input) * math.sqrt(2 / math.pi)
        return input * 0.5 * (1 + inner.tanh())
    raise RuntimeError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")


@_replaceable
def silu(input: Tensor) -> Tensor:
    """x · sigmoid(x), also called swish (Elfwing et al. 2017; Ramachandran et al. 2017)."""
    return input * input.sigmoid()


swish = silu


@_replaceable
def mish(input: Tensor) -> Tensor:
    """x · tanh(softplus(x)) (Misra 2019)."""
    return input * softplus(input).tanh()


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(βx)) / β, a smooth ReLU; x itself where βx is above the threshold (Dugas et al. 2000)."""
    scaled = input * beta
    linear = scaled > threshold
    return _where(linear, input, _where(linear, 0.0, scaled).exp().log1p() / beta)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), without overflow."""
    return koubai.minimum(input, 0.0) - (-input.abs()).exp().log1p()


@_replaceable
def hardsigmoid(input: Tensor) -> Tensor:
    """x/6 + 1/2 cut off at 0 and 1 (Courbariaux et al. 2015)."""
    return _where(input <= -3, 0.0, _where(input >= 3, 1.0, input / 6 + 0.5))


@_replaceable
def hardswish(input: Tensor) -> Tensor:
    """x · hardsigmoid(x) (Howard et al. 2019)."""
    return _where(input <= -3, 0.0, _where(input >= 3, input, input * (input + 3) / 6))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |x| is at most lambd, else x."""
    return _where((input >= -lambd) & (input <= lambd), 0.0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved by lambd towards 0, and 0 where |x| is at most lambd.

    Raises:
        RuntimeError: if lambd is negative.
    """
    if lambd < 0:
        raise RuntimeError(f"softshrink: lambd is not negative, got {lambd}")
    inside = (input >= -lambd) & (input <= lambd)
    return _where(inside, 0.0, _where(input > lambd, input - lambd, input + lambd))


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - input.tanh()


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|), in (-1, 1) (Turian et al. 2009)."""
    return input / (1 + input.abs())


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent, in (-1, 1); its slope is at most 1 and vanishes for |x| above about 3."""
    return koubai.tanh(input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ), in (0, 1); its slope is at most 1/4, so many of them in a row make gradients vanish."""
    return koubai.sigmoid(input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a · sigmoid(b), where a and b are the two halves of the input along `dim` (Dauphin et al. 2017).

    Raises:
        RuntimeError: if the input has no dimension, or an odd length along `dim`.
    """
    if input.ndim == 0 or input.shape[dim] % 2:
        raise RuntimeError(
            f"glu: the input {list(input.shape)} must have an even length along dimension {dim}"
        )
    values, gates = input.chunk(2, dim)
    return values * gates.sigmoid()  # type: ignore[no-any-return]


@composite(lambda g, out, dim: (out * (g - (g * out).sum(dim, keepdim=True)),))
def _softmax(x: Tensor, *, dim: int) -> Tensor:
    powers = (x - x.amax(dim, keepdim=True)).exp()
    return powers / powers.sum(dim, keepdim=True)  # type: ignore[no-any-return]


@composite(lambda g, out, dim: (g - out.exp() * g.sum(dim, keepdim=True),))
def _log_softmax(x: Tensor, *, dim: int) -> Tensor:
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()  # type: ignore[no-any-return]


def _rows(rule: Any, input: Tensor, dim: int | None, dtype: Any) -> Tensor:
    """Apply a function of rows along `dim`; without one, along 0 for 0, 1 or 3 dimensions, else along 1."""
    if dim is None:
        dim = 0 if input.ndim in (0, 1, 3) else 1
    x = as_type(input, input.dtype if dtype is None else koubai.dtypes.as_dtype(dtype))
    if not koubai.dtypes.is_floating(x.dtype):
        raise RuntimeError(f"softmax of {x.dtype} is not defined; convert first: x.float()")
    at = normalize_dim(dim, x.ndim)
    if x.numel() == 0:
        return x.clone()  # type: ignore[no-any-return]
    return rule(x, dim=at) if x.ndim else rule(x.reshape(1), dim=0).reshape(())  # type: ignore[no-any-return]


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x) along `dim`: positive, adding up to 1. The largest x is subtracted first, so nothing overflows.

    Args:
        input: any shape.
        dim: the dimension along which the results add up to 1.
        dtype: convert the input first.

    `cross_entropy` takes the scores themselves: do not put a softmax before it.
    """
    return _rows(_softmax, input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`, computed without taking the logarithm of a small number."""
    return _rows(_log_softmax, input, dim, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """`softmax` of -x."""
    return softmax(-input, dim, dtype=dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Sample from the distribution softmax(logits), differentiably (Jang et al. 2017; Maddison et al. 2017).

    Args:
        logits: (..., number of classes).
        tau: temperature; the smaller, the closer to one-hot.
        hard: return exact one-hot samples, with the gradient of the soft ones.
        eps: accepted for PyTorch's sake.
        dim: the dimension of the classes.
    """
    noise = -(-(1 - koubai.rand_like(logits)).log()).log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    sharp = (soft == soft.amax(dim, keepdim=True)).to(soft.dtype)
    return sharp - soft.detach() + soft  # type: ignore[no-any-return]


def _softmax_method(self: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """`koubai.nn.functional.softmax`."""
    return softmax(self, dim, dtype=dtype)


def _log_softmax_method(self: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """`koubai.nn.functional.log_softmax`."""
    return log_softmax(self, dim, dtype=dtype)


setattr(Tensor, "softmax", _softmax_method)  # noqa: B010 - attached from a room above
setattr(Tensor, "log_softmax", _log_softmax_method)  # noqa: B010
