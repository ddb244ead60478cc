"""What is written or set by hand and easily gets wrong: formulas, losses, axes, strengths, first weights, schedules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import koubai
from doctor.case import Data
from doctor.fault import fault, ready
from doctor.healthy_kinds import Transformer, cnn, digits, mlp, pieces_of_waves, rows_of_digits
from doctor.setup import Setup
from koubai import nn, optim
from koubai.nn import functional as F
from koubai.optim import lr_scheduler

__all__ = ["HANDWORK"]

Tensor = koubai.Tensor
images = partial(digits, channel=True)


def classifier(
    seed: int,
    *,
    data: Callable[[int], Data] = images,
    model: Callable[[], nn.Module] = cnn,
    optimizer: Callable[..., Any] = optim.Adam,
    lr: float = 2e-3,
    loss: Any = None,
    first_class: int = 0,
    schedule: Callable[[Any], Any] | None = None,
    **settings: Any,
) -> Setup:
    """A classification: as it is here, it is healthy."""
    made, network = data(seed), model()
    made = Data(*((x, y + first_class) for x, y in (made.train, made.validation)))
    updates = optimizer(network.parameters(), lr)
    settings = {"epochs": 12, "metrics": ("accuracy",), **settings}
    if schedule is not None:
        settings["lr_scheduler"] = schedule(updates)
    return ready(network, loss or nn.CrossEntropyLoss(), updates, made, **settings)


# --- formulas ------------------------------------------------------------------------------------------------------


class Slip(koubai.autograd.Function):
    """SiLU, x σ(x), with a slip in its derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return x σ(x)."""
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        """Return what is not the gradient: its sign is wrong, and half of it is missing."""
        (x,) = ctx.saved_tensors
        return -g * x.sigmoid() ** 2


class Slipped(nn.Module):
    """The layer of it."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x σ(x)."""
        return Slip.apply(x)


class Shares(nn.Module):
    """A net with its softmax written out; with scores in the hundreds it is safe only if the largest is subtracted."""

    def __init__(self, safe: bool) -> None:
        super().__init__()
        self.net, self.safe = mlp(64, (64,), 10), safe
        if not safe:
            with koubai.no_grad():
                self.net[2].weight.mul_(300.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return probabilities."""
        scores = self.net(x)
        e = (scores - scores.amax(1, keepdim=True) if self.safe else scores).exp()
        return e / e.sum(1, keepdim=True)


def negative_log(output: Tensor, target: Tensor) -> Tensor:
    """Return the negative log-likelihood of probabilities."""
    return F.nll_loss((output + 1e-7).log(), target)


def upper_digits(seed: int) -> Data:
    """Return images and whether the digit is above 4, `(N, 1)`."""
    data = images(seed)
    return Data(*((x, (y[:, None] > 4).astype(np.float32)) for x, y in (data.train, data.validation)))


def yes_or_no(twice: bool = False) -> nn.Module:
    """Return convolutions for a yes or no; with a sigmoid of its own, the loss's is the second."""
    return nn.Sequential(cnn(), nn.ReLU(), nn.Linear(10, 1), *([nn.Sigmoid()] if twice else []))


class Rows(nn.Module):
    """An LSTM over the rows of images; without `batch_first` it goes over the samples."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTM(8, 24, batch_first=batch_first), nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        return self.head(self.cell(x)[0][:, -1])


FORMULAS = [
    fault(
        "by hand: wrong derivative",
        ("wrong_gradient",),
        classifier,
        {"model": partial(cnn, act=Slipped)},
        {"model": partial(cnn, act=nn.SiLU)},
    ),
    fault(
        "by hand: softmax that overflows",
        ("unsafe_math", "init"),
        partial(classifier, data=digits, loss=negative_log),
        {"model": partial(Shares, False)},
        {"model": partial(Shares, True)},
    ),
    fault("by hand: NLL of plain scores", ("output_activation",), classifier, {"loss": nn.NLLLoss()}),
    fault(
        "by hand: two sigmoids",
        ("output_activation", "double_softmax"),
        partial(
            classifier, data=upper_digits, loss=nn.BCEWithLogitsLoss(), metric="accuracy of logits (held out)"
        ),
        {"model": partial(yes_or_no, True)},
        {"model": yes_or_no},
    ),
    fault("by hand: digits numbered from 1", ("label_encoding",), classifier, {"first_class": 1}),
    fault(
        "by hand: loss summed, not averaged",
        ("lr_too_high", "dying_relu"),
        partial(classifier, optimizer=optim.SGD, lr=0.1),
        {"loss": nn.CrossEntropyLoss(reduction="sum")},
    ),
    fault(
        "by hand: LSTM over the samples",
        ("sample_leakage",),
        partial(classifier, data=rows_of_digits, lr=5e-3, epochs=15, judged_by=1),
        {"model": partial(Rows, False)},
        {"model": Rows},
    ),
]

# --- strengths and sizes -------------------------------------------------------------------------------------------


def dropping(share: float) -> nn.Module:
    """Return an MLP with dropout behind its hidden layers."""
    return mlp(64, (64, 64), 10, dropout=share)


def scaled(make: Callable[[], nn.Module], factor: float) -> nn.Module:
    """Return a net whose first weights are all too large, or too small."""
    model = make()
    with koubai.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(factor)
    return model


def l1(parameters: Any, lr: float) -> Any:
    """Return Adam with an L1 penalty that leaves nothing."""
    return optim.Adam(parameters, lr, l1=0.3)


def died(optimizer: Any) -> Any:
    """Return a schedule that divides the learning rate by the number of steps, five times as fast."""
    return lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + 5 * step))


deep = partial(mlp, 64, (32,) * 8, 10, nn.Tanh)
STRENGTHS = [
    fault(
        "strength: dropout of 0.97",
        ("over_regularised", "dying_relu"),  # under such noise all units die
        partial(classifier, data=digits, epochs=20),
        {"model": partial(dropping, 0.97)},
        {"model": partial(dropping, 0.1)},
    ),
    fault(
        "strength: weights a hundredth",
        ("init", "vanishing_gradient"),
        partial(classifier, data=digits, epochs=15),
        {"model": partial(scaled, deep, 0.01), "optimizer": optim.SGD, "lr": 0.1},
        {"model": deep},
    ),
    fault(
        "strength: L1 of 0.3",
        ("over_regularised",),
        partial(classifier, data=digits, model=partial(mlp, 64, (64,), 10)),
        {"optimizer": l1},
    ),
    fault(
        "strength: gradients clipped at 1e-4",
        ("lr_too_low", "undertrained"),
        partial(classifier, optimizer=optim.SGD, lr=0.1),
        {"clip_norm": 1e-4},
    ),
    fault(
        "strength: schedule that has died",
        ("optimizer", "lr_too_low", "undertrained"),
        partial(classifier, optimizer=optim.SGD, lr=0.1),
        {"schedule": died},
    ),
    fault(
        "strength: Transformer too fast",
        ("lr_too_high",),
        partial(classifier, data=pieces_of_waves, model=partial(Transformer, 5, 4, 3), epochs=15),
        {"lr": 0.1},
    ),
]
HANDWORK = [*FORMULAS, *STRENGTHS]
