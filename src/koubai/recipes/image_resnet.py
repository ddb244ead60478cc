"""CIFAR-10 by a residual network of 20 layers, as in the paper that introduced them (He et al. 2016, section 4.2)."""

from __future__ import annotations

from pydantic import Field

from koubai.data import Compose, LabelledData, RandomCrop, RandomHorizontalFlip, Transform, cifar10
from koubai.i18n import N_
from koubai.models import resnet20
from koubai.nn import Module
from koubai.recipes.labelled import Shape, labelled_recipe
from koubai.recipes.settings import Settings


class ImageResNetSettings(Settings):
    """Settings of the residual network for small colour pictures."""

    crop: int = Field(
        4, ge=0, description=N_("cut training pictures at random after adding this many pixels at each side")
    )
    flip: bool = Field(True, description=N_("mirror half of the training pictures"))


def pictures(settings: ImageResNetSettings) -> LabelledData:
    """CIFAR-10."""
    return cifar10()


def cropped_and_flipped(settings: ImageResNetSettings, labelled: LabelledData) -> Compose | None:
    """The paper's changes to training pictures; the mean colour (0 after scaling) comes in at the sides."""
    size = labelled.input_shape[1:]
    changes: list[Transform] = [RandomCrop((size[0], size[1]), settings.crop)] if settings.crop else []
    changes += [RandomHorizontalFlip()] if settings.flip else []
    return Compose(changes) if changes else None


def residual_network(settings: ImageResNetSettings, shape: Shape, outputs: int) -> Module:
    """ResNet-20."""
    return resnet20(outputs)


IMAGE_RESNET = labelled_recipe(
    "image-resnet",
    N_("CIFAR-10: animals and vehicles, 32×32 pixels in colour, by ResNet-20"),
    pictures,
    residual_network,
    ImageResNetSettings,
    {
        "epochs": 30,
        "batch_size": 128,
        "optimizer": "nesterov",
        "lr": 0.1,
        "schedule": "one-cycle",
        "weight_decay": 5e-4,
    },
    augment=cropped_and_flipped,
)
