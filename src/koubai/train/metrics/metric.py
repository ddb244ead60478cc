"""What every metric is: accumulators that batches add to, and one number made of them at the end.

A metric keeps sufficient statistics (or all scores where there are none), so that its value over an epoch
does not depend on how the epoch was cut into batches.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Metric", "MetricValue", "as_array"]

Array = npt.NDArray[Any]
MetricValue = float | list[Any]


def as_array(values: Any) -> Array:
    """Return `values` (a Tensor, an array or nested lists) as a NumPy array, without its gradient."""
    return np.asarray(values.numpy(force=True) if hasattr(values, "detach") else values)


class Metric:
    """The base of all metrics: `update` with each batch, `compute` at the end, `reset` before the next.

    A subclass names its accumulators in `accumulators`, creates them in `reset` and replaces (never
    changes in place) their values in `update`; that is all a checkpoint needs to keep a half-done epoch.

    Attributes:
        name: The name in logs and histories.
        mode: `"max"` if more is better, `"min"` if less is.
        accumulators: The attributes that make up the metric's state.
    """

    name: str = "metric"
    mode: Literal["max", "min"] = "max"
    accumulators: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.reset()

    def update(self, output: Any, target: Any) -> None:
        """Add one batch: the model's `output` and the `target` it was meant to give."""
        raise NotImplementedError

    def compute(self) -> MetricValue:
        """Return the metric over all batches since the last reset."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError

    def fresh(self) -> Metric:
        """Return a metric with the same settings that has seen nothing."""
        twin = copy.copy(self)
        twin.reset()
        return twin

    def state_dict(self) -> dict[str, Any]:
        """Return the accumulators."""
        return {name: copy.copy(getattr(self, name)) for name in self.accumulators}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from accumulators that `state_dict` returned."""
        for name in self.accumulators:
            setattr(self, name, copy.copy(state[name]))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"
