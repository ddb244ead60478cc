"""Random programs of views, writes in place and computations end in the same numbers and gradients as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai

torch = pytest.importorskip("torch")

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True)

# Each takes a tensor, and some also another one; what does not suit the shape returns the tensor itself. Results are
# made contiguous, which Koubai's always are, and PyTorch's only where the operands were.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: x.transpose(0, -1) if x.ndim else x,
    "first": lambda x: x[0] if x.ndim else x,
    "from the second": lambda x: x[1:] if x.ndim and len(x) > 1 else x,
    "every other": lambda x: x[..., ::2] if x.ndim else x,
    "flattened": lambda x: x.reshape(-1),
    "in pairs": lambda x: x.reshape(2, -1) if x.numel() % 2 == 0 else x,
    "unsqueezed": lambda x: x.unsqueeze(-1),
    "squeezed": lambda x: x.squeeze(),
    "diagonal": lambda x: x.diagonal() if x.ndim > 1 else x,
    "detached": lambda x: x.detach(),
    "a copy": lambda x: x.contiguous().clone(),
    "contiguous": lambda x: x.contiguous(),
}
WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "scale": lambda x, y: x.mul_(1.5),
    "shift": lambda x, y: x.add_(y.mean()),
    "multiply": lambda x, y: x.mul_(y.mean() + 1),
    "copy": lambda x, y: x.copy_(y.sum()),
    "clear": lambda x, y: x.fill_(0.5),
    "cut": lambda x, y: x.masked_fill_(x > 2, 2),
    "set": lambda x, y: x.__setitem__(0 if x.ndim else ..., y.mean() * 2),
    "set some": lambda x, y: x.__setitem__(x > 1, y.sum()),
    "sine": lambda x, y: x.sin_(),
}
COMPUTATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "square": lambda x, y: (x * x).contiguous(),
    "product": lambda x, y: (x * y.mean()).contiguous(),
    "exponential": lambda x, y: (x / 4).exp().contiguous(),
}
STEPS = [(kind, name) for kind in (VIEWS, WRITES, COMPUTATIONS) for name in kind]


def run(library: Any, steps: Any) -> list[Any]:
    """Run the steps, each on two of the tensors so far, and return all values and the gradient of their sum."""
    x = (library.arange(12, dtype=library.float64) / 6).reshape(2, 3, 2).clone().requires_grad_()
    tensors = [x * 1, library.ones(4, dtype=library.float64)]
    for (kind, name), first, second in steps:
        one, other = tensors[first % len(tensors)], tensors[second % len(tensors)]
        if kind is WRITES:
            kind[name](one, other)
        else:
            tensors.append(kind[name](one) if kind is VIEWS else kind[name](one, other))
    loss = sum((tensor * (n + 1)).sum() for n, tensor in enumerate(tensors))
    (gradient,) = library.autograd.grad(loss, x)
    return [*tensors, gradient]


@SETTINGS
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9), st.integers(0, 9)), max_size=14))
def test_random_programs(steps: Any) -> None:
    try:
        theirs = run(torch, steps)
    except RuntimeError:
        return  # a value that backward needs was overwritten
    ours = run(koubai, steps)
    replayed = koubai.trace(lambda: run(koubai, steps))()
    for own, other, again in zip(ours, theirs, replayed, strict=True):
        array = own.detach().numpy()
        np.testing.assert_allclose(array, other.detach().numpy(), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(again.detach().numpy(), array)
