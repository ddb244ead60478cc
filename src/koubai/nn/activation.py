"""Activation layers: each is the function of its name in `koubai.nn.functional`, which says what its gradient does.

When in doubt: ReLU in convolutional nets, GELU or SiLU in Transformers, tanh in small recurrent ones; sigmoid only
where a probability is wanted. Input and output have the same shape, any, unless a layer says otherwise.
"""

from __future__ import annotations

from typing import Any

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.function_layer import FunctionLayer
from koubai.nn.init import constant_
from koubai.nn.module import Module
from koubai.nn.parameter import new_parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
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
    """max(x, 0). The usual choice: cheap, and its gradient does not vanish; a unit can die, though.

    Args:
        inplace: store the result in the input itself.
    """

    function = F.relu
    inplace: bool = False


class ReLU6(FunctionLayer):
    """min(max(x, 0), 6).

    Args:
        inplace: store the result in the input itself.
    """

    function = F.relu6
    inplace: bool = False


class LeakyReLU(FunctionLayer):
    """x for x > 0, else negative_slope · x: units that are always negative still learn.

    Args:
        negative_slope: the slope below 0.
        inplace: store the result in the input itself.
    """

    function = F.leaky_relu
    negative_slope: float = 0.01
    inplace: bool = False


class RReLU(FunctionLayer):
    """Leaky ReLU with a random slope for each element while training, and their mean in evaluation.

    Args:
        lower: the smallest slope.
        upper: the largest slope.
        inplace: store the result in the input itself.
    """

    function = F.rrelu
    lower: float = 1.0 / 8
    upper: float = 1.0 / 3
    inplace: bool = False

    def forward(self, *inputs: Tensor) -> Tensor:
        """Apply it."""
        return F.rrelu(*inputs, self.lower, self.upper, self.training, self.inplace)


class PReLU(Module):
    """x for x > 0, else weight · x with a learned weight (He et al. 2015). Weight decay should not be used on it.

    Args:
        num_parameters: 1, or the number of channels.
        init: the weight at the start.
        device: where its tensors live.
        dtype: of the weight.

    Shape:
        input and output (N, C, *); weight (num_parameters,).
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = new_parameter(num_parameters, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all weights to `init`."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Apply it, channel by channel."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of weights."""
        return f"num_parameters={self.num_parameters}"


class Threshold(FunctionLayer):
    """x where it is above the threshold, else `value`.

    Args:
        threshold: up to here, `value` is returned.
        value: what is returned there.
        inplace: store the result in the input itself.
    """

    function = F.threshold
    threshold: float
    value: float
    inplace: bool = False


class ELU(FunctionLayer):
    """x for x > 0, else α(eˣ - 1): mean activations nearer to 0 than ReLU's.

    Args:
        alpha: minus the value far below 0.
        inplace: store the result in the input itself.
    """

    function = F.elu
    alpha: float = 1.0
    inplace: bool = False


class CELU(FunctionLayer):
    """x for x > 0, else α(exp(x/α) - 1): ELU without a jump of the slope at 0.

    Args:
        alpha: minus the value far below 0.
        inplace: store the result in the input itself.
    """

    function = F.celu
    alpha: float = 1.0
    inplace: bool = False


class SELU(FunctionLayer):
    """The self-normalising ELU; use it with LeCun initialisation and AlphaDropout.

    Args:
        inplace: store the result in the input itself.
    """

    function = F.selu
    inplace: bool = False


class GELU(FunctionLayer):
    """x · Φ(x), the usual choice in Transformers.

    Args:
        approximate: "none", or "tanh" for GPT-2's form.
    """

    function = F.gelu
    approximate: str = "none"


class SiLU(FunctionLayer):
    """x · sigmoid(x), also called Swish.

    Args:
        inplace: store the result in the input itself.
    """

    function = F.silu
    inplace: bool = False


Swish = SiLU


class Mish(FunctionLayer):
    """x · tanh(softplus(x)).

    Args:
        inplace: store the result in the input itself.
    """

    function = F.mish
    inplace: bool = False


class Softplus(FunctionLayer):
    """log(1 + exp(βx)) / β, a smooth ReLU.

    Args:
        beta: the larger, the closer to ReLU.
        threshold: where βx is above it, x itself is returned.
    """

    function = F.softplus
    beta: float = 1.0
    threshold: float = 20.0


class Hardswish(FunctionLayer):
    """x · hardsigmoid(x), an inexpensive SiLU.

    Args:
        inplace: store the result in the input itself.
    """

    function = F.hardswish
    inplace: bool = False


class Sigmoid(FunctionLayer):
    """1 / (1 + e⁻ˣ). For probabilities at the output; inside a deep net its small slope makes gradients vanish."""

    function = F.sigmoid


class Tanh(FunctionLayer):
    """The hyperbolic tangent, in (-1, 1)."""

    function = F.tanh


class LogSigmoid(FunctionLayer):
    """log(sigmoid(x)), without overflow."""

    function = F.logsigmoid


class Softsign(FunctionLayer):
    """x / (1 + |x|), in (-1, 1)."""

    function = F.softsign


class Hardsigmoid(FunctionLayer):
    """x/6 + 1/2 cut off at 0 and 1.

    Args:
        inplace: store the result in the input itself.
    """

    function = F.hardsigmoid
    inplace: bool = False


class Hardtanh(FunctionLayer):
    """x cut off at min_val and max_val.

    Args:
        min_val: the smallest result.
        max_val: the largest result.
        inplace: store the result in the input itself.
    """

    function = F.hardtanh
    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False


class Tanhshrink(FunctionLayer):
    """x - tanh(x)."""

    function = F.tanhshrink


class Hardshrink(FunctionLayer):
    """0 where |x| is at most lambd, else x.

    Args:
        lambd: the bound.
    """

    function = F.hardshrink
    lambd: float = 0.5


class Softshrink(FunctionLayer):
    """x moved by lambd towards 0, and 0 where |x| is at most lambd.

    Args:
        lambd: the distance, not negative.
    """

    function = F.softshrink
    lambd: float = 0.5


class GLU(FunctionLayer):
    """a · sigmoid(b), with the two halves a and b of the input along `dim`.

    Args:
        dim: the dimension, which is halved.
    """

    function = F.glu
    dim: int = -1


class Softmax(FunctionLayer):
    """exp(x) / Σ exp(x) along `dim`. CrossEntropyLoss takes scores, not these probabilities.

    Args:
        dim: the dimension along which the results add up to 1.
    """

    function = F.softmax
    dim: int | None = None


class LogSoftmax(FunctionLayer):
    """log(softmax(x)) along `dim`; NLLLoss takes its results.

    Args:
        dim: the dimension of the classes.
    """

    function = F.log_softmax
    dim: int | None = None


class Softmin(FunctionLayer):
    """softmax(-x) along `dim`.

    Args:
        dim: the dimension along which the results add up to 1.
    """

    function = F.softmin
    dim: int | None = None


class Softmax2d(Module):
    """Softmax over the channels at every place of an image.

    Shape:
        input and output (N, C, H, W) or (C, H, W).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply it.

        Raises:
            ValueError: if the input is no image.
        """
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected (N, C, H, W) or (C, H, W), got {list(input.shape)}")
        return F.softmax(input, -3)
