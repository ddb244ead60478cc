"""Samples to measure a training with, where there are no data yet but only their shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.i18n import _
from koubai.nn.module import Module
from koubai.plan.workload import Examples

__all__ = ["made_up", "output_shape"]

_COUNT = 512  # samples
_NOISE = 0.5  # beside patterns of size 1: classes that any sound model tells apart


def made_up(model: Module, shape: Sequence[int], classes: int | None) -> Examples:
    """Return samples that can be learnt: each class has a pattern, a number to predict is a mean.

    A training on them behaves as one on real data does, and the doctor, who is there, has nothing to say.

    Args:
        model: what they are for; if it begins with an embedding, they are its tokens.
        shape: of one sample.
        classes: how many there are; None for numbers in the shape of the model's output.

    Raises:
        ValueError: the model does not take such samples.
    """
    random = np.random.default_rng(0)
    labels = random.integers(0, classes or 2, _COUNT)
    words = next((m.num_embeddings for m in model.modules() if isinstance(m, nn.Embedding)), None)
    if words is not None:
        inputs = random.integers(0, words, (_COUNT, *shape))
        inputs = np.where(random.random(inputs.shape) < _NOISE, inputs, _columns(labels, shape) % words)
    else:
        patterns = random.standard_normal((classes or 2, *shape), np.float32)
        inputs = patterns[labels] + _NOISE * random.standard_normal((_COUNT, *shape), np.float32)
    out = output_shape(model, koubai.as_tensor(inputs[:2]))
    if classes is None:
        targets = np.broadcast_to(_columns(labels, out[1:]), (_COUNT, *out[1:])).astype(np.float32)
    elif out[0] != 2:  # rows of scores for all positions of a sequence
        targets = np.repeat(labels[:, None], out[0] // 2, 1)
    else:
        targets = np.broadcast_to(_columns(labels, out[2:]), (_COUNT, *out[2:]))
    return Examples(np.ascontiguousarray(inputs), np.ascontiguousarray(targets))


def flat_targets(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the loss for models that put out rows for all positions of all sequences."""

    def of_rows(output: Tensor, target: Tensor) -> Tensor:
        return loss(output, target.reshape(-1) if len(target) != len(output) else target)

    return of_rows


def output_shape(model: Module, inputs: Tensor) -> tuple[int, ...]:
    """Return the shape of a model's output, found out on shapes only.

    Raises:
        ValueError: the model does not take such inputs; the message names the layer and the shapes.
    """
    found: list[tuple[int, ...]] = []

    def follow(x: Tensor) -> Tensor:
        output: Tensor = model(x)
        found.append(tuple(output.shape))
        return output

    try:
        koubai.trace(follow, inputs)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        words = _("the data do not fit the model: samples of shape {shape}").format(
            shape=tuple(inputs.shape[1:])
        )
        notes = [str(error), *getattr(error, "__notes__", ())]
        raise ValueError("\n  ".join([words, *notes])) from error
    return found[0]


def _columns(labels: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return labels (N,) as (N, 1, ..., 1), with as many dimensions as samples of a shape have."""
    return labels.reshape(-1, *(1,) * len(shape))
