"""Good trainings that look odd, where doctors are most easily deceived: `ODD`.

Short ones that prove nothing, outliers, few samples, rare classes, targets that are no classes and no numbers, a target
that cannot be told from the inputs, a narrow way through, layers that are frozen on purpose.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import koubai
from doctor import toys
from doctor.case import Data
from doctor.fault import ready
from doctor.healthy_kinds import MSE, R2, Healthy, adam, digits, good, mlp, sgd, using
from doctor.setup import Setup
from koubai import nn, optim

__all__ = ["ODD"]

Tensor = koubai.Tensor


def first_batches(seed: int, steps: int) -> Data:
    """Return as many digits as so many batches of 32 hold."""
    data = digits(seed)
    return Data((data.train[0][: 32 * steps], data.train[1][: 32 * steps]), data.validation)


def outliers(seed: int) -> Data:
    """Return a product and a sum under noise that now and then is huge (Student's t, 1.5 degrees of freedom)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((900, 6))
    return toys.parted(x, x[:, :1] - x[:, 1:2] * x[:, 2:3] + 0.5 * rng.standard_t(1.5, (900, 1)), seed)


def twenty_rows(seed: int) -> Data:
    """Return 20 rows of two classes, and 100 for validation."""
    return toys.parted(*_two_clouds(seed, 120), seed, 100 / 120)


def _two_clouds(seed: int, samples: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = np.arange(samples) % 2
    return rng.standard_normal((samples, 3)) + 1.5 * y[:, None], y


def rare(seed: int) -> Data:
    """Return two classes of which one has two percent of the samples."""
    rng = np.random.default_rng(seed)
    y = (rng.random(3000) < 0.02).astype(np.int64)
    return toys.parted(rng.standard_normal((3000, 5)) + 2.5 * y[:, None] * np.array([1, 1, 0, 0, 0]), y, seed)


def weighted(seed: int) -> Setup:
    """Weigh the rare class up and judge by F1."""
    model = mlp(5, (16,), 2)
    settings = {
        "epochs": 15,
        "batch_size": 64,
        "metric": "balanced accuracy (held out)",
        "metrics": ("f1_macro",),
    }
    loss = nn.CrossEntropyLoss(koubai.tensor([1.0, 49.0]))
    return ready(model, loss, optim.Adam(model.parameters(), 3e-3), rare(seed), **settings)


def spread(seed: int) -> Data:
    """Return numbers whose spread depends on a column."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (1200, 3))
    return toys.parted(x, 0.3 * x[:, :1] + np.exp(x[:, 1:2]) * rng.standard_normal((1200, 1)), seed)


def upper_quantile(output: Tensor, target: Tensor) -> Tensor:
    """Return the pinball loss of the quantile 0.95, which is far from the mean on purpose."""
    return koubai.maximum(0.95 * (target - output), -0.05 * (target - output)).mean()


def unpredictable(seed: int) -> Data:
    """Return numbers of which the inputs tell one percent, like tomorrow's return of a share."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1000, 8))
    return toys.parted(x, 0.1 * x[:, :1] + rng.standard_normal((1000, 1)), seed)


def shares(seed: int) -> Data:
    """Return digits whose targets are shares of the classes, as another model or mixup gives them."""
    data = digits(seed)
    rng = np.random.default_rng(seed)

    def soft(y: Any) -> Any:
        mixed = 0.8 * np.eye(10)[y] + 0.2 * rng.dirichlet(np.ones(10), len(y))
        return mixed.astype(np.float32)

    return Data(*((x, soft(y)) for x, y in (data.train, data.validation)))


def divergence(output: Tensor, target: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence from the target's shares."""
    return nn.functional.kl_div(nn.functional.log_softmax(output, 1), target, reduction="batchmean")


def copied(seed: int) -> Data:
    """Return digits that are their own target."""
    data = digits(seed)
    return Data(*((x, x) for x, _ in (data.train, data.validation)))


def bottleneck() -> nn.Module:
    """Return an autoencoder with six numbers in the middle, which no linear model in full has to pass."""
    return nn.Sequential(mlp(64, (32,), 6), mlp(6, (32,), 64))


def frozen(seed: int) -> Setup:
    """A head on features that are not to learn."""
    model = mlp(64, (256,), 10)
    for parameter in list(model.parameters())[:2]:
        parameter.requires_grad = False
    optimizer = optim.Adam(list(model.parameters())[2:], 3e-3)
    return ready(model, nn.CrossEntropyLoss(), optimizer, digits(seed), metrics=("accuracy",))


SHORT = [
    Healthy(
        f"digits, {steps} steps",
        0.0,
        partial(
            good,
            data=partial(first_batches, steps=steps),
            model=partial(mlp, 64, (64,), 10),
            optimizer=adam(1e-2),
            epochs=1,
        ),
    )
    for steps in (3, 4, 5, 6)
]
ODD = [
    *SHORT,
    Healthy(
        "outliers, Huber",
        -99.0,
        partial(
            good,
            data=outliers,
            model=partial(mlp, 6, (32,), 1),
            optimizer=adam(3e-3),
            loss=nn.HuberLoss(),
            **R2,
        ),
    ),
    Healthy(
        "twenty rows, AdamW",
        0.7,
        partial(
            good,
            data=twenty_rows,
            model=partial(mlp, 3, (4,), 2),
            optimizer=using(optim.AdamW, 1e-2, weight_decay=0.1),
            epochs=40,
            batch_size=8,
        ),
    ),
    Healthy("two percent, weighted, F1", 0.8, weighted),
    Healthy(
        "the quantile 0.95",
        -99.0,
        partial(
            good,
            data=spread,
            model=partial(mlp, 3, (32,), 1),
            optimizer=adam(3e-3),
            loss=upper_quantile,
            **R2,
        ),
    ),
    Healthy(
        "nearly nothing to learn, linear",
        -0.1,
        partial(
            good, data=unpredictable, model=partial(nn.Linear, 8, 1), optimizer=adam(1e-2), epochs=30, **MSE
        ),
    ),
    Healthy(
        "shares of classes, KL",
        0.9,
        partial(
            good,
            data=shares,
            model=partial(mlp, 64, (32,), 10),
            optimizer=adam(3e-3),
            loss=divergence,
            metric="accuracy (held out)",
        ),
    ),
    Healthy(
        "autoencoder, narrow",
        0.4,
        partial(
            good,
            data=copied,
            model=bottleneck,
            optimizer=adam(3e-3),
            epochs=40,
            loss=nn.MSELoss(),
            metric="R2 of all (held out)",
        ),
    ),
    Healthy("frozen features", 0.85, frozen),
    Healthy(
        "linear regression at the edge of stability, SGD",
        0.3,
        partial(
            good,
            data=toys.diabetes,
            model=partial(nn.Linear, 10, 1),
            optimizer=sgd(0.2),
            batch_size=332,
            epochs=60,
            **MSE,
        ),
    ),
]
