"""Makes a recipe of labelled data and a model for them: split, scaled, with the loss that suits the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from koubai import nn
from koubai.data import LabelledData, Scaler, Standardize, TensorDataset
from koubai.engine.tensor import Tensor
from koubai.nn import Module
from koubai.recipes.labelled.judge import HEADLINES, judged
from koubai.recipes.labelled.predictor import LabelledPredictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task

Shape = tuple[int, ...]

_VALIDATION = 0.1  # the share of the training samples that is held out to watch the training
_LOSSES: dict[str, Callable[..., Tensor]] = {
    "classification": nn.CrossEntropyLoss(),
    "regression": nn.MSELoss(),
}


def labelled_recipe(
    name: str,
    summary: str,
    data: Callable[[Any], LabelledData],
    model: Callable[[Any, Shape, int], Module],
    base: type[Settings] = Settings,
    defaults: Mapping[str, Any] | None = None,
    loss: Callable[..., Tensor] | None = None,
    scaler: Callable[[], Scaler] | None = Standardize,
    augment: Callable[[Any, LabelledData], Any] | None = None,
) -> Recipe:
    """Make a recipe for labelled data.

    Args:
        name: what the user types.
        summary: one line for the list of recipes, marked for translation.
        data: gives the data for the settings.
        model: gives the model for the settings, the shape of one sample and the number of outputs.
        base: the settings it can be told.
        defaults: where its defaults differ from those of `base`.
        loss: `loss(output, target)`, or None for the task's own (cross-entropy, mean squared error).
        scaler: makes the scaler that is fitted on the training inputs (a regression's targets are then
            standardised too); None leaves them as they are.
        augment: gives the random changes to batches of these training data, or None.
    """

    def task(settings: Any) -> Task:
        prepared, target_scaler = _prepared(data(settings), scaler, settings.seed)
        predictor = LabelledPredictor.of(prepared, target_scaler)
        headline = HEADLINES[prepared.task]
        return Task(
            train=prepared.train,
            validation=prepared.validation,
            test=prepared.test,
            loss=loss or _LOSSES[prepared.task],
            judge=partial(judged, predictor, prepared, target_scaler),
            predictor=predictor,
            headline=headline,
            metrics=(headline,),
            augment=augment and augment(settings, prepared),
        )

    def network(settings: Any, predictor: LabelledPredictor) -> Module:
        return model(settings, predictor.shape, predictor.outputs)

    return Recipe(name, summary, task, network, LabelledPredictor, base, defaults or {})


def _prepared(
    data: LabelledData, scaler: Callable[[], Scaler] | None, seed: int
) -> tuple[LabelledData, Scaler | None]:
    """The data split and scaled, and the scaler of a regression's targets."""
    if data.validation is None:
        data = data.with_validation(_VALIDATION, seed)
    if scaler is None or data.scaler is not None:
        return data, None
    data = data.scaled(scaler())
    return _with_scaled_targets(data) if data.task == "regression" else (data, None)


def _with_scaled_targets(data: LabelledData) -> tuple[LabelledData, Scaler]:
    """Targets with mean 0 and standard deviation 1, so that the usual learning rates suit them."""
    scaler = Standardize().fit(data.train.tensors[1])
    scaled: dict[str, Any] = {
        name: TensorDataset(inputs, scaler.transform(targets))
        for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test))
        if part is not None
        for inputs, targets in [part.tensors]
    }
    return replace(data, **scaled), scaler
