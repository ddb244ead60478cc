"""The published faults in small convolutional networks, on images of 8 x 8."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from doctor import toys
from doctor.case import Data
from doctor.fault import fault, ready
from doctor.plan import Loop
from doctor.setup import Setup
from koubai import nn, optim

__all__ = ["IMAGES"]

Change = Callable[[nn.Module], None]


def untouched(model: nn.Module) -> None:
    """Leave the first weights as they are."""


def redrawn(deviation: float, bias: float = 0.0) -> Change:
    """Return what draws all first weights with one deviation."""

    def change(model: nn.Module) -> None:
        for parameter in model.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, 0.0, deviation)
            else:
                nn.init.constant_(parameter, bias)

    return change


def low_biases(model: nn.Module) -> None:
    """Put the biases of the first convolution far below what its inputs reach."""
    nn.init.constant_(model[0].bias, -10.0)


def convolutions(depth: int, width: int, activation: Callable[[], nn.Module]) -> list[nn.Module]:
    """Return convolutions with pooling after the first and the last."""
    layers: list[nn.Module] = []
    for number in range(depth):
        layers += [nn.Conv2d(width if number else 1, width, 3, padding=1), activation()]
        layers += [nn.MaxPool2d(2)] if number in (0, depth - 1) else []
    return layers


def digits_cnn(
    seed: int,
    *,
    activation: Callable[[], nn.Module] = nn.ReLU,
    depth: int = 2,
    tail: Callable[[], nn.Module] = nn.Identity,
    first: Change = untouched,
    pixels: float = 1 / 16,
    optimizer: Callable[..., Any] = optim.Adam,
    lr: float = 2e-3,
    weight_decay: float = 0.0,
    epochs: int = 8,
    batch_size: int = 32,
    samples: int = 1347,
    loop: Loop = Loop(),  # noqa: B008 - frozen
) -> Setup:
    """Digits with a small CNN: as it is here, it is healthy."""
    data = toys.digits(seed, samples)
    parts = ((pixels * x, y) for x, y in (data.train, data.validation))
    model = nn.Sequential(
        *convolutions(depth, 16, activation),
        *(nn.Flatten(), nn.Linear(16 * 4, 10), tail()),
    )
    first(model)
    return ready(
        model,
        nn.CrossEntropyLoss(),
        optimizer(model.parameters(), lr, weight_decay=weight_decay),
        Data(*parts),
        epochs=epochs,
        batch_size=batch_size,
        metrics=("accuracy",),
        loop=loop,
    )


def momentum(parameters: Any, lr: float, weight_decay: float = 0.0) -> Any:
    """Return SGD with momentum."""
    return optim.SGD(parameters, lr, momentum=0.9, weight_decay=weight_decay)


SGD = {"optimizer": momentum, "lr": 0.02}

IMAGES = [
    fault("CNN: learning rate too high, Adam", ("lr_too_high",), digits_cnn, {"lr": 0.5}),
    fault(
        "CNN: learning rate too high, momentum",
        ("lr_too_high", "dying_relu"),
        partial(digits_cnn, optimizer=momentum),
        {"lr": 2.0},
        {"lr": 0.02},
    ),
    fault("CNN: learning rate too low", ("lr_too_low", "undertrained"), digits_cnn, {"lr": 2e-6}),
    fault(
        "CNN: dead ReLU by its biases",
        ("dying_relu", "init"),
        partial(digits_cnn, depth=3),
        {"first": low_biases},
    ),
    fault(
        "CNN: deep sigmoids",
        ("vanishing_gradient", "hidden_activation"),
        partial(digits_cnn, depth=6),
        {"activation": nn.Sigmoid},
    ),
    fault("CNN: all weights 0", ("init",), digits_cnn, {"first": redrawn(0.0)}),
    fault(
        "CNN: weights far too large",
        ("init", "exploding_gradient"),
        partial(digits_cnn, depth=4, **SGD),
        {"first": redrawn(1.0)},
    ),
    fault(
        "CNN: softmax before cross-entropy",
        ("double_softmax", "output_activation"),
        partial(digits_cnn, **{**SGD, "epochs": 6}),
        {"tail": partial(nn.Softmax, -1)},
    ),
    fault(
        "CNN: ReLU on the scores",
        ("output_activation", "dying_relu"),
        partial(digits_cnn, lr=1e-2, epochs=5),
        {"tail": nn.ReLU},
    ),
    fault("CNN: pixels to 4080", ("unnormalised_input",), partial(digits_cnn, **SGD), {"pixels": 255.0}),
    fault("CNN: weight decay of 1", ("over_regularised",), digits_cnn, {"weight_decay": 1.0}),
    fault(
        "CNN: gradients never cleared",
        ("missing_zero_grad",),
        partial(digits_cnn, **SGD),
        {"loop": Loop(zero_grad=False)},
    ),
    fault(
        "CNN: up the gradient",
        ("gradient_sign",),
        partial(digits_cnn, epochs=3),
        {"loop": Loop(gradient_sign=-1)},
    ),
    fault(
        "CNN: the whole data set as one batch",
        ("batch_too_large", "undertrained", "lr_too_low"),
        digits_cnn,
        {"batch_size": 1347},
    ),
]
