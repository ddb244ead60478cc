"""The published faults in recurrent networks, on toy sequences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import koubai
from doctor import toys
from doctor.case import Data
from doctor.fault import fault, ready
from doctor.plan import Loop
from doctor.setup import Setup
from koubai import nn, optim

__all__ = ["SEQUENCES"]

Tensor = koubai.Tensor


class Reader(nn.Module):
    """A recurrent layer whose last output goes into a linear one."""

    def __init__(self, cell: Callable[..., nn.Module], inputs: int, outputs: int, tail: nn.Module) -> None:
        super().__init__()
        self.cell = cell(inputs, 24, batch_first=True)
        self.head, self.tail = nn.Linear(24, outputs), tail

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        return self.tail(self.head(self.cell(x)[0][:, -1]))


def waves(
    seed: int,
    *,
    cell: Callable[..., nn.Module] = nn.LSTM,
    data: Callable[[int], Data] = toys.waves,
    classes: int = 3,
    scale: float = 1.0,
    shrunk: float = 1.0,
    tail: Callable[[], nn.Module] = nn.Identity,
    optimizer: Callable[..., Any] = optim.Adam,
    lr: float = 5e-3,
    epochs: int = 12,
    **settings: Any,
) -> Setup:
    """Three frequencies with an LSTM: as it is here, it is healthy."""
    made = data(seed)
    parts = ((scale * x, y) for x, y in (made.train, made.validation))
    model = Reader(cell, 1, classes, tail())
    with koubai.no_grad():
        model.cell.weight_hh_l0.mul_(shrunk)
    settings = {"metrics": ("accuracy",), **settings}
    return ready(
        model,
        nn.CrossEntropyLoss(),
        optimizer(model.parameters(), lr),
        Data(*parts),
        epochs=epochs,
        **settings,
    )


def momentum(parameters: Any, lr: float) -> Any:
    """Return SGD with momentum."""
    return optim.SGD(parameters, lr, momentum=0.9)


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error as it is often written."""
    return ((output - target) ** 2).mean()


def adding(
    seed: int,
    *,
    flat_targets: bool = False,
    target_scale: float = 1.0,
    tail: Callable[[], nn.Module] = nn.Identity,
    lr: float = 1e-2,
    **settings: Any,
) -> Setup:
    """The sum of two marked numbers with an LSTM: as it is here, it is healthy."""
    made = toys.adding(seed, steps=6)
    parts = [(x, target_scale * (y[:, 0] if flat_targets else y)) for x, y in (made.train, made.validation)]
    model = Reader(nn.LSTM, 2, 1, tail())
    settings = {"metric": "R2 (held out)", "epochs": 25, **settings}
    return ready(model, squared_error, optim.Adam(model.parameters(), lr), Data(*parts), **settings)


SEQUENCES = [
    fault("LSTM: learning rate too high", ("lr_too_high",), waves, {"lr": 3.0}),
    fault("LSTM: learning rate too low", ("lr_too_low", "undertrained"), waves, {"lr": 5e-6}),
    fault(
        "LSTM: learning rate too low for SGD",
        ("lr_too_low", "undertrained", "optimizer"),
        waves,
        {"optimizer": optim.SGD, "lr": 1e-3},
    ),
    fault(
        "RNN: recurrent weights far too small",
        ("vanishing_gradient", "init"),
        partial(waves, cell=nn.RNN, data=toys.first_sign, classes=2, lr=1e-3, epochs=25),
        {"shrunk": 0.05},
    ),
    fault(
        "LSTM: inputs to 1000",
        ("unnormalised_input",),
        waves,
        {"scale": 1000.0},
    ),
    fault(
        "LSTM: softmax before cross-entropy",
        ("double_softmax", "output_activation"),
        partial(waves, optimizer=momentum, lr=0.1, epochs=16),
        {"tail": partial(nn.Softmax, -1)},
    ),
    fault("LSTM: gradients never cleared", ("missing_zero_grad",), waves, {"loop": Loop(zero_grad=False)}),
    fault("LSTM: targets (N) against outputs (N, 1)", ("broadcast_shape",), adding, {"flat_targets": True}),
    fault("LSTM: targets to 10000", ("unnormalised_target",), adding, {"target_scale": 1e4}),
    fault("LSTM: sums through a sigmoid", ("output_activation",), adding, {"tail": nn.Sigmoid}),
]
