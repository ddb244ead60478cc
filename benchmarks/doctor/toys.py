"""Small data for trainings of one's own: bundled with scikit-learn, or made here from a seed.

Each function returns training and validation part, inputs float32 and targets as the usual loss wants them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import datasets

from doctor.case import Data, Pair

__all__ = [
    "adding",
    "circles",
    "diabetes",
    "digits",
    "first_sign",
    "friedman",
    "moons",
    "multilabel",
    "overlapping",
    "rates",
    "sine",
    "standardised",
    "tabular",
    "waves",
]

Array = np.ndarray[Any, Any]


def parted(x: Array, y: Array, seed: int, share: float = 0.25) -> Data:
    """Return shuffled samples, the last `share` of them for validation."""
    order = np.random.default_rng(seed).permutation(len(x))
    cut = len(x) - round(share * len(x))
    x, y = x.astype(np.float32)[order], y[order]
    y = y.astype(np.int64 if y.dtype.kind in "iu" else np.float32)
    return Data((x[:cut], y[:cut]), (x[cut:], y[cut:]))


def standardised(data: Data, targets: bool = False) -> Data:
    """Return inputs, and targets if wanted, with mean 0 and deviation 1 in the training part."""
    (x, y), (x_validation, y_validation) = data.train, data.validation
    x, x_validation = _scaled(x, x_validation)
    if targets:
        y, y_validation = _scaled(y, y_validation)
    return Data((x, y), (x_validation, y_validation))


def _scaled(train: Array, validation: Array) -> Pair:
    shift, width = train.mean(0), train.std(0) + 1e-6
    return (train - shift) / width, (validation - shift) / width


def digits(seed: int, samples: int = 1797, channel: bool = True) -> Data:
    """Return images of 8 x 8 with pixels from 0 to 16, `(N, 1, 8, 8)` or `(N, 64)`, and 10 classes."""
    x, y = datasets.load_digits(return_X_y=True)
    data = parted(x.reshape(-1, 1, 8, 8) if channel else x, y, seed)
    return Data((data.train[0][:samples], data.train[1][:samples]), data.validation)


def tabular(name: str, seed: int) -> Data:
    """Return iris, wine or breast_cancer, standardised, with numbers of classes."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return standardised(parted(x, y, seed))


def diabetes(seed: int) -> Data:
    """Return how far a disease went on, `(N, 1)`, from 10 measurements; all standardised."""
    x, y = datasets.load_diabetes(return_X_y=True)
    return standardised(parted(x, y[:, None], seed), targets=True)


def friedman(seed: int, samples: int = 800, noise: float = 1.0, features: int = 10) -> Data:
    """Return Friedman's first function of 10 numbers; all standardised."""
    x, y = datasets.make_friedman1(samples + 400, features, noise=noise, random_state=seed)
    return standardised(parted(x, y[:, None], seed, 400 / (samples + 400)), targets=True)


def moons(seed: int, samples: int = 600, noise: float = 0.2) -> Data:
    """Return two interleaving half circles."""
    return parted(*datasets.make_moons(samples, noise=noise, random_state=seed), seed)


def circles(seed: int, samples: int = 600, noise: float = 0.1) -> Data:
    """Return a circle in another."""
    return parted(*datasets.make_circles(samples, noise=noise, factor=0.5, random_state=seed), seed)


def overlapping(
    seed: int, sizes: Sequence[int] = (500, 500), distance: float = 2.0, features: int = 8
) -> Data:
    """Return clouds of the given sizes around corners of a cube, one for each class."""
    rng = np.random.default_rng(seed)
    centres = distance * np.linalg.qr(rng.standard_normal((features, len(sizes))))[0].T
    y = np.repeat(np.arange(len(sizes)), sizes)
    return parted(centres[y] + rng.standard_normal((len(y), features)), y, seed)


def multilabel(seed: int, samples: int = 1200) -> Data:
    """Return counts of 20 words, standardised, and which of 4 topics they are about, `(N, 4)`."""
    x, y = datasets.make_multilabel_classification(samples, 20, n_classes=4, random_state=seed)
    return standardised(parted(x, y.astype(float), seed))


def sine(seed: int, samples: int = 400, noise: float = 0.3) -> Data:
    """Return a noisy sine of one number; of the validation part the noise is as large."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, (samples + 400, 1))
    return parted(x, np.sin(2 * x) + noise * rng.standard_normal(x.shape), seed, 400 / (samples + 400))


def first_sign(seed: int, steps: int = 12, samples: int = 800) -> Data:
    """Return noise `(N, T, 1)` and whether its first value was positive, which has to be remembered."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, steps, 1))
    return parted(x, (x[:, 0, 0] > 0).astype(np.int64), seed)


def waves(seed: int, steps: int = 20, samples: int = 800) -> Data:
    """Return noisy waves `(N, T, 1)` of one of three frequencies."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, samples)
    phase, time = rng.uniform(0, 2 * np.pi, (samples, 1)), np.arange(steps)
    x = np.sin(phase + time * np.array([0.3, 0.6, 1.2])[y][:, None]) + 0.3 * rng.standard_normal(
        (samples, steps)
    )
    return parted(x[..., None], y, seed)


def adding(seed: int, steps: int = 10, samples: int = 1200) -> Data:
    """Return pairs of a number and a mark `(N, T, 2)`, and the sum of the two marked numbers, `(N, 1)`."""
    rng = np.random.default_rng(seed)
    numbers, marks = rng.uniform(-1, 1, (samples, steps)), np.zeros((samples, steps))
    for row in marks:
        row[rng.choice(steps, 2, replace=False)] = 1
    return parted(np.stack([numbers, marks], -1), (numbers * marks).sum(1, keepdims=True), seed)


def rates(seed: int, samples: int = 800) -> Data:
    """Return counts `(N, 1)` whose logarithmic rate is linear in 5 numbers."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, 5))
    return parted(x, rng.poisson(np.exp(1 + x @ np.linspace(-0.6, 0.6, 5)))[:, None].astype(float), seed)
