"""All that a report shows, as plain data, so that the page can be made from a run or from anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from koubai.recipes.outcome import Outcome
from koubai.report.checkup import Checkup


@dataclass(frozen=True)
class Content:
    """One run, ready to be shown.

    Attributes:
        name: what was trained, such as "digits".
        run: the run's own name, such as "digits-20261121-101500".
        started: when, in words or ISO format.
        seconds: how long the training took.
        history: metric name to its value in each epoch; validation's carry the prefix "val_".
        outcome: the result on the test part, or None when the run did not get there.
        layers: header and rows of the model's summary table.
        configuration: settings by name.
        versions: version of each package and the code's revision.
        checkup: what the doctor knows of it, or None.
    """

    name: str
    run: str
    started: str
    seconds: float
    history: Mapping[str, Sequence[float]]
    outcome: Outcome | None = None
    layers: Sequence[Sequence[object]] = ()
    configuration: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, object] = field(default_factory=dict)
    checkup: Checkup | None = None

    def curve(self, metric: str) -> tuple[Sequence[float], Sequence[float]]:
        """A metric's values on the training and on the validation part; either may be empty."""
        return self.history.get(metric, ()), self.history.get(f"val_{metric}", ())
