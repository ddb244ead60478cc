"""What a run keeps to find anomalies in a user's own data: the detector of its kind of data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from koubai.nn import Module
from koubai.recipes.anomaly.detector import AnomalyOptions
from koubai.recipes.anomaly.logs import LogDetector
from koubai.recipes.anomaly.pictures import PictureDetector
from koubai.recipes.anomaly.rows import RowDetector
from koubai.recipes.anomaly.series import SeriesDetector
from koubai.recipes.exhibit import Exhibit
from koubai.recipes.predictor import AnswerOptions, Predictor

AnyDetector = Annotated[
    SeriesDetector | PictureDetector | RowDetector | LogDetector, Field(discriminator="data")
]


class AnomalyPredictor(Predictor):
    """Finds anomalies.

    Attributes:
        detector: of the run's kind of data.
    """

    options: ClassVar[type[AnswerOptions]] = AnomalyOptions

    detector: AnyDetector

    def answer(self, model: Module, source: str, options: AnomalyOptions) -> Sequence[Exhibit]:
        """What is anomalous in it."""
        return self.detector.answer(model, source, options)
