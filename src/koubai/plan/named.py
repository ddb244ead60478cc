"""What a user's name means: layers by their sizes, a model of `koubai.models`, a recipe, a script or a CSV file."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from koubai import models, nn
from koubai.i18n import _
from koubai.nn.module import Module
from koubai.plan.planner import workload_of
from koubai.plan.workload import Examples, Workload
from koubai.recipes import RECIPES, Recipe, Settings, Training, load_script
from koubai.recipes.choices import make_optimizer, resolved

__all__ = ["MODELS", "model_named", "recipe_named", "workload_of_shape", "workload_of_training"]

_SIZES = re.compile(r"[1-9]\d*(-[1-9]\d*)+")

MODELS = tuple(
    name
    for name, made in sorted(vars(models).items())
    if inspect.isfunction(made) and "num_classes" in inspect.signature(made).parameters
)


def model_named(name: str, classes: int | None) -> Module | None:
    """Return a model by the sizes of its layers, such as 784-128-10, or by its name in `koubai.models`; else None."""
    if _SIZES.fullmatch(name):
        sizes = [int(size) for size in name.split("-")]
        layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *layers[:-1])
    if name in MODELS:
        made: Module = getattr(models, name)(*[] if classes is None else [classes])
        return made
    return None


def recipe_named(name: str, seed: int = 0) -> tuple[Recipe, dict[str, Any]] | None:
    """Return a recipe by its name, a script, or a CSV file, with the settings that the name says; else None."""
    if name.endswith(".py"):
        return load_script(Path(name), seed), {}
    if name.endswith((".csv", ".tsv")):
        return RECIPES["csv"], {"file": name}
    return (RECIPES[name], {}) if name in RECIPES and name != "csv" else None


def workload_of_shape(
    name: str,
    model: Module,
    shape: Sequence[int],
    classes: int | None,
    settings: Settings,
    validation: int | float,
) -> Workload:
    """Return the training of a model on data that there are only the shape of.

    Args:
        name: of the model.
        model: to be trained.
        shape: of the data, samples first.
        classes: how many; None for numbers.
        settings: epochs, batch size and optimizer.
        validation: as for `plan`.
    """
    chosen = resolved(settings)
    return workload_of(
        model,
        tuple(shape),
        name=name,
        classes=classes,
        optimizer=lambda of: make_optimizer(chosen, of),
        batch_size=chosen.batch_size,
        epochs=chosen.epochs,
        validation=validation,
        metrics=["accuracy"] if classes else [],
    )


def workload_of_training(training: Training) -> Workload:
    """Return a recipe's training, on its own data.

    Raises:
        ValueError: its model takes more than one input.
    """
    chosen, data = training.settings, training.task
    if len(data.train.tensors) != 2:
        problem = _("a plan needs a model of one input, and the recipe {name} gives its model {count}")
        raise ValueError(problem.format(name=training.recipe.name, count=len(data.train.tensors) - 1))
    inputs, targets = (tensor.numpy() for tensor in data.train.tensors)
    return Workload(
        training.recipe.name,
        training.model,
        training.trainer.loss,
        lambda of: make_optimizer(chosen, of),
        Examples(inputs, targets),
        len(data.train),
        len(data.validation or ()),
        min(chosen.batch_size, len(data.train)),
        chosen.epochs,
        max(chosen.batch_size, 256),
        {"metrics": list(data.metrics), "clip_norm": chosen.clip_norm, "restore_best": True},
        training.loader.augment,
    )
