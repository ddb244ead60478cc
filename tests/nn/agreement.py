"""How the tests of layers and losses compare: with numerical gradients to second order, with a traced replay,
and with compiled code."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

import koubai
from koubai import nn

from ..compiler.differential import check_compiled


def double(*shape: int, seed: int = 0) -> koubai.Tensor:
    """Normal numbers in float64."""
    return koubai.from_numpy(np.random.default_rng([seed, *shape]).standard_normal(shape))


def tensors(value: Any) -> list[koubai.Tensor]:
    """All tensors in nested tuples and lists."""
    if isinstance(value, koubai.Tensor):
        return [value]
    return [tensor for item in value for tensor in tensors(item)] if isinstance(value, tuple | list) else []


def check(function: Callable[..., Any], *inputs: koubai.Tensor, order: int = 2) -> None:
    """Check a function's gradients numerically, and that values and gradients replay to the same bits."""
    koubai.check_gradients(lambda *values: tensors(function(*values)), *inputs, order=order)
    check_replay(function, *inputs)


def check_replay(function: Callable[..., Any], *inputs: koubai.Tensor) -> None:
    """Check that values, and gradients of the floating inputs, are the same bits when traced."""

    def step(*values: koubai.Tensor) -> list[koubai.Tensor]:
        outputs = tensors(function(*values))
        tops = [output for output in outputs if output.requires_grad]
        leaves = [value for value in values if value.requires_grad]
        if not tops:
            return outputs
        return [*outputs, *koubai.grad([top.sin().sum() for top in tops], leaves, materialize_grads=True)]

    def fresh() -> list[koubai.Tensor]:
        return [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]

    program = koubai.trace(step, *fresh())
    check_compiled(program, fresh())
    for traced, eager in zip(program(*fresh()), step(*fresh()), strict=True):
        np.testing.assert_array_equal(traced.numpy(force=True), eager.numpy(force=True), strict=True)


def check_layer(layer: nn.Module, *inputs: koubai.Tensor, order: int = 2, **options: Any) -> None:
    """Check a layer as a function of its inputs and its parameters; `options` go to its call."""
    names = [name for name, _ in layer.named_parameters()]

    def function(*values: koubai.Tensor) -> Any:
        twin = copy.deepcopy(layer)
        for name, value in zip(names, values[len(inputs) :], strict=True):
            path, _, last = name.rpartition(".")
            owner = twin.get_submodule(path)
            delattr(owner, last)
            object.__setattr__(owner, last, value)
        return twin(*values[: len(inputs)], **options)

    check(function, *inputs, *(parameter.detach() for parameter in layer.parameters()), order=order)


def close(ours: koubai.Tensor, expected: Any, tolerance: float = 1e-9) -> None:
    """Compare a tensor with NumPy's numbers."""
    np.testing.assert_allclose(ours.numpy(force=True), expected, rtol=tolerance, atol=tolerance * 1e-3)
