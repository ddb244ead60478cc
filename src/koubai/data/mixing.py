"""Mixup: trains on weighted means of two samples and of their targets."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from koubai.data.draw import beta, permutation
from koubai.data.values import Kind, same_kind, to_array
from koubai.engine.random import Generator


def mixup(
    inputs: Kind,
    targets: Kind,
    alpha: float = 0.2,
    num_classes: int | None = None,
    generator: Generator | None = None,
) -> tuple[Kind, Kind]:
    """Mix each sample of a batch with another one: x' = λx + (1 - λ)x₂ and y' = λy + (1 - λ)y₂.

    Zhang et al., 2018, "mixup: Beyond Empirical Risk Minimization", equation 2: λ comes from
    Beta(α, α), one for the batch, as in the paper's own code.

    Args:
        inputs: tensor or array (N, ...) of real numbers.
        targets: class indices (N,), or real numbers (N, ...) such as one-hot vectors or regression targets.
        alpha: α > 0; small values mix little (the paper: 0.1 to 0.4 for images).
        num_classes: how many classes there are; needed for class indices.
        generator: where λ and the partners are drawn from; the default generator if None.

    Returns:
        Mixed inputs and mixed targets; class indices have become probabilities (N, num_classes), which
        `CrossEntropyLoss` takes.

    Raises:
        ValueError: when alpha is not positive, lengths differ, or num_classes is missing or too small.
    """
    if alpha <= 0:
        raise ValueError(f"mixup: alpha has to be above 0, but it is {alpha}")
    x, y = to_array(inputs), to_array(targets)
    if len(x) != len(y):
        raise ValueError(f"mixup: {len(x)} inputs but {len(y)} targets")
    x = x if x.dtype.kind == "f" else x.astype(np.float32)
    y = y if y.dtype.kind == "f" else _one_hot(y, num_classes, x.dtype)
    share, partner = beta(alpha, alpha, generator), permutation(len(x), generator)
    return same_kind(_mixed(x, partner, share), inputs), same_kind(_mixed(y, partner, share), targets)


class Mixup:
    """`mixup` for the `augment` of a `DataLoader`: changes batches of inputs and targets.

    Args:
        alpha: as for `mixup`.
        num_classes: as for `mixup`.
    """

    def __init__(self, alpha: float = 0.2, num_classes: int | None = None) -> None:
        self.alpha = alpha
        self.num_classes = num_classes

    def __call__(self, batch: Any, generator: Generator | None = None) -> list[Any]:
        """Mix a batch (inputs, targets)."""
        inputs, targets = batch
        return list(mixup(inputs, targets, self.alpha, self.num_classes, generator))

    def __repr__(self) -> str:
        return f"Mixup(alpha={self.alpha}, num_classes={self.num_classes})"


def _mixed(values: NDArray[Any], partner: NDArray[Any], share: float) -> NDArray[Any]:
    return cast(NDArray[Any], (share * values + (1 - share) * values[partner]).astype(values.dtype))


def _one_hot(classes: NDArray[Any], num_classes: int | None, dtype: Any) -> NDArray[Any]:
    if num_classes is None or classes.ndim != 1:
        raise ValueError(
            f"mixup: class indices of shape {list(classes.shape)} need shape (N,) and num_classes"
        )
    if classes.min() < 0 or classes.max() >= num_classes:
        raise ValueError(
            f"mixup: labels from {classes.min()} to {classes.max()} do not fit {num_classes} classes"
        )
    return cast(NDArray[Any], np.eye(num_classes, dtype=dtype)[classes])
