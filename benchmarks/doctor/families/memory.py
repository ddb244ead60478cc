"""Trainings that need more memory than there is said to be; nothing is wrong with what they learn.

Needed are at least the parameters, their gradients and what the optimizer remembers of each (`held`), and the outputs
of the layers for one batch, which the backward pass wants (`kept`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from doctor import toys
from doctor.case import Data
from doctor.families.generalisation import mlp, scaled_digits, small_cnn
from doctor.fault import fault, ready
from doctor.setup import Setup
from koubai import nn, optim

__all__ = ["MEMORY"]

MIB = 2**20
FLOAT = 4  # bytes


def held(parameters: int, states: int) -> int:
    """Return the bytes of parameters, gradients and the optimizer's `states` for each."""
    return FLOAT * parameters * (2 + states)


def limited(
    seed: int,
    model: Callable[[], nn.Module],
    limit: int,
    data: Callable[[int], Data] = scaled_digits,
    optimizer: Callable[..., Any] = optim.Adam,
    batch_size: int = 32,
    epochs: int = 1,
) -> Setup:
    """A training with `limit` MiB for all of it."""
    network = model()
    return ready(
        network,
        nn.CrossEntropyLoss(),
        optimizer(network.parameters(), 1e-3),
        data(seed),
        batch_size=batch_size,
        epochs=epochs,
        memory_limit=limit * MIB,
    )


class Remembering(nn.Module):
    """An LSTM whose last output is classified."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(1, width, batch_first=True), nn.Linear(width, 3)

    def forward(self, x: Any) -> Any:
        """Return the scores."""
        return self.head(self.lstm(x)[0][:, -1])


def flat(width: int) -> nn.Module:
    """Return an MLP on images: 64 w + w² + 12 w parameters, and a few."""
    return nn.Sequential(nn.Flatten(), mlp(64, (width, width), 10))


MEMORY = [
    # held(2048² + ..., Adam's 2) = 66 MiB; with 512 units it is 5 MiB
    fault(
        "memory: parameters and Adam's moments",
        ("memory",),
        partial(limited, limit=48),
        {"model": partial(flat, 2048)},
        {"model": partial(flat, 512), "epochs": 4},
    ),
    # kept: 1347 images x 64 pixels x 128 channels x 4 bytes x (conv, ReLU) = 84 MiB, and half of it again for
    # the second layer; with a batch of 32 it is 3 MiB
    fault(
        "memory: whole data set as one batch",
        ("memory",),
        partial(limited, model=partial(small_cnn, width=128), limit=64),
        {"batch_size": 1347},
        {"batch_size": 32},
    ),
    # kept: 256 sequences x 60 steps x (4 gates and 2 states) x 128 units x 4 bytes = 45 MiB; with a batch of 16, 3 MiB
    fault(
        "memory: long sequences in large batches",
        ("memory",),
        partial(limited, model=partial(Remembering, 128), limit=24, data=partial(toys.waves, steps=60)),
        {"batch_size": 256},
        {"batch_size": 16, "epochs": 3},
    ),
]
