"""Mean average precision: the measure of object detection, as COCO defines it.

A detection counts when it overlaps a thing of its class by at least the threshold's IoU; the surest come first, and
each thing is found once. Average precision is the mean over 101 recalls, 0 to 1, of the best precision at that recall
or a larger one (Lin et al. 2014; pycocotools' `COCOeval`), without its limits on sizes and numbers of detections.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.nn import functional as F

COCO_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
_RECALLS = np.linspace(0, 1, 101)


class Boxes(NamedTuple):
    """Boxes on one picture.

    Attributes:
        edges: left, top, right and bottom in pixels (K, 4).
        classes: (K,).
        scores: how sure a detector is of each (K,); of true boxes 1.
    """

    edges: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]

    def where(self, chosen: NDArray[np.bool_]) -> Boxes:
        """Some of them."""
        return Boxes(self.edges[chosen], self.classes[chosen], self.scores[chosen])


def average_precisions(
    detected: Sequence[Boxes], true: Sequence[Boxes], classes: int, threshold: float = 0.5
) -> NDArray[np.float64]:
    """The average precision of each class (classes,), NaN for a class that is on no picture.

    Args:
        detected: of each picture what was detected.
        true: of each picture what is there.
        classes: how many there are.
        threshold: the IoU from which on a detection counts.
    """
    return np.array([_of_class(k, detected, true, threshold) for k in range(classes)])


def mean_average_precision(
    detected: Sequence[Boxes], true: Sequence[Boxes], classes: int, thresholds: Sequence[float] = (0.5,)
) -> float:
    """The mean over the classes that occur, and over thresholds; arguments are those of `average_precisions`."""
    values = [average_precisions(detected, true, classes, threshold) for threshold in thresholds]
    return float(np.nanmean(values))


def _of_class(k: int, detected: Sequence[Boxes], true: Sequence[Boxes], threshold: float) -> float:
    own = [
        (found.where(found.classes == k), there.where(there.classes == k))
        for found, there in zip(detected, true)
    ]
    things = sum(len(there.edges) for _, there in own)
    if not things:
        return float("nan")
    scores = np.concatenate([found.scores for found, _ in own])
    right = np.concatenate([matched(found, there, threshold) for found, there in own])
    right = right[np.argsort(-scores, kind="stable")].cumsum()
    recall, precision = right / things, right / np.arange(1, len(right) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.append(best_from_here, 0.0)[places].mean())


def matched(found: Boxes, there: Boxes, threshold: float) -> NDArray[np.bool_]:
    """Whether each detection (K,) finds a thing that no surer one found, whatever its class."""
    right = np.zeros(len(found.edges), bool)
    if not len(right) or not len(there.edges):
        return right
    overlap = F.box_iou(koubai.tensor(found.edges), koubai.tensor(there.edges)).numpy().copy()
    for k in np.argsort(-found.scores, kind="stable"):
        best = int(overlap[k].argmax())
        if overlap[k, best] >= threshold:
            right[k] = True
            overlap[:, best] = -1.0  # found
    return right
