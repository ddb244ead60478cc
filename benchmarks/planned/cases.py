"""The trainings: networks of all kinds, on made-up data of usual sizes, with even and odd batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import koubai
from koubai import models, nn, optim
from koubai.plan.planner import workload_of
from koubai.plan.workload import Workload


class Recurrent(nn.Module):
    """Classifies sequences by the last state of a recurrent layer."""

    def __init__(self, layer: nn.Module, hidden: int, classes: int) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(hidden, classes)

    def forward(self, x: Any) -> Any:
        """Return scores."""
        return self.head(self.layer(x)[0][:, -1])


class Transformer(nn.Module):
    """Classifies sentences of tokens."""

    def __init__(self, words: int = 100, width: int = 64, classes: int = 5) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(width, classes)

    def forward(self, x: Any) -> Any:
        """Return scores."""
        return self.head(self.encoder(self.embedding(x)).mean(1))


def mlp(*sizes: int) -> nn.Module:
    """Return fully connected layers with ReLU between them, each started so that gradients pass."""
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    model = nn.Sequential(nn.Flatten(), *layers[:-1])
    nn.init.match_activations(model)
    return model


def cnn() -> nn.Module:
    """Return two convolutions with pooling and two linear layers, for images of 1 x 28 x 28."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 16, 14, 14)
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 32, 7, 7)
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def adam(model: nn.Module) -> optim.Optimizer:
    """Return Adam with its usual rate."""
    return optim.Adam(model.parameters())


def sgd(model: nn.Module) -> optim.Optimizer:
    """Return plain gradient descent."""
    return optim.SGD(model.parameters(), lr=0.01)


def momentum(model: nn.Module) -> optim.Optimizer:
    """Return gradient descent with momentum."""
    return optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


@dataclass(frozen=True)
class Case:
    """A training.

    Attributes:
        title: what it is, in a few words.
        model: makes the network.
        shape: of the training data.
        classes: how many.
        optimizer: makes it.
        batch_size, epochs: as for `Trainer.fit`.
    """

    title: str
    model: Callable[[], nn.Module]
    shape: Sequence[int]
    classes: int
    optimizer: Callable[[nn.Module], optim.Optimizer]
    batch_size: int
    epochs: int = 4

    def workload(self) -> Workload:
        """Return it as the planner wants it."""
        koubai.manual_seed(0)
        return workload_of(
            self.model(),
            tuple(self.shape),
            name=self.title,
            classes=self.classes,
            optimizer=self.optimizer,
            batch_size=self.batch_size,
            epochs=self.epochs,
            metrics=["accuracy"],
        )


CASES = {
    "mlp": Case("MLP 784-128-10, Adam", lambda: mlp(784, 128, 10), (60_000, 1, 28, 28), 10, adam, 64),
    "mlp-odd": Case("MLP 784-128-10, SGD", lambda: mlp(784, 128, 10), (60_000, 1, 28, 28), 10, sgd, 37),
    "deep": Case("MLP, 9 hidden layers", lambda: mlp(784, *[256] * 9, 10), (30_000, 784), 10, momentum, 100),
    "cnn": Case("CNN 28x28, Adam", cnn, (20_000, 1, 28, 28), 10, adam, 64),
    "resnet": Case("ResNet-20 32x32", models.resnet20, (2_000, 3, 32, 32), 10, momentum, 32, 3),
    "gru": Case(
        "GRU 64, T 50, Adam",
        lambda: Recurrent(nn.GRU(8, 64, batch_first=True), 64, 5),
        (8_000, 50, 8),
        5,
        adam,
        33,
    ),
    "lstm": Case(
        "LSTM 128, T 64, SGD",
        lambda: Recurrent(nn.LSTM(16, 128, batch_first=True), 128, 5),
        (4_000, 64, 16),
        5,
        momentum,
        64,
    ),
    "transformer": Case("Transformer, 2 layers", Transformer, (3_000, 64), 5, adam, 48),
}
