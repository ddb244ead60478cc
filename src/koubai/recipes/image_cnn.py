"""Handwritten digits or clothes by a convolutional network that sees every picture moved and turned a little."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from koubai import nn
from koubai.data import Compose, LabelledData, RandomRotation, RandomShift, fashion_mnist, mnist
from koubai.i18n import N_
from koubai.recipes.images import one_scale
from koubai.recipes.labelled import Shape, labelled_recipe
from koubai.recipes.settings import Settings

_LOADERS = {"mnist": mnist, "fashion-mnist": fashion_mnist}


class ImageCNNSettings(Settings):
    """Settings of the convolutional network for small grey pictures."""

    data: Literal["mnist", "fashion-mnist"] = Field("mnist", description=N_("digits or clothes"))
    width: int = Field(
        16, ge=1, description=N_("channels of the first convolutions; the later ones have twice as many")
    )
    hidden: int = Field(128, ge=1, description=N_("neurons of the hidden layer"))
    dropout: float = Field(
        0.3, ge=0, lt=1, description=N_("share of hidden neurons left out at random while training")
    )
    shift: int = Field(2, ge=0, description=N_("move training pictures at random by up to this many pixels"))
    rotation: float = Field(
        10.0, ge=0, le=180, description=N_("turn training pictures at random by up to this many degrees")
    )


def image_data(settings: ImageCNNSettings) -> LabelledData:
    """The pictures that the settings ask for."""
    return _LOADERS[settings.data]()


def moved_and_turned(settings: ImageCNNSettings, labelled: LabelledData) -> Compose | None:
    """Random changes to training pictures, with background (the smallest value) coming in."""
    background = float(labelled.train.tensors[0].numpy().min())
    changes = (
        RandomRotation(settings.rotation, background) if settings.rotation else None,
        RandomShift(settings.shift, background) if settings.shift else None,
    )
    chosen = [change for change in changes if change]
    return Compose(chosen) if chosen else None


def image_network(settings: ImageCNNSettings, shape: Shape, outputs: int) -> nn.Module:
    """Twice two 3×3 convolutions and a pooling, as in VGG (Simonyan and Zisserman 2015), then two dense layers."""
    channels, height, width = shape
    first, second = settings.width, 2 * settings.width
    model = nn.Sequential(
        *_convolution(channels, first),  # (N, width, H, W)
        *_convolution(first, first),
        nn.MaxPool2d(2),  # (N, width, H/2, W/2)
        *_convolution(first, second),
        *_convolution(second, second),
        nn.MaxPool2d(2),  # (N, 2 width, H/4, W/4)
        nn.Flatten(),
        nn.Linear(second * (height // 4) * (width // 4), settings.hidden),
        nn.ReLU(),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.hidden, outputs),
    )
    nn.init.match_activations(model)
    return model


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()


IMAGE_CNN = labelled_recipe(
    "image-cnn",
    N_("digits or clothes, 28×28 pixels, by a convolutional network with augmentation"),
    image_data,
    image_network,
    ImageCNNSettings,
    {"epochs": 8, "schedule": "one-cycle", "lr": 0.005},
    scaler=one_scale,
    augment=moved_and_turned,
)
