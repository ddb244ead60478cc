"""What a recipe is: settings, the task they make, and the model for it; all else of a training is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from pydantic import create_model

from koubai.nn import Module
from koubai.recipes.predictor import Predictor
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task


@dataclass(frozen=True)
class Recipe:
    """A complete training that a user can start by its name.

    Attributes:
        name: what the user types.
        summary: one line for the list of recipes, marked for translation.
        task: `task(settings)` gives the data, the loss and the judge.
        model: `model(settings, predictor)` gives the untrained model. All that it depends on is in these two,
            so that a run's model can be built again without its data.
        predictor: the kind of the task's predictor.
        base: the settings it can be told.
        defaults: where its defaults differ from those of `base`.
    """

    name: str
    summary: str
    task: Callable[[Any], Task]
    model: Callable[[Any, Any], Module]
    predictor: type[Predictor]
    base: type[Settings] = Settings
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> type[Settings]:
        """The settings with this recipe's own defaults."""
        fields: dict[str, Any] = {}
        for name, value in self.defaults.items():
            own = copy(self.base.model_fields[name])
            own.default = value
            fields[name] = (own.annotation, own)
        return create_model(self.base.__name__, __base__=self.base, **fields)
