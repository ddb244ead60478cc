"""What is raced: a network, its optimizer and one batch, which stays the same in every step.

Everything is drawn from fixed seeds, so all contestants start from the same weights and see the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import koubai
from koubai import nn, optim  # both become attributes of the module koubai, which the models are given
from native import models
from native.models import Framework, Model

__all__ = [
    "WORKLOADS",
    "Workload",
    "arrays_of",
    "gpt_workload",
    "lstm_workload",
    "mlp_workload",
    "nn",
    "optim",
]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Workload:
    """One network to be trained on one batch.

    Attributes:
        name: as the tables have it.
        title: what it is, in a few words.
        network: makes the model, given the framework.
        settings: of the model's function, for peers that write the network in their own way.
        shape: of the input batch.
        symbols: how many different tokens the inputs are drawn from; 0 for inputs that are real numbers.
        classes: how many classes the targets are drawn from.
        optimizer: the name of its class, in Koubai and PyTorch.
        options: its options.
    """

    name: str
    title: str
    network: Callable[..., Model]
    shape: tuple[int, ...]
    classes: int
    optimizer: str
    options: tuple[tuple[str, float], ...]
    symbols: int = 0
    settings: tuple[tuple[str, int], ...] = ()

    @property
    def convolutional(self) -> bool:
        """Whether the inputs are images, so that the layout of channels matters."""
        return len(self.shape) == 4

    def model(self, framework: Framework) -> Model:
        """Make the network."""
        return self.network(framework, **dict(self.settings))

    def weights(self, seed: int = 0) -> dict[str, Array]:
        """Return initial parameters and buffers by name, in PyTorch's layout."""
        koubai.manual_seed(seed)
        return arrays_of(self.model(koubai).state_dict())

    def batch(self, seed: int = 0) -> tuple[Array, Array]:
        """Return inputs and targets; sequences have one target for each position, in one row."""
        generator = np.random.default_rng(seed)
        if not self.symbols:
            images = generator.standard_normal(self.shape, np.float32)
            return images, generator.integers(0, self.classes, self.shape[0])
        tokens = generator.integers(0, self.symbols, self.shape)
        return tokens, generator.integers(0, self.classes, tokens.size)

    def make_optimizer(self, framework: Framework, model: Model, **more: Any) -> Any:
        """Make the optimizer of a model."""
        return getattr(framework.optim, self.optimizer)(model.parameters(), **dict(self.options), **more)


def arrays_of(state: dict[str, Any]) -> dict[str, Array]:
    """Return copies of the tensors of a `state_dict`, of either framework, as arrays."""
    return {name: np.array(tensor.detach().numpy()) for name, tensor in state.items()}


SGD = partial(Workload, optimizer="SGD", options=(("lr", 0.01),))
MOMENTUM = partial(Workload, optimizer="SGD", options=(("lr", 0.01), ("momentum", 0.9)))
ADAMW = partial(Workload, optimizer="AdamW", options=(("lr", 1e-3),))


def mlp_workload(name: str, batch: int, inputs: int = 784, width: int = 128, depth: int = 1) -> Workload:
    """A multilayer perceptron with plain SGD."""
    settings = (("inputs", inputs), ("width", width), ("depth", depth))
    title = f"MLP {inputs}{f'-{width}' * depth}-10, SGD, batch {batch}"
    return SGD(name, title, models.mlp, (batch, inputs), 10, settings=settings)


def lstm_workload(name: str, batch: int = 32, length: int = 64, hidden: int = 128) -> Workload:
    """A character LSTM with momentum."""
    title = f"character LSTM, hidden {hidden}, T {length}, batch {batch}"
    settings = (("hidden", hidden),)
    return MOMENTUM(name, title, models.char_lstm, (batch, length), 65, symbols=65, settings=settings)


def gpt_workload(
    name: str, batch: int = 12, width: int = 128, heads: int = 4, layers: int = 4, length: int = 64
) -> Workload:
    """A GPT over 65 characters with AdamW."""
    title = f"GPT, {layers} layers, d {width}, {heads} heads, T {length}, vocabulary 65, batch {batch}"
    settings = (("width", width), ("heads", heads), ("layers", layers), ("length", length))
    return ADAMW(name, title, models.gpt, (batch, length), 65, symbols=65, settings=settings)


WORKLOADS = {
    workload.name: workload
    for workload in (
        mlp_workload("A32", batch=32),
        mlp_workload("A128", batch=128),
        MOMENTUM("B", "CNN 28x28, momentum, batch 64", models.cnn, (64, 1, 28, 28), 10),
        MOMENTUM("C", "ResNet-20 32x32, momentum, batch 32", models.resnet20, (32, 3, 32, 32), 10),
        lstm_workload("D"),
        gpt_workload("E"),
        gpt_workload("GPT", batch=4, width=768, heads=12, layers=2, length=256),
        MOMENTUM("R18", "ResNet-18 224x224, momentum, batch 8", models.resnet18, (8, 3, 224, 224), 1000),
        MOMENTUM(
            "MV2", "MobileNetV2 224x224, momentum, batch 8", models.mobilenet_v2, (8, 3, 224, 224), 1000
        ),
    )
}
