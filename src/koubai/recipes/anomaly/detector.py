"""What the detectors of all kinds of data have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from koubai.data import TensorDataset
from koubai.i18n import N_, _
from koubai.nn import Module
from koubai.recipes.exhibit import Exhibit
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import AnswerOptions


class AnomalyOptions(AnswerOptions):
    """What an answer about anomalies can be told."""

    threshold: float | None = Field(
        None,
        allow_inf_nan=False,
        description=N_("the score from which on something is an anomaly"),
        json_schema_extra={"unset": N_("the run's own")},
    )
    count: int = Field(10, ge=1, description=N_("how many of the most anomalous are shown"))


class Detector(BaseModel, ABC):
    """Everything between a user's data and an answer but the network.

    Attributes:
        data: the kind of data; subclasses give its name.
        threshold: the score from which on something is an anomaly; None until the trained network was judged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Any
    threshold: float | None = None

    @abstractmethod
    def network(self) -> Module:
        """The untrained network."""

    @abstractmethod
    def answer(self, model: Module, source: str, options: AnomalyOptions) -> Sequence[Exhibit]:
        """What is anomalous in a file of the user's, as `Predictor.answer`."""

    def line(self, options: AnomalyOptions) -> float:
        """The threshold that an answer goes by.

        Raises:
            ValueError: there is none, because the run was interrupted before it was judged.
        """
        threshold = self.threshold if options.threshold is None else options.threshold
        if threshold is None:
            raise ValueError(
                _(
                    "This run has no threshold, because it did not come to its end: go on with koubai train --resume, "
                    "or give one with --threshold."
                )
            )
        return threshold


class Case(NamedTuple):
    """A detector with its data, ready to be trained.

    Attributes:
        detector: without a threshold.
        train, validation, test: the data in parts.
        judge: `judge(model, test)`, how good the trained network is.
        calibrated: `calibrated(model)`, the detector with the threshold for the trained network.
        headline: the metric that the result is about.
    """

    detector: Any
    train: TensorDataset
    validation: TensorDataset | None
    test: TensorDataset
    judge: Callable[[Module, TensorDataset], Outcome]
    calibrated: Callable[[Module], Any]
    headline: str
