"""Activation layers: each is a function of `koubai.nn.functional` with its settings kept.

When in doubt: ReLU in convolutional nets, GELU or SiLU in Transformers, tanh in small recurrent ones; sigmoid only
where a probability is wanted. A new one is a class of a docstring, the function, and its settings with their defaults.
"""

from __future__ import annotations

from typing import Any

import koubai
from koubai.nn.function_layer import FunctionLayer
from koubai.nn.functional import activation as F
from koubai.nn.module import Module
from koubai.nn.parameter import Parameter
from koubai.tensor import Tensor

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Swish",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class ReLU(FunctionLayer):
    """max(x, 0). The usual choice: cheap, and its gradient does not vanish; a unit can die, though."""

    function = F.relu
    inplace: bool = False


class ReLU6(FunctionLayer):
    """min(max(x, 0), 6)."""

    function = F.relu6
    inplace: bool = False


class LeakyReLU(FunctionLayer):
    """x for x > 0, else negative_slope · x: units that are always negative still learn."""

    function = F.leaky_relu
    negative_slope: float = 0.01
    inplace: bool = False


class RReLU(FunctionLayer):
    """Leaky ReLU with a random slope between lower and upper while training."""

    function = F.rrelu
    lower: float = 1 / 8
    upper: float = 1 / 3
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        """Apply it with random slopes in training mode, with their mean in evaluation mode."""
        return F.rrelu(input, self.lower, self.upper, self.training, inplace=self.inplace)


class Hardtanh(FunctionLayer):
    """x cut off at min_val and max_val."""

    function = F.hardtanh
    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False


class ELU(FunctionLayer):
    """x for x > 0, else α(eˣ - 1): mean activations nearer to 0 than ReLU's."""

    function = F.elu
    alpha: float = 1.0
    inplace: bool = False


class CELU(FunctionLayer):
    """x for x > 0, else α(exp(x/α) - 1)."""

    function = F.celu
    alpha: float = 1.0
    inplace: bool = False


class SELU(FunctionLayer):
    """The self-normalising ELU; use it with LeCun initialisation and AlphaDropout."""

    function = F.selu
    inplace: bool = False


class GELU(FunctionLayer):
    """x · Φ(x), the usual choice in Transformers; approximate="tanh" is GPT-2's form."""

    function = F.gelu
    approximate: str = "none"


class SiLU(FunctionLayer):
    """x · sigmoid(x), also called Swish."""

    function = F.silu
    inplace: bool = False


Swish = SiLU


class Mish(FunctionLayer):
    """x · tanh(softplus(x))."""

    function = F.mish
    inplace: bool = False


class Softplus(FunctionLayer):
    """log(1 + exp(βx)) / β, a smooth ReLU; linear where βx is above the threshold."""

    function = F.softplus
    beta: float = 1.0
    threshold: float = 20.0


class Sigmoid(FunctionLayer):
    """1 / (1 + e⁻ˣ). For probabilities at the output; inside a deep net its small slope makes gradients vanish."""

    function = F.sigmoid


class LogSigmoid(FunctionLayer):
    """log(sigmoid(x))."""

    function = F.logsigmoid


class Tanh(FunctionLayer):
    """The hyperbolic tangent, in (-1, 1)."""

    function = F.tanh


class Tanhshrink(FunctionLayer):
    """x - tanh(x)."""

    function = F.tanhshrink


class Softsign(FunctionLayer):
    """x / (1 + |x|)."""

    function = F.softsign


class Hardsigmoid(FunctionLayer):
    """x/6 + 1/2 cut off at 0 and 1."""

    function = F.hardsigmoid
    inplace: bool = False


class Hardswish(FunctionLayer):
    """x · hardsigmoid(x)."""

    function = F.hardswish
    inplace: bool = False


class Hardshrink(FunctionLayer):
    """0 where |x| is at most lambd, else x."""

    function = F.hardshrink
    lambd: float = 0.5


class Softshrink(FunctionLayer):
    """x moved by lambd towards 0."""

    function = F.softshrink
    lambd: float = 0.5


class Threshold(FunctionLayer):
    """x where it is above the threshold, else `value`."""

    function = F.threshold
    threshold: float
    value: float
    inplace: bool = False


class GLU(FunctionLayer):
    """a · sigmoid(b), with the two halves a and b of the input along `dim`, which is halved."""

    function = F.glu
    dim: int = -1


class Softmax(FunctionLayer):
    """exp(x) / Σ exp(x) along `dim`. CrossEntropyLoss takes scores, not these probabilities."""

    function = F.softmax
    dim: int | None = None


class LogSoftmax(FunctionLayer):
    """log(softmax(x)) along `dim`; NLLLoss takes its results."""

    function = F.log_softmax
    dim: int | None = None


class Softmin(FunctionLayer):
    """softmax(-x) along `dim`."""

    function = F.softmin
    dim: int | None = None


class Softmax2d(Module):
    """Softmax over the channels at every place of an image.

    Shape:
        input and output: (N, C, H, W) or (C, H, W).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply softmax along the channels."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected (N, C, H, W) or (C, H, W), got {list(input.shape)}")
        return F.softmax(input, -3)


class PReLU(Module):
    """x for x > 0, else weight · x with a learned weight (He et al. 2015). Weight decay should not be used on it.

    Args:
        num_parameters: 1, or the number of channels.
        init: the weight at the start.
        dtype: of the weight.

    Shape:
        input and output: (N, C, ...); weight: (num_parameters,).
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(koubai.full((num_parameters,), float(init), dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        """Apply it, channel by channel."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of weights."""
        return f"num_parameters={self.num_parameters}"
