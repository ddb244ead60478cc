"""How many floating-point operations a step has to make, counted by formula from a traced forward pass.

A layer with weights makes three matrix products: the output, the gradient of the weights, the gradient of the input;
the last is not needed in the first layer if it sees the data. Attention makes two forward and four backward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import koubai
from native.models import Attention
from native.workloads import Workload

Count = Callable[[Any, Sequence[int], Sequence[int]], int]


def linear(layer: Any, _: Sequence[int], output: Sequence[int]) -> int:
    """One product of a linear layer."""
    return 2 * prod(output) * int(layer.in_features)


def convolution(layer: Any, _: Sequence[int], output: Sequence[int]) -> int:
    """One product of a convolution."""
    return 2 * prod(output) * int(prod(layer.weight.shape[1:]))


def lstm(layer: Any, input: Sequence[int], _: Sequence[int]) -> int:
    """The input's and the state's product with four gates, over all steps of time."""
    size, hidden = int(layer.input_size), int(layer.hidden_size)
    return 2 * prod(input[:-1]) * 4 * hidden * (size + hidden)


def attention(_: Any, input: Sequence[int], __: Sequence[int]) -> int:
    """All scores, of which a causal mask leaves half, and the mixing of the values by them."""
    batch, length, width = input
    return 2 * 2 * batch * length * length * width


COUNTS: dict[type, Count] = {
    koubai.nn.Linear: linear,
    koubai.nn.Conv2d: convolution,
    koubai.nn.LSTM: lstm,
    Attention: attention,
}


def step_flops(workload: Workload) -> int:
    """Return the floating-point operations of one training step, products of matrices only."""
    model = workload.model(koubai)
    counted: list[int] = []

    def watch(layer: Any, count: Count) -> None:
        def hook(_: Any, inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            counted.append(count(layer, inputs[0].shape, first.shape))

        layer.register_forward_hook(hook)

    for layer in model.modules():
        for kind, count in COUNTS.items():
            if isinstance(layer, kind):
                watch(layer, count)
    x, _ = workload.batch()
    koubai.trace(model, koubai.tensor(x))
    return 3 * sum(counted) - (0 if workload.symbols else counted[0])
