"""Loss and metrics over many batches, exact: each sample weighs the same, in whatever batch it came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from koubai.train.metrics import Metric, MetricValue

__all__ = ["Meter"]


class Meter:
    """Adds up the loss and the metrics of batches.

    Args:
        metrics: What to measure beside the loss; the meter uses fresh twins of them.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self.metrics = [metric.fresh() for metric in metrics]
        self.loss = 0.0
        self.samples = 0

    def update(self, loss: float, samples: int, output: Any, target: Any) -> None:
        """Add one batch: the sum of its samples' losses, their number, and what the metrics compare."""
        self.loss += loss
        self.samples += samples
        for metric in self.metrics:
            metric.update(output, target)

    @property
    def mean_loss(self) -> float:
        """The mean loss of all samples so far."""
        return self.loss / self.samples if self.samples else float("nan")

    def compute(self) -> dict[str, MetricValue]:
        """Return the mean loss and the metrics, by name."""
        return {"loss": self.mean_loss, **{metric.name: metric.compute() for metric in self.metrics}}

    def reset(self) -> None:
        """Forget all batches."""
        self.loss, self.samples = 0.0, 0
        for metric in self.metrics:
            metric.reset()

    def state_dict(self) -> dict[str, Any]:
        """Return the sums and all metrics' accumulators."""
        metrics = {metric.name: metric.state_dict() for metric in self.metrics}
        return {"loss": self.loss, "samples": self.samples, "metrics": metrics}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from sums that `state_dict` returned."""
        self.loss, self.samples = state["loss"], state["samples"]
        for metric in self.metrics:
            metric.load_state_dict(state["metrics"][metric.name])
