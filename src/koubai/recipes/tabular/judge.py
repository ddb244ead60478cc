"""Judges a model of rows: metrics beside the trivial answer and trees, what it relies on, how far to trust it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai import nn
from koubai.data import TensorDataset
from koubai.data.draw import derived_generator
from koubai.i18n import N_
from koubai.recipes.answers import constant_answer, worst_answers
from koubai.recipes.chances import calibration, thresholds
from koubai.recipes.classes import confusion
from koubai.recipes.exhibit import Agreement, Exhibit, Table
from koubai.recipes.importance import permutation_importance
from koubai.recipes.measuring import measured
from koubai.recipes.outcome import Outcome
from koubai.recipes.tabular.predictor import Inputs, TabularPredictor
from koubai.recipes.trees import boosted_trees

_ASKED = 4000  # rows by which the importance of columns is measured


def judged(
    predictor: TabularPredictor, train: TensorDataset, seed: int, model: nn.Module, test: TensorDataset
) -> Outcome:
    """What the model does on the test part, beside gradient-boosted trees where scikit-learn is installed.

    Args:
        predictor: finishes outputs.
        train: what the model and the trees learnt from.
        seed: of the trees, and of the order in which columns are shuffled.
        model: the trained model.
        test: what it is judged by.
    """
    known, inputs = _inputs(train), _inputs(test)
    learnt, truth = predictor.targets(train), predictor.targets(test)
    outputs = predictor.outputs(model, inputs)
    metrics = _measured(outputs, truth)
    trees = boosted_trees(_columns(predictor, known), learnt, _columns(predictor, inputs), seed)
    if trees is not None:
        headline = predictor.headline
        metrics[f"trees_{headline}"] = _measured(trees, truth)[headline]
    return Outcome(
        headline=predictor.headline,
        metrics=metrics,
        baseline=_measured(constant_answer(learnt, outputs), truth),
        baseline_name=N_("always answering the most frequent class")
        if predictor.class_names
        else N_("always answering the mean"),
        samples=len(truth),
        exhibits=_exhibits(predictor, model, inputs, outputs, truth, seed),
        answers={"truth": truth, "outputs": outputs},
    )


def _inputs(part: TensorDataset) -> Inputs:
    return tuple(np.asarray(tensor.numpy()) for tensor in part.tensors[:-1])


def _columns(predictor: TabularPredictor, inputs: Inputs) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    numbers, codes = inputs
    return predictor.columns.values(numbers), codes


def _measured(outputs: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    """The metrics; the area under the ROC curve only where every class occurs."""
    names = ["r2", "mae", "rmse"]
    if truth.ndim == 1:
        whole = len(np.unique(truth)) == outputs.shape[1]
        names = ["accuracy", "f1", *(["roc_auc"] if whole else [])]
    return measured(names, outputs, truth)


def _headline(predictor: TabularPredictor, outputs: NDArray[Any], truth: NDArray[Any]) -> float:
    return measured([predictor.headline], outputs, truth)[predictor.headline]


def _exhibits(
    predictor: TabularPredictor,
    model: nn.Module,
    inputs: Inputs,
    outputs: NDArray[Any],
    truth: NDArray[Any],
    seed: int,
) -> tuple[Exhibit, ...]:
    """What was answered for what, which columns it relies on, how far to trust it, and the worst rows."""
    first = (
        _classes(predictor.class_names, outputs, truth)
        if predictor.class_names
        else [Agreement(title=N_("Predicted and true values"), truth=truth[:, 0], predicted=outputs[:, 0])]
    )
    asked = tuple(array[:_ASKED] for array in inputs)
    importance = permutation_importance(
        lambda changed: _headline(predictor, predictor.outputs(model, changed), truth[:_ASKED]),
        asked,
        {name: predictor.columns.places(name) for name in predictor.order},
        derived_generator(seed, "importance"),
    )
    worst = _worst(predictor, inputs, outputs, truth)
    return (first[0], importance, *first[1:], *([worst] if worst.rows else []))


def _classes(names: tuple[str, ...], outputs: NDArray[Any], truth: NDArray[Any]) -> list[Exhibit]:
    shown: list[Exhibit] = [confusion(names, truth, outputs.argmax(axis=1)), calibration(outputs, truth)]
    return shown if len(names) > 2 else [*shown, thresholds(outputs[:, 1], truth == 1, names[1])]


def _worst(predictor: TabularPredictor, inputs: Inputs, outputs: NDArray[Any], truth: NDArray[Any]) -> Table:
    """The most wrong answers, with their cells."""
    names = predictor.class_names
    worst = worst_answers(outputs, truth)
    cells = predictor.columns.decode(*(array[worst] for array in inputs))
    told: list[tuple[str, ...]] = [
        (names[truth[k]], names[outputs[k].argmax()], f"{100 * outputs[k].max():.1f} %")
        if names
        else (f"{truth[k, 0]:.6g}", f"{outputs[k, 0]:.6g}")
        for k in worst
    ]
    header = (N_("true"), N_("predicted"), *([N_("certainty")] if names else []), *predictor.columns.names)
    return Table(
        title=N_("Samples it got most wrong"),
        header=header,
        rows=tuple((*answer, *row) for answer, row in zip(told, cells)),
    )
