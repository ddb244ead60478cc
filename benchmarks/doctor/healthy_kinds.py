"""What good trainings are made of: data, networks, optimizers and schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import koubai
from doctor import toys
from doctor.case import Data
from doctor.fault import ready
from doctor.setup import Setup, Subject
from koubai import nn, optim
from koubai.nn.init import kaiming_normal_
from koubai.optim import lr_scheduler

__all__ = [
    "LOGITS",
    "MSE",
    "R2",
    "Exponential",
    "Filters",
    "Healthy",
    "Reader",
    "Transformer",
    "Words",
    "adam",
    "as_probability",
    "clouds",
    "cnn",
    "copied",
    "cosine",
    "digits",
    "good",
    "images",
    "mlp",
    "one_cycle",
    "pieces_of_waves",
    "residual_mlp",
    "resnet",
    "rows_of_digits",
    "selu_net",
    "sgd",
    "stairs",
    "using",
    "words",
]

Tensor = koubai.Tensor
Build = Callable[[], nn.Module]


@dataclass(frozen=True)
class Healthy:
    """A good training.

    Attributes:
        id: its name.
        least: the score that it reaches.
        build: called with the seed.
    """

    id: str
    least: float
    build: Callable[[int], Setup]

    @property
    def subject(self) -> Subject:
        """The training as a subject without a faulty twin."""
        return Subject(self.id, (), self.make)

    def make(self, seed: int, fixed: bool = True) -> Setup:
        """Set it up."""
        koubai.manual_seed(seed)
        return self.build(seed)


def good(
    seed: int,
    *,
    data: Callable[[int], Data],
    model: Build,
    optimizer: Callable[..., Any],
    loss: Callable[..., Tensor] | None = None,
    schedule: Callable[[Any], Any] | None = None,
    **settings: Any,
) -> Setup:
    """Return a training; without a loss it is a classification."""
    made, network = data(seed), model()
    updates = optimizer(network.parameters())
    if loss is None:
        settings = {"metrics": ("accuracy",), **settings}
    if schedule is not None:
        settings["lr_scheduler"] = schedule(updates)
    return ready(network, loss or nn.CrossEntropyLoss(), updates, made, **settings)


# --- optimizers ---------------------------------------------------------------------------------------------------


def adam(lr: float = 2e-3, **options: Any) -> Callable[..., Any]:
    """Return Adam, to be given parameters."""
    return lambda parameters: optim.Adam(parameters, lr, **options)


def sgd(lr: float, momentum: float = 0.0, **options: Any) -> Callable[..., Any]:
    """Return SGD, to be given parameters."""
    return lambda parameters: optim.SGD(parameters, lr, momentum, **options)


def using(kind: Callable[..., Any], lr: float, **options: Any) -> Callable[..., Any]:
    """Return any optimizer, to be given parameters."""
    return lambda parameters: kind(parameters, lr, **options)


# --- networks -----------------------------------------------------------------------------------------------------


def mlp(
    inputs: int,
    widths: Sequence[int],
    outputs: int,
    act: Build = nn.ReLU,
    norm: Callable[[int], nn.Module] | None = None,
    dropout: float = 0.0,
) -> nn.Module:
    """Return an MLP: linear, norm, activation, dropout."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), *([norm(width)] if norm else []), act()]
        layers += [nn.Dropout(dropout)] if dropout else []
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def selu_net() -> nn.Module:
    """Return a deep network that normalises itself (Klambauer et al., 2017)."""
    network = mlp(64, (48,) * 6, 10, nn.SELU)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            kaiming_normal_(parameter, nonlinearity="linear")
    return network


def residual_mlp(depth: int = 10) -> nn.Module:
    """Return residual blocks with layer norm in front."""
    blocks = [
        nn.Residual(nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32)))
        for _ in range(depth)
    ]
    return nn.Sequential(nn.Linear(10, 32), *blocks, nn.LayerNorm(32), nn.Linear(32, 1))


def cnn(norm: Callable[[int], nn.Module] | None = None, act: Build = nn.ReLU, width: int = 16) -> nn.Module:
    """Return two convolutions and a linear layer, for images of 8 x 8."""
    layers: list[nn.Module] = []
    for inputs in (1, width):
        layers += [
            nn.Conv2d(inputs, width, 3, padding=1),
            *([norm(width)] if norm else []),
            act(),
            nn.MaxPool2d(2),
        ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * width, 10))


def resnet() -> nn.Module:
    """Return a residual network with group norm."""

    def block() -> nn.Module:
        branch = (
            nn.Conv2d(16, 16, 3, padding=1),
            nn.GroupNorm(4, 16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
        )
        return nn.Sequential(nn.Residual(nn.Sequential(*branch)), nn.ReLU())

    first = (nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*first, block(), block(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10))


class Reader(nn.Module):
    """A recurrent layer whose last output goes into a linear one."""

    def __init__(self, cell: Callable[..., nn.Module], inputs: int, outputs: int, width: int = 24) -> None:
        super().__init__()
        self.cell, self.head = cell(inputs, width, batch_first=True), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        return self.head(self.cell(x)[0][:, -1])


class Exponential(nn.Module):
    """Makes rates of their logarithms."""

    def forward(self, x: Tensor) -> Tensor:
        """Return eˣ."""
        return x.exp()


class Filters(nn.Module):
    """Convolutions along a sequence and their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Sequential(nn.Conv1d(1, 16, 5), nn.ReLU(), nn.Conv1d(16, 16, 5), nn.ReLU())
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        return self.head(self.filters(x.transpose(1, 2)).mean(-1))


class Transformer(nn.Module):
    """A small encoder over a sequence, and the mean of what comes out."""

    def __init__(self, steps: int, inputs: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, 32)
        self.place = nn.Parameter(0.1 * koubai.randn(steps, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout, batch_first=True, norm_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        return self.head(self.encoder(self.embed(x) + self.place).mean(1))


class Words(nn.Module):
    """The mean of the vectors of words, classified."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors, self.head = nn.Embedding(50, 16), mlp(16, (16,), 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        return self.head(self.vectors(x).mean(1))


# --- data ---------------------------------------------------------------------------------------------------------


def digits(seed: int, channel: bool = False) -> Data:
    """Return digits with pixels from -1 to 1."""
    data = toys.digits(seed, channel=channel)
    return Data(*((x / 8 - 1, y) for x, y in (data.train, data.validation)))


def rows_of_digits(seed: int) -> Data:
    """Return digits as sequences of eight rows."""
    data = digits(seed)
    return Data(*((x.reshape(-1, 8, 8), y) for x, y in (data.train, data.validation)))


def pieces_of_waves(seed: int) -> Data:
    """Return waves as five pieces of four values each."""
    data = toys.waves(seed)
    return Data(*((x.reshape(-1, 5, 4), y) for x, y in (data.train, data.validation)))


def copied(seed: int) -> Data:
    """Return digits that are their own target."""
    data = toys.digits(seed, channel=False)
    return Data(*((x / 16, x / 16) for x, _ in (data.train, data.validation)))


def as_probability(data: Callable[[int], Data]) -> Callable[[int], Data]:
    """Return data whose two classes are the numbers 0 and 1, `(N, 1)`."""

    def changed(seed: int) -> Data:
        made = data(seed)
        return Data(*((x, y[:, None].astype(np.float32)) for x, y in (made.train, made.validation)))

    return changed


def words(seed: int) -> Data:
    """Return texts of 12 words out of 50; the class says whether more than half are of the second half."""
    rng = np.random.default_rng(seed)
    taste = rng.choice([0.3, 0.7], (1200, 1))
    texts = rng.integers(0, 25, (1200, 12)) + 25 * (rng.random((1200, 12)) < taste)
    y = ((texts >= 25).mean(1) > 0.5).astype(np.int64)
    return Data((texts[:900], y[:900]), (texts[900:], y[900:]))


def cosine(epochs: int) -> dict[str, Any]:
    """Return the settings of a cosine over all epochs."""
    return {
        "epochs": epochs,
        "schedule": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, epochs),
        "schedule_every": "epoch",
    }


def one_cycle(highest: float, epochs: int, steps: int) -> dict[str, Any]:
    """Return the settings of a warmup and a long way down."""
    return {
        "epochs": epochs,
        "schedule": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, highest, total_steps=epochs * steps),
    }


def stairs(epochs: int, every: int) -> dict[str, Any]:
    """Return the settings of a learning rate that falls to a third now and then."""
    return {
        "epochs": epochs,
        "schedule": lambda optimizer: lr_scheduler.StepLR(optimizer, every, 0.3),
        "schedule_every": "epoch",
    }


R2: dict[str, Any] = {"metric": "R2 (held out)", "metrics": ("r2",)}
MSE: dict[str, Any] = {"loss": nn.MSELoss(), **R2}
LOGITS: dict[str, Any] = {"loss": nn.BCEWithLogitsLoss(), "metric": "accuracy of logits (held out)"}
images = partial(digits, channel=True)
clouds = partial(toys.overlapping, sizes=(300,) * 5, distance=3.0)
