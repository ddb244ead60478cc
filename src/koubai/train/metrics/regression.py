"""Metrics of numbers: mean squared and absolute error, their root, and the coefficient of determination."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from koubai.train.metrics.metric import Array, Metric, MetricValue, as_array

__all__ = ["R2", "MeanAbsoluteError", "MeanSquaredError", "RootMeanSquaredError"]


def _paired(name: str, output: Any, target: Any) -> tuple[Array, Array]:
    """Return both as float64, refusing shapes that differ: broadcasting would compare wrong pairs."""
    predicted, wanted = as_array(output), as_array(target)
    if predicted.shape != wanted.shape:
        raise ValueError(
            f"{name} needs outputs and targets of one shape, got {list(predicted.shape)} and {list(wanted.shape)}; "
            "reshape one of them, for example output.squeeze(1) or target.unsqueeze(1)"
        )
    return predicted.astype(np.float64), wanted.astype(np.float64)


class _MeanError(Metric):
    """The mean over all elements of a function of the error."""

    mode = "min"
    accumulators = ("total", "elements")

    def reset(self) -> None:
        """Forget all batches."""
        self.total, self.elements = 0.0, 0

    def _cost(self, error: Array) -> Array:
        raise NotImplementedError

    def update(self, output: Any, target: Any) -> None:
        """Add one batch of outputs and targets of the same shape."""
        predicted, wanted = _paired(self.name, output, target)
        self.total += float(self._cost(predicted - wanted).sum())
        self.elements += predicted.size

    def compute(self) -> MetricValue:
        """Return the mean over all elements."""
        if not self.elements:
            raise ValueError(f"{self.name} has seen no samples")
        return self.total / self.elements


class MeanSquaredError(_MeanError):
    """The mean of the squared errors (MSE)."""

    name = "mse"

    def _cost(self, error: Array) -> Array:
        return np.square(error)


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean squared error (RMSE), in the unit of the targets."""

    name = "rmse"

    def compute(self) -> MetricValue:
        """Return the root of the mean over all elements."""
        mean = super().compute()
        assert isinstance(mean, float)
        return math.sqrt(mean)


class MeanAbsoluteError(_MeanError):
    """The mean of the absolute errors (MAE), in the unit of the targets."""

    name = "mae"

    def _cost(self, error: Array) -> Array:
        return np.abs(error)


class R2(Metric):
    """The coefficient of determination: 1 - squared error / squared deviation of the targets from their mean.

    1 is perfect, 0 no better than the mean. With several outputs per sample it is the mean over them. A
    constant target gives 1 if it was hit exactly and 0 otherwise, as in scikit-learn. The deviation is merged
    batch by batch without cancellation: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
    for computing sample variances" (1979).
    """

    name = "r2"
    accumulators = ("samples", "mean", "deviation", "error")

    def reset(self) -> None:
        """Forget all batches."""
        self.samples = 0
        self.mean: Array = np.zeros(1)
        self.deviation: Array = np.zeros(1)
        self.error: Array = np.zeros(1)

    def update(self, output: Any, target: Any) -> None:
        """Add one batch of outputs and targets `(N,)` or `(N, ...)`."""
        predicted, wanted = (part.reshape(len(part), -1) for part in _paired(self.name, output, target))
        if not len(wanted):
            return
        total = self.samples + len(wanted)
        mean = wanted.mean(axis=0)
        shift = mean - self.mean
        self.deviation = self.deviation + np.square(wanted - mean).sum(axis=0)
        self.deviation = self.deviation + np.square(shift) * (self.samples * len(wanted) / total)
        self.mean = self.mean + shift * (len(wanted) / total)
        self.error = self.error + np.square(predicted - wanted).sum(axis=0)
        self.samples = total

    def compute(self) -> MetricValue:
        """Return the coefficient: at most 1, negative if worse than the mean."""
        if self.samples < 2:
            raise ValueError(f"r2 needs at least two samples, got {self.samples}")
        constant = self.deviation == 0
        unexplained = self.error / np.where(constant, 1.0, self.deviation)
        return float(np.mean(np.where(constant, self.error == 0, 1.0 - unexplained)))
