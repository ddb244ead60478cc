"""What a trained model did on data it never saw: numbers, every prediction, and the worst mistakes.

It is kept in the run's folder as JSON and safetensors, so that a report can be made again without the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from koubai.atomic import write_file

Task = Literal["classification", "regression"]
JSON_FILE, ARRAYS_FILE = "outcome.json", "outcome.safetensors"
_PLAIN = ("task", "headline", "metrics", "baseline", "target", "class_names", "feature_names")
_ARRAYS = ("truth", "predicted", "certainty", "worst", "worst_inputs")


@dataclass(frozen=True)
class Outcome:
    """A model's result on the test part.

    Attributes:
        task: what was predicted.
        headline: the metric the result is about, such as "accuracy"; larger is better for "accuracy" and
            "r2".
        metrics: value of each metric.
        baseline: the same metrics for the trivial answer (majority class, mean).
        truth: the true class indices or values (N,).
        predicted: the predicted ones (N,).
        certainty: the probability of the predicted class (N,), or empty for a regression.
        worst: indices of the most wrong samples, the worst first (K,).
        worst_inputs: their inputs as they were before normalisation (K, ...).
        class_names: a name for each class.
        feature_names: a name for each input column, where the inputs are columns.
        target: the value of the headline metric the user wants, or None.
    """

    task: Task
    headline: str
    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    truth: NDArray[Any]
    predicted: NDArray[Any]
    certainty: NDArray[np.float32]
    worst: NDArray[np.int64]
    worst_inputs: NDArray[Any]
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    target: float | None = None

    @property
    def result(self) -> float:
        """The headline metric's value."""
        return self.metrics[self.headline]

    @property
    def target_met(self) -> bool | None:
        """Whether the result reaches the target; None without a target."""
        return None if self.target is None else self.result >= self.target

    def confusion(self) -> NDArray[np.int64]:
        """How often each true class (row) was predicted as each class (column): (C, C)."""
        counts = np.zeros((len(self.class_names),) * 2, dtype=np.int64)
        np.add.at(counts, (self.truth, self.predicted), 1)
        return counts

    def save(self, folder: Path) -> None:
        """Write it into the run's folder."""
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        write_file(folder / ARRAYS_FILE, safetensors.numpy.save(arrays))
        plain = {name: getattr(self, name) for name in _PLAIN}
        write_file(folder / JSON_FILE, json.dumps(plain, ensure_ascii=False, indent=2).encode())

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether the run in this folder came so far as to be judged."""
        return (folder / JSON_FILE).is_file()

    @classmethod
    def load(cls, folder: Path) -> Outcome:
        """Read it back.

        Raises:
            FileNotFoundError: when the run was not evaluated, for instance because it was interrupted.
        """
        values: dict[str, Any] = json.loads((folder / JSON_FILE).read_text("utf-8"))
        for name in ("class_names", "feature_names"):
            values[name] = tuple(values[name])
        values |= safetensors.numpy.load((folder / ARRAYS_FILE).read_bytes())
        return cls(**values)
