"""Recipes for pictures: digits and clothes, by a multilayer perceptron or a small convolutional network."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from koubai.data import LabelledData, RandomShift, Standardize, digits, fashion_mnist, mnist
from koubai.i18n import N_
from koubai.nn import Module
from koubai.recipes.labelled import Shape, labelled_recipe
from koubai.recipes.models import cnn, mlp
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings


class ImageSettings(Settings):
    """Settings of a network for pictures."""

    model: Literal["mlp", "cnn"] = Field(
        "mlp", description=N_("a multilayer perceptron or a convolutional network")
    )
    hidden: int = Field(128, ge=1, description=N_("neurons of the hidden layer"))
    dropout: float = Field(
        0.0, ge=0, lt=1, description=N_("share of hidden neurons left out at random while training")
    )
    shift: int = Field(0, ge=0, description=N_("move training pictures at random by up to this many pixels"))


def picture_model(settings: ImageSettings, shape: Shape, outputs: int) -> Module:
    """The network that the settings ask for."""
    if settings.model == "mlp":
        return mlp(shape, outputs, (settings.hidden,), settings.dropout)
    return cnn(shape, outputs, settings.hidden, settings.dropout)


def shifted(settings: ImageSettings, labelled: LabelledData) -> RandomShift | None:
    """Random shifts of the training pictures, with background (the smallest value) coming in."""
    if not settings.shift:
        return None
    return RandomShift(settings.shift, fill=float(labelled.train.tensors[0].numpy().min()))


def one_scale() -> Standardize:
    """One mean and standard deviation for all pixels."""
    return Standardize(axis=None)


def _recipe(name: str, summary: str, load: Any, **defaults: Any) -> Recipe:
    return labelled_recipe(
        name,
        summary,
        lambda _: load(),
        picture_model,
        ImageSettings,
        defaults,
        scaler=one_scale,
        augment=shifted,
    )


IMAGES = (
    _recipe(
        "digits",
        N_("handwritten digits, 8×8 pixels, 1,797 pictures; needs no download"),
        digits,
        model="cnn",
        epochs=20,
        batch_size=32,
        dropout=0.2,
    ),
    _recipe("mnist", N_("handwritten digits, 28×28 pixels, 70,000 pictures"), mnist, epochs=10),
    _recipe(
        "fashion-mnist", N_("pictures of clothes, 28×28 pixels, 70,000 pictures"), fashion_mnist, epochs=10
    ),
)
