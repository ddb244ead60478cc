"""What a trained model did on data it never saw: numbers beside a baseline's, every answer, things to look at.

It is kept in the run's folder as JSON and safetensors, so that a report can be made again without the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from koubai.atomic import write_file
from koubai.recipes.exhibit import Exhibit, packed, unpacked

JSON_FILE, ARRAYS_FILE = "outcome.json", "outcome.safetensors"
_PLAIN = ("headline", "metrics", "baseline", "baseline_name", "samples", "target", "smaller_is_better")


@dataclass(frozen=True)
class Outcome:
    """A model's result on the test part.

    Attributes:
        headline: the metric the result is about, such as "accuracy".
        metrics: value of each metric.
        baseline: the same metrics, or some of them, for an answer that any model has to beat.
        baseline_name: what that answer is, marked for translation.
        samples: how many samples were judged.
        target: the value of the headline metric the user wants, or None.
        smaller_is_better: whether the headline metric is an error, such as a loss.
        exhibits: what a person wants to look at, the most important first.
        answers: arrays to keep beside the numbers, such as every prediction.
    """

    headline: str
    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    baseline_name: str
    samples: int
    target: float | None = None
    smaller_is_better: bool = False
    exhibits: tuple[Exhibit, ...] = ()
    answers: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def result(self) -> float:
        """The headline metric's value."""
        return self.metrics[self.headline]

    @property
    def target_met(self) -> bool | None:
        """Whether the result reaches the target; None without a target."""
        if self.target is None:
            return None
        return self.result <= self.target if self.smaller_is_better else self.result >= self.target

    def save(self, folder: Path) -> None:
        """Write it into the run's folder."""
        exhibits, arrays = packed(self.exhibits)
        answers = {f"answers.{name}": np.ascontiguousarray(array) for name, array in self.answers.items()}
        write_file(folder / ARRAYS_FILE, safetensors.numpy.save(arrays | answers))
        plain = {name: getattr(self, name) for name in _PLAIN} | {"exhibits": exhibits}
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
        arrays = safetensors.numpy.load((folder / ARRAYS_FILE).read_bytes())
        answers = {name[8:]: array for name, array in arrays.items() if name.startswith("answers.")}
        values["exhibits"] = unpacked(values["exhibits"], arrays)
        return cls(**values, answers=answers)
