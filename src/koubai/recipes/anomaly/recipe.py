"""`koubai train anomaly`: an autoencoder learns what is usual; what it reproduces badly is an anomaly."""

from __future__ import annotations

from collections.abc import Callable

from koubai import nn
from koubai.data import nab
from koubai.i18n import N_
from koubai.recipes.anomaly.detector import Case
from koubai.recipes.anomaly.logs import log_case
from koubai.recipes.anomaly.pictures import picture_case
from koubai.recipes.anomaly.predictor import AnomalyPredictor
from koubai.recipes.anomaly.rows import row_case
from koubai.recipes.anomaly.series_case import series_case
from koubai.recipes.anomaly.settings import AnomalySettings
from koubai.recipes.recipe import Recipe
from koubai.recipes.task import Task


def _nab_case(settings: AnomalySettings) -> Case:
    return series_case(settings, nab())


_CASES: dict[str, Callable[[AnomalySettings], Case]] = {
    "nab": _nab_case,
    "images": picture_case,
    "table": row_case,
    "logs": log_case,
}


def anomaly_task(settings: AnomalySettings) -> Task:
    """Usual data to learn from, and data with anomalies to be judged by."""
    case = _CASES[settings.data](settings)

    def calibrated(model: nn.Module) -> AnomalyPredictor:
        return AnomalyPredictor(detector=case.calibrated(model))

    return Task(
        train=case.train,
        validation=case.validation,
        test=case.test,
        loss=nn.MSELoss(),
        judge=case.judge,
        predictor=AnomalyPredictor(detector=case.detector),
        headline=case.headline,
        calibrated=calibrated,
    )


def anomaly_model(settings: AnomalySettings, predictor: AnomalyPredictor) -> nn.Module:
    """The network of the kind of data."""
    return predictor.detector.network()


ANOMALY = Recipe(
    "anomaly",
    N_("what is unusual in series (NAB), pictures, rows of a table or lines of a log"),
    anomaly_task,
    anomaly_model,
    AnomalyPredictor,
    AnomalySettings,
    {"epochs": 20, "lr": 0.002, "schedule": "cosine"},
)
