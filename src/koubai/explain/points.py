"""Where gradients of a network's inputs are taken: at the inputs, or at the vectors that an embedding makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import koubai
from koubai.engine.tensor import Tensor
from koubai.explain.attribution import Scores
from koubai.i18n import _
from koubai.nn.embedding import Embedding
from koubai.nn.module import Module

__all__ = ["points_of"]


@contextmanager
def points_of(model: Module, inputs: Tensor) -> Iterator[tuple[Tensor, Scores]]:
    """The points at which gradients are taken, and the model as a function of them.

    Args:
        model: takes the inputs.
        inputs: (N, ...). Floating-point numbers are the points themselves; of integers (N, T) the points are the
            vectors (N, T, D) that the model's `Embedding` gives them.

    Raises:
        ValueError: no embedding takes the integers as they are.
    """
    if inputs.is_floating_point():
        yield inputs, model
        return
    embedding, points = _looked_up(model, inputs)
    replaced: list[Tensor] = []

    def replace(_module: Module, args: tuple[Any, ...], _output: Tensor) -> Tensor | None:
        return replaced[-1] if _is(args, inputs) else None

    def run(x: Tensor) -> Tensor:
        replaced[:] = [x]
        output: Tensor = model(inputs)
        return output

    with embedding.register_forward_hook(replace):
        yield points, run


def _looked_up(model: Module, inputs: Tensor) -> tuple[Embedding, Tensor]:
    """The embedding that the inputs themselves go into (positions have one too), and the vectors it gives them."""
    seen: list[tuple[Embedding, Tensor]] = []

    def look(module: Embedding, args: tuple[Any, ...], output: Tensor) -> None:
        if _is(args, inputs):
            seen.append((module, output.detach()))

    handles = [m.register_forward_hook(look) for m in model.modules() if isinstance(m, Embedding)]
    with koubai.no_grad():
        model(inputs)
    for handle in handles:
        handle.remove()
    if not seen:
        raise ValueError(
            _(
                "The inputs are integers, which have no gradient, and no Embedding of the model looks them up as they "
                "are: give floating-point inputs."
            )
        )
    return seen[0]


def _is(args: tuple[Any, ...], inputs: Tensor) -> bool:
    """Whether a layer was called with these inputs."""
    given = args[0] if args else None
    return isinstance(given, Tensor) and np.array_equal(given.numpy(), inputs.numpy())
