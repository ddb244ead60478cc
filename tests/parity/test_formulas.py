"""Layers that PyTorch does not have agree with their formulas, written in PyTorch: values and gradients, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import koubai  # noqa: E402
from koubai import nn  # noqa: E402

from .comparison import compare, leaves  # noqa: E402

Formula = Callable[..., Any]
seeds = pytest.mark.parametrize("seed", [0, 1, 2])


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def agree(layer: nn.Module, formula: Formula, *inputs: Any, seed: int = 0) -> None:
    """Compare a layer with `formula(parameters, *inputs)`, after all its parameters are drawn anew.

    Args:
        layer: in float64.
        formula: takes PyTorch's tensors, the parameters and buffers by name.
        inputs: arrays; gradients of floating ones are compared too.
        seed: of the parameters.
    """
    layer.load_state_dict(
        {name: numbers(*p.shape, seed=seed) for name, p in layer.named_parameters()}, strict=False
    )
    theirs = [torch.from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in inputs]
    ours = [koubai.from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in inputs]
    state = {name: torch.from_numpy(p.numpy(force=True).copy()) for name, p in layer.named_parameters()}
    state = {name: tensor.requires_grad_() for name, tensor in state.items()}
    expected = formula(state, *theirs)
    found = layer(*ours)
    compare(found, expected, "output")
    sum(x.sin().sum() for x in leaves(expected, torch.Tensor)).backward()
    total = sum(x.sin().sum() for x in leaves(found, koubai.Tensor))
    pairs = [(x, y.grad) for x, y in zip(ours, theirs, strict=True) if y.requires_grad]
    pairs += [(p, state[name].grad) for name, p in layer.named_parameters()]
    gradients = koubai.grad(total, [x for x, _ in pairs], materialize_grads=True)
    for one, (_, other) in zip(gradients, pairs, strict=True):
        compare(one, torch.zeros(one.shape).double() if other is None else other, "gradient")


# --- positions


def turned(state: dict[str, Any], x: Any) -> Any:
    """Llama's form of rotary positions: pairs as complex numbers, times unit numbers."""
    frequencies = 1.0 / (10000.0 ** (torch.arange(0, x.shape[-1], 2).double() / x.shape[-1]))
    angles = torch.outer(torch.arange(x.shape[-2]).double(), frequencies)
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


@seeds
def test_positions(seed: int) -> None:
    x = numbers(2, 3, 7, 8, seed=seed)
    agree(nn.RotaryPositions(8, dtype=koubai.float64), turned, x)
    learned = nn.LearnedPositions(8, 10, batch_first=True).double()
    agree(learned, lambda state, x: x + state["weight"][: x.shape[1]], x[0], seed=seed)
