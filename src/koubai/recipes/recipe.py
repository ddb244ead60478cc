"""What a recipe is: data, a model for them, and settings; all else of a training is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from pydantic import create_model

from koubai.data import LabelledData, Scaler, Standardize
from koubai.engine.tensor import Tensor
from koubai.nn import Module
from koubai.recipes.settings import Settings

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Recipe:
    """A complete training that a user can start by its name.

    Attributes:
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

    name: str
    summary: str
    data: Callable[[Any], LabelledData]
    model: Callable[[Any, Shape, int], Module]
    base: type[Settings] = Settings
    defaults: Mapping[str, Any] = field(default_factory=dict)
    loss: Callable[..., Tensor] | None = None
    scaler: Callable[[], Scaler] | None = Standardize
    augment: Callable[[Any, LabelledData], Any] | None = None

    @property
    def settings(self) -> type[Settings]:
        """The settings with this recipe's own defaults."""
        fields: dict[str, Any] = {}
        for name, value in self.defaults.items():
            own = copy(self.base.model_fields[name])
            own.default = value
            fields[name] = (own.annotation, own)
        return create_model(self.base.__name__, __base__=self.base, **fields)
