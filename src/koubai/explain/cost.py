"""Why backpropagation: what all gradients of a network cost by numerical differentiation, and by one sweep back."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F

__all__ = ["WIDTHS", "GradientCost", "gradient_costs"]

WIDTHS = (2, 4, 8, 16, 32, 64, 128)
_INPUTS, _OUTPUTS, _SAMPLES = 4, 1, 8


@dataclass(frozen=True)
class GradientCost:
    """What the gradients of one network cost.

    Attributes:
        sizes: of its layers.
        parameters: how many weights and biases it has.
        passes: how many forward passes numerical differentiation needed, counted.
        numerical: how long that took, in seconds.
        swept: how many forward passes backpropagation needed, counted; each is followed by one backward pass.
        backpropagation: how long both took, in seconds.
        difference: the largest difference between the two gradients.
    """

    sizes: tuple[int, ...]
    parameters: int
    passes: int
    numerical: float
    swept: int
    backpropagation: float
    difference: float


def gradient_costs(widths: Sequence[int] = WIDTHS) -> Iterator[GradientCost]:
    """Measure growing networks, one after the other.

    Args:
        widths: units in each of the two hidden layers.

    Example:
        >>> for cost in gradient_costs([2, 4]):
        ...     print(cost.parameters, cost.passes, cost.swept)
        19 38 1
        45 90 1
    """
    return map(_measured, widths)


def _measured(width: int) -> GradientCost:
    sizes = (_INPUTS, width, width, _OUTPUTS)
    generator = koubai.Generator().manual_seed(width)
    x, t = (
        koubai.rand(_SAMPLES, columns, generator=generator, dtype=koubai.float64)
        for columns in (_INPUTS, _OUTPUTS)
    )
    parameters = _parameters(sizes, generator)
    loss = _Counted(x, t)
    swept_at = time.perf_counter()
    swept = koubai.grad(loss(*parameters), parameters)
    between, passes_swept = time.perf_counter(), loss.passes
    numerical = koubai.numerical_gradient(loss, *parameters)
    end = time.perf_counter()
    differences = [float((a - b).abs().max()) for a, b in zip(swept, numerical) if a is not None]
    return GradientCost(
        sizes,
        sum(parameter.numel() for parameter in parameters),
        loss.passes - passes_swept,
        end - between,
        passes_swept,
        between - swept_at,
        max(differences),
    )


def _parameters(sizes: Sequence[int], generator: koubai.Generator) -> list[Tensor]:
    """Weights and biases of layers with these sizes, drawn as `nn.Linear` draws them."""
    parameters = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        for shape in ((fan_out, fan_in), (fan_out,)):
            drawn = koubai.rand(*shape, generator=generator, dtype=koubai.float64)
            parameters.append(((drawn * 2 - 1) / fan_in**0.5).requires_grad_())
    return parameters


class _Counted:
    """The loss as a function of the parameters, which counts how often it is asked for."""

    def __init__(self, x: Tensor, t: Tensor) -> None:
        self.x, self.t = x, t
        self.passes = 0

    def __call__(self, *parameters: Tensor) -> Tensor:
        self.passes += 1
        hidden = self.x
        *layers, last = zip(parameters[::2], parameters[1::2])
        for weight, bias in layers:
            hidden = F.linear(hidden, weight, bias).tanh()
        return F.mse_loss(F.linear(hidden, *last), self.t)
