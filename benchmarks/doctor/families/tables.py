"""The published faults in multilayer perceptrons, in settings that were not published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import koubai
from doctor import toys
from doctor.case import Data
from doctor.fault import fault, ready
from doctor.setup import Setup
from koubai import nn, optim

__all__ = ["TABLES"]

Tensor = koubai.Tensor


def probability_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the binary cross-entropy of probabilities."""
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * output.log() + (1 - target) * (1 - output).log()).mean()


def hidden(inputs: int, widths: Sequence[int], activation: Callable[[], nn.Module]) -> list[nn.Module]:
    """Return linear layers with activations, drawn to fit ReLU."""
    layers: list[nn.Module] = []
    for width in widths:
        linear = nn.Linear(inputs, width)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        layers += [linear, activation()]
        inputs = width
    return layers


def two_classes(
    seed: int,
    *,
    data: Callable[[int], Data] = toys.circles,
    widths: Sequence[int] = (16, 16),
    activation: Callable[[], nn.Module] = nn.ReLU,
    last: Callable[[], nn.Module] = nn.Sigmoid,
    loss: Callable[..., Tensor] = probability_error,
    optimizer: Callable[..., Any] = optim.Adam,
    lr: float = 1e-2,
    epochs: int = 20,
    first_class: int = 0,
) -> Setup:
    """Two classes by one probability: as it is here, it is healthy."""
    made = data(seed)
    parts = ((x, (y[:, None] + first_class).astype("float32")) for x, y in (made.train, made.validation))
    width = widths[-1] if widths else 2
    model = nn.Sequential(*hidden(2, widths, activation), nn.Linear(width, 1), last())
    return ready(model, loss, optimizer(model.parameters(), lr), Data(*parts), epochs=epochs)


def numbers(
    seed: int,
    *,
    widths: Sequence[int] = (64, 64),
    activation: Callable[[], nn.Module] = nn.ReLU,
    last: Callable[[], nn.Module] = nn.Identity,
    input_scale: float = 1.0,
    target_scale: float = 1.0,
    optimizer: Callable[..., Any] = optim.Adam,
    lr: float = 2e-3,
    epochs: int = 25,
    **settings: Any,
) -> Setup:
    """A regression on ten columns: as it is here, it is healthy."""
    made = toys.friedman(seed)
    parts = ((input_scale * x, target_scale * y) for x, y in (made.train, made.validation))
    model = nn.Sequential(*hidden(10, widths, activation), nn.Linear(widths[-1], 1), last())
    settings = {"metric": "R2 (held out)", "epochs": epochs, **settings}
    return ready(model, nn.MSELoss(), optimizer(model.parameters(), lr), Data(*parts), **settings)


def decaying_adagrad(parameters: Any, lr: float) -> Any:
    """Return Adagrad with a decay that ends all learning soon."""
    return optim.Adagrad(parameters, lr, lr_decay=1.0)


TABLES = [
    fault("MLP: no nonlinearity", ("missing_nonlinearity",), two_classes, {"activation": nn.Identity}),
    fault("MLP: too small", ("capacity",), two_classes, {"widths": (1,)}),
    fault(
        "MLP: classes numbered from 1", ("label_encoding", "loss_mismatch"), two_classes, {"first_class": 1}
    ),
    fault("MLP: softmax of one unit", ("output_activation",), two_classes, {"last": partial(nn.Softmax, -1)}),
    fault(
        "MLP: twenty sigmoid layers",
        ("vanishing_gradient", "hidden_activation"),
        partial(two_classes, lr=1e-3, epochs=40),
        {"activation": nn.Sigmoid, "widths": (16,) * 20},
    ),
    fault("MLP: regression through ReLU", ("output_activation",), numbers, {"last": nn.ReLU}),
    fault("MLP: targets to 100000", ("unnormalised_target",), numbers, {"target_scale": 1e5}),
    fault(
        "MLP: inputs to 10000",
        ("unnormalised_input",),
        partial(numbers, activation=nn.Tanh),
        {"input_scale": 1e4},
    ),
    fault(
        "MLP: SGD too fast",
        ("lr_too_high", "exploding_gradient"),
        partial(numbers, optimizer=optim.SGD),
        {"lr": 1.0},
        {"lr": 0.02},
    ),
    fault(
        "MLP: SGD too slow",
        ("lr_too_low", "undertrained"),
        partial(numbers, optimizer=optim.SGD),
        {"lr": 1e-5},
        {"lr": 0.02},
    ),
    fault(
        "MLP: Adagrad that has stopped",
        ("lr_too_low", "optimizer", "lr_decayed"),
        numbers,
        {"optimizer": decaying_adagrad, "lr": 1e-3},
    ),
    fault(
        "MLP: stopped after the first epoch",
        ("undertrained",),
        partial(numbers, lr=3e-4),
        {"epochs": 1},
        {"epochs": 40},
    ),
]
