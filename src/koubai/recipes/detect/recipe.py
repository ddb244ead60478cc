"""`koubai train detect`: scenes are composed of MNIST's digits, and a detector learns to find them."""

from __future__ import annotations

from functools import partial

from pydantic import Field

from koubai.data import LabelledData, TensorDataset, mnist
from koubai.i18n import N_
from koubai.nn import Module
from koubai.recipes.detect.detector import COARSEST, Detector, detection_loss, in_cells
from koubai.recipes.detect.judge import judged
from koubai.recipes.detect.predictor import DetectPredictor
from koubai.recipes.detect.scenes import compose
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task

_VALIDATION = 0.1  # the share of the training digits that validation scenes are made of
_TEST_SEED = 0  # the test scenes are the same for every run


class DetectSettings(Settings):
    """Settings of a detector of digits."""

    scenes: int = Field(8000, ge=1, description=N_("how many training scenes are composed"))
    test_scenes: int = Field(1000, ge=1, description=N_("how many validation scenes and test scenes"))
    side: int = Field(
        64, ge=48, multiple_of=COARSEST, description=N_("pixels of a scene's side, a multiple of 8")
    )
    width: int = Field(
        16, ge=1, description=N_("channels of the first convolution; the grids have 4 and 8 times as many")
    )


def detect_task(settings: DetectSettings) -> Task:
    """Scenes of MNIST's digits; none of a part's digits is in another part."""
    return task_of(settings, mnist())


def task_of(settings: DetectSettings, digits: LabelledData) -> Task:
    """The task with scenes of any small grey pictures with values from 0 to 1."""
    digits = digits.with_validation(_VALIDATION, settings.seed)
    predictor = DetectPredictor(side=settings.side, classes=digits.class_names)

    def scenes(part: TensorDataset | None, count: int, seed: int) -> TensorDataset:
        assert part is not None
        images, labels = (tensor.numpy() for tensor in part.tensors)
        made = compose(images[:, 0], labels, count, settings.side, seed)
        return TensorDataset(made.images, in_cells(made.boxes))

    return Task(
        train=scenes(digits.train, settings.scenes, settings.seed),
        validation=scenes(digits.validation, settings.test_scenes, settings.seed),
        test=scenes(digits.test, settings.test_scenes, _TEST_SEED),
        loss=detection_loss,
        judge=partial(judged, predictor),
        predictor=predictor,
        headline="map_50",
    )


def detector(settings: DetectSettings, predictor: DetectPredictor) -> Module:
    """The untrained detector."""
    return Detector(len(predictor.classes), settings.width)


DETECT = Recipe(
    "detect",
    N_("find digits in scenes that are composed of MNIST's, with a box around each"),
    detect_task,
    detector,
    DetectPredictor,
    DetectSettings,
    {"epochs": 15, "batch_size": 32, "schedule": "one-cycle", "lr": 0.003},
)
