"""Trainings whose code is right and whose data are not: too few, unbalanced, wrongly labelled, or from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import koubai
from doctor import toys
from doctor.case import Data
from doctor.fault import fault, ready
from doctor.setup import Setup
from koubai import nn, optim

__all__ = ["GENERALISATION"]

R2 = "R2 (held out)"


def mlp(inputs: int, widths: Sequence[int], outputs: int, dropout: float = 0.0) -> nn.Module:
    """Return hidden layers with ReLU."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def regression(
    seed: int, data: Callable[[int], Data], widths: Sequence[int], epochs: int, weight_decay: float = 0.0
) -> Setup:
    """A regression with Adam."""
    made = data(seed)
    model = mlp(made.train[0].shape[1], widths, 1)
    optimizer = optim.AdamW(model.parameters(), 2e-3, weight_decay=weight_decay)
    return ready(model, nn.MSELoss(), optimizer, made, epochs=epochs, metric=R2)


def small_cnn(classes: int = 10, width: int = 16) -> nn.Module:
    """Return two convolutions and a linear layer, for images of 8 x 8."""
    return nn.Sequential(
        *(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # (N, width, 4, 4)
        *(nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 2 width, 2, 2)
        *(nn.Flatten(), nn.Linear(8 * width, classes)),
    )


def noisy_digits(seed: int, samples: int, epochs: int, noise: float = 6.0) -> Setup:
    """Digits under noise."""
    data = toys.digits(seed, samples)
    rng = np.random.default_rng(seed)
    parts = [
        ((x + noise * rng.standard_normal(x.shape).astype(np.float32)) / 16, y)
        for x, y in (data.train, data.validation)
    ]
    model = small_cnn(width=32)
    optimizer = optim.Adam(model.parameters(), 2e-3)
    return ready(model, nn.CrossEntropyLoss(), optimizer, Data(*parts), epochs=epochs, metrics=("accuracy",))


def imbalanced(
    seed: int,
    sizes: Sequence[int],
    widths: Sequence[int] = (32,),
    distance: float = 1.5,
    weighted: bool = True,
) -> Setup:
    """Classes of very different sizes; weighted, each class counts as much as the others."""
    data = toys.overlapping(seed, sizes, distance)
    counts = np.bincount(data.train[1], minlength=len(sizes))
    weight = koubai.tensor((counts.sum() / counts / len(sizes)).astype(np.float32)) if weighted else None
    model = mlp(8, widths, len(sizes))
    metrics = ("f1_macro",) if weighted else ("accuracy",)
    return ready(
        model,
        nn.CrossEntropyLoss(weight),
        optim.Adam(model.parameters(), 1e-3),
        data,
        metric="balanced accuracy (held out)",
        metrics=metrics,
    )


def mislabelled(
    seed: int, data: Callable[[int], Data], model: Callable[[], nn.Module], epochs: int, share: float = 0.0
) -> Setup:
    """A share of the training labels is replaced by other classes; validation is clean."""
    made = data(seed)
    x, y = made.train
    rng = np.random.default_rng(seed)
    wrong, classes = rng.random(len(y)) < share, int(y.max()) + 1
    y = np.where(wrong, (y + rng.integers(1, classes, len(y))) % classes, y)
    network = model()
    optimizer = optim.Adam(network.parameters(), 2e-3)
    made = replace(made, train=(x, y))
    return ready(network, nn.CrossEntropyLoss(), optimizer, made, epochs=epochs, metrics=("accuracy",))


Change = Callable[[Any], Any]


def shifted(
    seed: int, data: Callable[[int], Data], model: Callable[[], nn.Module], change: Change | None = None
) -> Setup:
    """The inputs of the validation part are changed."""
    made = data(seed)
    x, y = made.validation
    if change is not None:
        made = replace(made, validation=(change(x).astype(np.float32), y))
    network = model()
    optimizer = optim.Adam(network.parameters(), 2e-3)
    numbers = y.dtype.kind == "f"
    loss = nn.MSELoss() if numbers else nn.CrossEntropyLoss()
    watched = {"metric": R2} if numbers else {"metrics": ("accuracy",)}
    return ready(network, loss, optimizer, made, epochs=20, **watched)


def scaled_digits(seed: int) -> Data:
    """Return digits with pixels from 0 to 1."""
    data = toys.digits(seed)
    return Data((data.train[0] / 16, data.train[1]), (data.validation[0] / 16, data.validation[1]))


def flat_digits(seed: int) -> Data:
    """Return digits as rows of pixels from 0 to 1."""
    data = scaled_digits(seed)
    return Data(*((x.reshape(len(x), -1), y) for x, y in (data.train, data.validation)))


OVERFITTING = [
    fault(
        "overfitting: 30 points of a sine",
        ("overfitting",),
        partial(regression, widths=(256, 256)),
        {"data": partial(toys.sine, samples=30, noise=0.5), "epochs": 1500},
        {"data": partial(toys.sine, samples=1000, noise=0.5), "epochs": 40},
    ),
    fault(
        "overfitting: 60 rows, 10 columns",
        ("overfitting",),
        partial(regression),
        {"data": partial(toys.friedman, samples=60, noise=3.0), "widths": (256, 256), "epochs": 400},
        {
            "data": partial(toys.friedman, samples=1500, noise=3.0),
            "widths": (32,),
            "epochs": 40,
            "weight_decay": 0.05,
        },
    ),
    fault(
        "overfitting: 80 images",
        ("overfitting",),
        noisy_digits,
        {"samples": 80, "epochs": 150},
        {"samples": 1347, "epochs": 12},
    ),
]
IMBALANCE = [
    fault(
        "imbalance: 3 % of two classes",
        ("class_imbalance",),
        partial(imbalanced, sizes=(1455, 45)),
        {"weighted": False},
    ),
    fault(
        "imbalance: 5 % that overlap",
        ("class_imbalance",),
        partial(imbalanced, sizes=(1900, 100), widths=(16,), distance=1.3),
        {"weighted": False},
    ),
    fault(
        "imbalance: three classes",
        ("class_imbalance",),
        partial(imbalanced, sizes=(2800, 120, 80), distance=1.8),
        {"weighted": False},
    ),
]
LABEL_NOISE = [
    fault(
        "label noise: digits, MLP",
        ("label_noise",),
        partial(mislabelled, data=flat_digits, model=partial(mlp, 64, (128, 128), 10), epochs=40),
        {"share": 0.3},
    ),
    fault(
        "label noise: digits, CNN",
        ("label_noise",),
        partial(mislabelled, data=scaled_digits, model=partial(small_cnn, width=32), epochs=40),
        {"share": 0.3},
    ),
    fault(
        "label noise: clouds",
        ("label_noise",),
        partial(
            mislabelled,
            data=partial(toys.overlapping, sizes=(300, 300, 300), distance=2.5),
            model=partial(mlp, 8, (64, 64), 3),
            epochs=60,
        ),
        {"share": 0.3},
    ),
]
SHIFT = [
    fault(
        "shift: validation not standardised",
        ("domain_shift",),
        partial(shifted, data=toys.friedman, model=partial(mlp, 10, (64, 64), 1)),
        {"change": lambda x: x * 0.29 + 0.5},
    ),
    fault(
        "shift: inverted images",
        ("domain_shift",),
        partial(shifted, data=scaled_digits, model=small_cnn),
        {"change": lambda x: 1 - x},
    ),
    fault(
        "shift: another scale of pixels",
        ("domain_shift",),
        partial(shifted, data=flat_digits, model=partial(mlp, 64, (64,), 10)),
        {"change": lambda x: np.random.default_rng(0).normal(0.2 * x, 0.3)},
    ),
]
GENERALISATION = [*OVERFITTING, *IMBALANCE, *LABEL_NOISE, *SHIFT]
