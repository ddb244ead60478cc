"""Judges a trained model by the test part: metrics beside the trivial answer's, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data import LabelledData, Scaler, TensorDataset
from koubai.i18n import N_
from koubai.nn import Module
from koubai.recipes.answers import constant_answer, worst_answers
from koubai.recipes.classes import confusion
from koubai.recipes.exhibit import Agreement, Caption, Exhibit, Pictures, Table
from koubai.recipes.labelled.predictor import LabelledPredictor, is_picture, raw_inputs
from koubai.recipes.measuring import measured
from koubai.recipes.outcome import Outcome

HEADLINES = {"classification": "accuracy", "regression": "r2"}
"""The metric a result is about, by task."""

METRICS = {"classification": ("accuracy", "precision", "recall", "f1"), "regression": ("r2", "mae", "rmse")}
BASELINES = {
    "classification": N_("always answering the most frequent class"),
    "regression": N_("always answering the mean"),
}
WORST_TITLE = N_("Samples it got most wrong")


def judged(
    predictor: LabelledPredictor,
    data: LabelledData,
    target_scaler: Scaler | None,
    model: Module,
    test: TensorDataset,
) -> Outcome:
    """What the model does on the test part.

    Args:
        predictor: scales inputs and finishes outputs.
        data: the data it was trained on.
        target_scaler: what a regression's targets were scaled with, or None.
        model: the trained model.
        test: what it is judged by.
    """
    inputs = raw_inputs(data, test)
    outputs = predictor.outputs_of(model, inputs)
    truth, known = (_targets(part, target_scaler) for part in (test, data.train))
    answers = answers_of(data.task, outputs, truth)
    return Outcome(
        headline=HEADLINES[data.task],
        metrics=measured(METRICS[data.task], outputs, truth),
        baseline=measured(METRICS[data.task], constant_answer(known, outputs), truth),
        baseline_name=BASELINES[data.task],
        samples=len(test),
        exhibits=_exhibits(data, inputs, answers),
        answers=answers,
    )


def _targets(part: TensorDataset, scaler: Scaler | None) -> NDArray[Any]:
    """Classes (N,) or values (N, outputs) in their own unit."""
    targets = np.asarray(part.tensors[1].numpy())
    return scaler.inverse_transform(targets) if scaler else targets


def answers_of(task: str, outputs: NDArray[Any], truth: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The truth (N,), what was predicted (N,), how surely (N,), and the most wrong samples, worst first (K,)."""
    worst = worst_answers(outputs, truth)
    if task == "regression":
        return {"truth": truth[:, 0], "predicted": outputs[:, 0], "worst": worst}
    return {
        "truth": truth,
        "predicted": outputs.argmax(axis=1),
        "certainty": outputs.max(axis=1),
        "worst": worst,
    }


def _exhibits(
    data: LabelledData, inputs: NDArray[Any], answers: Mapping[str, NDArray[Any]]
) -> tuple[Exhibit, ...]:
    """What was answered for what, then the worst samples."""
    truth, predicted = answers["truth"], answers["predicted"]
    if data.task == "regression":
        first: Exhibit = Agreement(title=N_("Predicted and true values"), truth=truth, predicted=predicted)
    else:
        first = confusion(data.class_names, truth, predicted)
    worst = answers["worst"]
    return (first, _worst_samples(data, inputs[worst], answers)) if len(worst) else (first,)


def _worst_samples(
    data: LabelledData, inputs: NDArray[Any], answers: Mapping[str, NDArray[Any]]
) -> Pictures | Table:
    """The most wrong samples: as pictures where the inputs are pictures, else as rows."""
    captions = [told(data.task, data.class_names, answers, int(k)) for k in answers["worst"]]
    if is_picture(data.input_shape):
        return Pictures(title=WORST_TITLE, images=inputs, captions=tuple(captions))
    names = data.feature_names
    rows: Iterable[tuple[str | int, ...]] = (
        (int(k) + 1, *(value for _, value in caption), *(f"{x:.4g}" for x in row.ravel()[: len(names)]))
        for k, caption, row in zip(answers["worst"], captions, inputs)
    )
    header = (N_("sample"), *(name for name, _ in captions[0]), *names)
    return Table(title=WORST_TITLE, header=header, rows=tuple(rows))


def told(task: str, names: tuple[str, ...], answers: Mapping[str, NDArray[Any]], k: int) -> Caption:
    """The true and the predicted answer of a sample, and how sure the model was of a class."""
    true, predicted = answers["truth"][k], answers["predicted"][k]
    if task == "regression":
        return ((N_("true"), f"{true:.4g}"), (N_("predicted"), f"{predicted:.4g}"))
    return (
        (N_("true"), names[true]),
        (N_("predicted"), names[predicted]),
        (N_("certainty"), f"{100 * answers['certainty'][k]:.1f} %"),
    )
