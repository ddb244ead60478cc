"""What a predictor has to tell so that an answer can be traced back to what the user handed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from koubai.engine.tensor import Tensor
from koubai.nn import Module

Array = NDArray[Any]


@runtime_checkable
class Explainable(Protocol):
    """A predictor that adds these can be asked by `koubai influence`, about inputs and about the test part."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """A name for each of the model's outputs; empty where they have none."""

    @property
    def continues(self) -> bool:
        """Whether the model says at every token what comes next; what comes after the last one is explained then."""

    @property
    def baseline(self) -> float | Array:
        """What stands for "nothing" in the model's inputs, such as the background of pictures; fits one input."""

    def model_inputs(self, source: str) -> Array:
        """What a user hands in, as `Predictor.answer` takes it, as the model's inputs.

        Returns:
            floating-point numbers (N, ...), or integers (N, T) for a model that begins with an embedding.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it cannot be read, or is not what this model takes.
        """

    def as_given(self, inputs: Array) -> Array:
        """The model's inputs as the user knows them: before scaling."""

    def part_names(self, inputs: Array) -> Sequence[Sequence[str]]:
        """For each sample the names of its features or its tokens; empty for pictures."""


class Continuation(Module):
    """A language model as a classifier of what comes next: its scores (N, classes) after the last token.

    Args:
        model: from tokens (N, T) to scores (N, classes, T).
    """

    def __init__(self, model: Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """Score what comes after `tokens` (N, T)."""
        scores: Tensor = self.model(tokens)
        return scores[:, :, -1]


def places(shape: tuple[int, ...]) -> list[str]:
    """Names for the elements of an array: their places from 1, in more than one dimension as "2,1"."""
    return [",".join(str(n + 1) for n in place) for place in np.ndindex(shape)]


class Unnamed:
    """Stands in for a predictor that tells nothing: its model's inputs are as they are, features have numbers."""

    output_names: tuple[str, ...] = ()
    baseline: float | Array = 0.0
    continues = False

    def as_given(self, inputs: Array) -> Array:
        """The inputs themselves."""
        return inputs

    def part_names(self, inputs: Array) -> Sequence[Sequence[str]]:
        """The places of the inputs."""
        return [places(inputs.shape[1:])] * len(inputs)
