"""How well digits are found: mean average precision, each digit's own, and scenes to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data import TensorDataset
from koubai.i18n import N_
from koubai.nn import Module
from koubai.recipes.detect.average_precision import (
    COCO_THRESHOLDS,
    Boxes,
    average_precisions,
    matched,
    mean_average_precision,
)
from koubai.recipes.detect.detector import STRIDE
from koubai.recipes.detect.predictor import SURE, DetectPredictor
from koubai.recipes.detect.scenes import NOTHING
from koubai.recipes.exhibit import Bars, Caption, Exhibit, Pictures
from koubai.recipes.outcome import Outcome

_LEAST = 0.02  # score of a box that counts in the measure, as many weak ones cost nothing
_SHOWN = 8  # scenes in each row of pictures
_NOTE = N_("Green: where a digit is. Orange: what the detector sees, with its certainty.")


def judged(predictor: DetectPredictor, model: Module, test: TensorDataset) -> Outcome:
    """How well the digits of the test scenes are found.

    Args:
        predictor: of the run.
        model: the trained model.
        test: scenes (N, 1, side, side) and their boxes (N, K, 5).
    """
    images, places = (tensor.numpy() for tensor in test.tensors)
    true = [there(boxes) for boxes in places]
    seen = predictor.seen(model, images)
    found, shown = seen.boxes(_LEAST), seen.boxes(SURE, apart=False)
    others = [*true[1:], true[0]]
    precisions = average_precisions(found, true, len(predictor.classes))
    wrong = np.array([_mistakes(one, other) for one, other in zip(shown, true)])
    worst = [int(k) for k in np.argsort(-wrong, kind="stable")[:_SHOWN] if wrong[k]]
    return Outcome(
        headline="map_50",
        metrics={**_measured(found, true, predictor), "scenes_without_mistake": float(np.mean(wrong == 0))},
        baseline=_measured(others, true, predictor),
        baseline_name=N_("always answering with another scene's boxes"),
        samples=len(test),
        exhibits=(
            _scenes(N_("The first scenes"), range(min(_SHOWN, len(test))), predictor, images, true, shown),
            *(
                [_scenes(N_("Scenes with most mistakes"), worst, predictor, images, true, shown)]
                if worst
                else []
            ),
            Bars(
                title=N_("Average precision of each digit"),
                names=predictor.classes,
                values=np.nan_to_num(precisions),
            ),
        ),
        answers={"mistakes": wrong},
    )


def there(boxes: NDArray[Any]) -> Boxes:
    """The true boxes of a scene, from rows (K, 5) with edges in cells that may be unused."""
    used = boxes[boxes[:, 0] != NOTHING]
    return Boxes(STRIDE * used[:, 1:], used[:, 0].astype(np.int64), np.ones(len(used), np.float32))


def _measured(found: Sequence[Boxes], true: Sequence[Boxes], predictor: DetectPredictor) -> dict[str, float]:
    classes = len(predictor.classes)
    return {
        "map_50": mean_average_precision(found, true, classes),
        "map_50_95": mean_average_precision(found, true, classes, COCO_THRESHOLDS),
    }


def _mistakes(found: Boxes, true: Boxes) -> int:
    """Boxes without a digit of their class, and digits without a box."""
    right = sum(
        int(matched(found.where(found.classes == k), true.where(true.classes == k), 0.5).sum())
        for k in set(found.classes.tolist())
    )
    return len(found.edges) + len(true.edges) - 2 * right


def _scenes(
    title: str,
    chosen: Sequence[int],
    predictor: DetectPredictor,
    images: NDArray[Any],
    true: Sequence[Boxes],
    shown: Sequence[Boxes],
) -> Exhibit:
    captions: list[Caption] = [
        ((N_("true"), predictor.read(true[k])), (N_("seen"), predictor.read(shown[k]))) for k in chosen
    ]
    boxes = tuple((*predictor.named(true[k], true=True), *predictor.named(shown[k])) for k in chosen)
    return Pictures(
        title=title, note=_NOTE, images=images[list(chosen)], captions=tuple(captions), boxes=boxes
    )
