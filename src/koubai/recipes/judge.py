"""Judges a trained model by the test part: metrics beside the trivial answer's, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data import LabelledData, Scaler
from koubai.nn import Module
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import Predictor, raw_inputs
from koubai.train.metrics import make_metric

HEADLINES = {"classification": "accuracy", "regression": "r2"}
"""The metric a result is about, by task."""

_METRICS = {"classification": ("accuracy", "precision", "recall", "f1"), "regression": ("r2", "mae", "rmse")}
_WORST = 12  # how many mistakes are shown


def judged(
    model: Module,
    predictor: Predictor,
    data: LabelledData,
    target_scaler: Scaler | None,
    target: float | None,
) -> Outcome:
    """What the model does on the test part.

    Args:
        model: the trained model.
        predictor: scales inputs and finishes outputs.
        data: the data it was trained on.
        target_scaler: what a regression's targets were scaled with, or None.
        target: the value of the headline metric the user wants, or None.
    """
    inputs = raw_inputs(data, data.test)
    outputs = predictor.outputs_of(model, inputs)
    truth, known = (_targets(part, target_scaler) for part in (data.test, data.train))
    worst = _worst(data.task, outputs, truth)
    classified = data.task == "classification"
    return Outcome(
        task=data.task,
        headline=HEADLINES[data.task],
        metrics=_measured(data.task, outputs, truth),
        baseline=_measured(data.task, _constant_answer(known, outputs), truth),
        truth=truth if classified else truth[:, 0],
        predicted=outputs.argmax(axis=1) if classified else outputs[:, 0],
        certainty=outputs.max(axis=1) if classified else np.zeros(0, np.float32),
        worst=worst,
        worst_inputs=inputs[worst],
        class_names=data.class_names,
        feature_names=data.feature_names,
        target=target,
    )


def _targets(part: Any, scaler: Scaler | None) -> NDArray[Any]:
    """Classes (N,) or values (N, outputs) in their own unit."""
    targets = np.asarray(part.tensors[1].numpy())
    return scaler.inverse_transform(targets) if scaler else targets


def _measured(task: str, outputs: NDArray[Any], truth: NDArray[Any]) -> Mapping[str, float]:
    values = {}
    for name in _METRICS[task]:
        metric = make_metric(name)
        metric.update(outputs, truth)
        values[name] = float(metric.compute())  # type: ignore[arg-type]  # none of these gives a list
    return values


def _constant_answer(known: NDArray[Any], outputs: NDArray[Any]) -> NDArray[Any]:
    """The best answer that is the same for every sample: the classes' frequencies, or the mean."""
    if known.dtype.kind == "i":
        row = np.bincount(known, minlength=outputs.shape[1]) / len(known)
    else:
        row = known.mean(axis=0)
    return np.broadcast_to(row, outputs.shape)


def _worst(task: str, outputs: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.int64]:
    """The wrong answers with the least belief in the truth, or the values missed by most; worst first."""
    if task == "classification":
        missed = 1 - outputs[np.arange(len(truth)), truth]
        candidates = np.flatnonzero(outputs.argmax(axis=1) != truth)
    else:
        missed = np.abs(outputs - truth).max(axis=1)
        candidates = np.arange(len(truth))
    return candidates[np.argsort(-missed[candidates], kind="stable")][:_WORST]
