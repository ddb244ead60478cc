"""Finds digits in a picture of the user's, and draws them on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import koubai
from koubai.i18n import N_, _
from koubai.nn import Module
from koubai.nn import functional as F
from koubai.recipes.detect.average_precision import Boxes
from koubai.recipes.detect.detector import COARSEST, STRIDE, boxes_of
from koubai.recipes.exhibit import Array, Box, Exhibit, Pictures, Table
from koubai.recipes.picture_file import open_picture
from koubai.recipes.predictor import AnswerOptions, Predictor

SURE = 0.4
"""A score from which on a box is shown."""

_BATCH = 64  # pictures per forward pass
_SAME = 0.5  # IoU from which on two boxes are taken for the same
_MOST = 100  # boxes on a picture
_BILINEAR = 2  # Pillow's number of this way to resize
_LARGEST = 2048  # pixels of the longer side that the network looks at


class DetectOptions(AnswerOptions):
    """What an answer for a picture can be told."""

    threshold: float = Field(SURE, gt=0, lt=1, description=N_("show boxes from this certainty on"))
    size: int | None = Field(
        None,
        ge=16,
        description=N_(
            "pixels of the picture's shorter side for the network, which knows digits of 14 to 35 pixels"
        ),
        json_schema_extra={"unset": N_("the side of a training scene")},
    )


class Seen(NamedTuple):
    """What a detector says of every cell of some pictures.

    Attributes:
        scores: (N, cells, classes).
        edges: left, top, right and bottom in pixels (N, cells, 4).
    """

    scores: NDArray[np.float32]
    edges: NDArray[np.float32]

    def boxes(self, threshold: float, apart: bool = True) -> list[Boxes]:
        """What is on each picture.

        Args:
            threshold: the least score.
            apart: whether boxes of two classes may lie at the same place, as the measure of detection has it.
        """
        return [_best(scores, edges, threshold, apart) for scores, edges in zip(*self)]


class DetectPredictor(Predictor):
    """Everything between a picture and the digits on it but the network.

    Attributes:
        side: of a training scene in pixels.
        classes: the name of each class.
    """

    options: ClassVar[type[AnswerOptions]] = DetectOptions

    side: int
    classes: tuple[str, ...]

    def seen(self, model: Module, images: NDArray[Any]) -> Seen:
        """Run the model in batches on pictures (N, 1, H, W): what each cell of each says."""
        model.eval()
        parts = []
        for start in range(0, len(images), _BATCH):
            with koubai.no_grad():
                output = model(koubai.tensor(images[start : start + _BATCH], dtype=koubai.float32))
                scores = output[:, : len(self.classes)].sigmoid().permute(0, 2, 3, 1).flatten(1, 2)
                parts.append((scores.numpy(), STRIDE * boxes_of(output).flatten(1, 2).numpy()))
        scores, edges = (np.concatenate(arrays) for arrays in zip(*parts))
        return Seen(scores, edges)

    def answer(self, model: Module, source: str, options: DetectOptions) -> Sequence[Exhibit]:
        """A row for each digit, and the picture with their boxes."""
        picture = open_picture(Path(source), "L")
        shorter, longer = sorted(picture.size)
        scale = min((options.size or self.side) / shorter, _LARGEST / longer)
        width, height = (max(COARSEST, COARSEST * round(side * scale / COARSEST)) for side in picture.size)
        seen = _white_on_black(np.asarray(picture.resize((width, height), _BILINEAR)))
        (found,) = self.seen(model, seen[None, None]).boxes(options.threshold, apart=False)
        edges = found.edges * np.tile([picture.width / width, picture.height / height], 2)
        whole = Boxes(edges.astype(np.float32), found.classes, found.scores)
        return self._rows(whole), self._drawn(np.asarray(picture), whole)

    def named(self, found: Boxes, true: bool = False) -> tuple[Box, ...]:
        """Boxes to draw; detected ones with their class and score."""
        return tuple(
            Box(
                left=float(left),
                top=float(top),
                right=float(right),
                bottom=float(bottom),
                true=true,
                name="" if true else f"{self.classes[k]} {100 * score:.0f}%",
            )
            for (left, top, right, bottom), k, score in zip(found.edges, found.classes, found.scores)
        )

    def read(self, found: Boxes) -> str:
        """The names of what was found, from left to right."""
        return " ".join(self.classes[k] for k in found.classes[np.argsort(found.edges[:, 0])]) or "–"

    def _rows(self, found: Boxes) -> Table:
        header = (N_("digit"), N_("certainty"), N_("left"), N_("top"), N_("right"), N_("bottom"))
        rows = (
            (self.classes[k], f"{100 * score:.1f} %", *(int(edge) for edge in np.rint(edges)))
            for edges, k, score in zip(found.edges, found.classes, found.scores)
        )
        note = (
            ""
            if len(found.edges)
            else N_("Nothing was found; a lower --threshold or another --size may find more.")
        )
        return Table(header=header, rows=tuple(rows), note=note)

    def _drawn(self, picture: Array, found: Boxes) -> Pictures:
        caption = ((N_("seen"), self.read(found)),)
        return Pictures(images=picture[None], captions=(caption,), boxes=(self.named(found),))


def _best(scores: NDArray[Any], edges: NDArray[Any], threshold: float, apart: bool) -> Boxes:
    """The boxes of one picture, from scores (cells, classes) and edges (cells, 4), the surest first."""
    cells, classes = np.nonzero(scores >= threshold)
    found = Boxes(edges[cells], classes, scores[cells, classes])
    boxes, values = koubai.tensor(found.edges), koubai.tensor(found.scores)
    if not len(cells):
        return found
    kept = (
        F.batched_nms(boxes, values, koubai.tensor(classes), _SAME) if apart else F.nms(boxes, values, _SAME)
    )
    places = kept.numpy()[:_MOST]
    return Boxes(*(values[places] for values in found))


def _white_on_black(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Grey levels as those of a scene, 0 for the background and 1 for the brightest ink; dark ink is turned round.

    Raises:
        ValueError: the picture has one grey level only.
    """
    values = pixels.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise ValueError(_("There is nothing on this picture: all its pixels are alike."))
    values = (values - low) / (high - low)
    return 1 - values if values.mean() > 0.5 else values
