"""A detector of one stage without anchors: every cell of a grid says what is centred in it, and how large it is.

The plan is that of CenterNet (Zhou et al. 2019) and FCOS (Tian et al. 2019): a class score for each class and a box at
each cell, from features that see far (a coarse grid, brought back to the fine one as in Lin et al. 2017, "Feature
Pyramid Networks").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.recipes.detect.scenes import NOTHING

STRIDE = 4  # pixels of a cell
COARSEST = 8  # pixels of a cell of the coarse grid; a picture's sides are multiples of it
_REACH = 0.75  # cells from a box's centre to the centres of the cells that are to see it
_PRIOR = (
    0.01  # what every class score begins at, as a probability (Lin et al. 2017, "Focal Loss", section 4.1)
)
_ALPHA, _GAMMA = 0.25, 2.0  # of the focal loss, from the same paper
_BOX = 4


class Detector(nn.Module):
    """Convolutions down to a coarse grid and back, then scores and boxes for each cell.

    Args:
        classes: how many there are.
        width: channels of the first convolution; the grids have four and eight times as many.

    Shape:
        input (N, 1, H, W) with sides that are multiples of 8; output (N, classes + 4, H / 4, W / 4): class scores, then
        how far the box's centre lies right of and below the cell's, in cells, and the logarithms of its width and
        height in cells.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        fine, coarse = 4 * width, 8 * width
        self.fine = nn.Sequential(
            *_convolution(1, width),  # (N, width, H, W)
            *_convolution(width, 2 * width, stride=2),
            *_convolution(2 * width, 2 * width),  # (N, 2 width, H/2, W/2)
            *_convolution(2 * width, fine, stride=2),
            *_convolution(fine, fine),  # (N, 4 width, H/4, W/4)
        )
        self.coarse = nn.Sequential(
            *_convolution(fine, coarse, stride=2),
            *_convolution(coarse, coarse),
            *_convolution(coarse, coarse),  # (N, 8 width, H/8, W/8)
            nn.Conv2d(coarse, fine, 1),
            nn.Upsample(scale_factor=2),  # (N, 4 width, H/4, W/4)
        )
        self.head = nn.Sequential(*_convolution(fine, fine), *_convolution(fine, fine))
        self.scores = nn.Conv2d(fine, classes, 1)
        self.boxes = nn.Conv2d(fine, _BOX, 1)
        nn.init.match_activations(self)
        nn.init.constant_(self.scores.bias, -math.log((1 - _PRIOR) / _PRIOR))

    def forward(self, images: Tensor) -> Tensor:
        """Return what each cell sees."""
        fine = self.fine(images)
        features = self.head(fine + self.coarse(fine))
        return koubai.cat([self.scores(features), self.boxes(features)], 1)


def _convolution(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def in_cells(boxes: NDArray[Any]) -> NDArray[Any]:
    """Boxes (…, 5) of a class and edges in pixels, with edges in cells, where numbers are small."""
    return np.asarray(boxes / np.array([1, *[STRIDE] * _BOX], boxes.dtype))


def boxes_of(output: Tensor) -> Tensor:
    """What each cell says of its box, as edges in cells: (N, classes + 4, H, W) becomes (N, H, W, 4)."""
    said = output[:, -_BOX:].permute(0, 2, 3, 1)
    centres = _centres(output.shape[2:]) + said[..., :2]
    half = said[..., 2:].exp() / 2
    return koubai.cat([centres - half, centres + half], -1)


def detection_loss(output: Tensor, truth: Tensor) -> Tensor:
    """Focal loss of all class scores, and GIoU loss of the boxes where something is, by the number of such cells.

    Args:
        output: of a `Detector`.
        truth: the boxes (N, K, 5), as those of `Scenes`, but with edges in cells.
    """
    classes = output.shape[1] - _BOX
    mine, seen = _assigned(truth, output.shape[2:])  # (N, H, W, 5), (N, H, W)
    count = koubai.clamp(seen.sum(), min=1.0)
    wanted = (mine[..., :1] == koubai.arange(classes)).to(output.dtype) * seen.unsqueeze(
        -1
    )  # (N, H, W, classes)
    scores = output[:, :classes].permute(0, 2, 3, 1)
    confusion = F.focal_loss(scores, wanted, _ALPHA, _GAMMA, reduction="sum")
    misplaced = F.generalized_box_iou_loss(boxes_of(output), mine[..., 1:]) * seen
    return (confusion + misplaced.sum()) / count


def _assigned(truth: Tensor, grid: Sequence[int]) -> tuple[Tensor, Tensor]:
    """For each cell the box (class and edges) centred within reach, the smallest of several; whether there is one."""
    boxes = truth.unsqueeze(1).unsqueeze(1)  # (N, 1, 1, K, 5)
    centres = (boxes[..., 1:3] + boxes[..., 3:5]) / 2
    cells = _centres(grid).unsqueeze(0).unsqueeze(3)  # (1, H, W, 1, 2)
    near = ((cells - centres).abs() <= _REACH).all(-1) & (boxes[..., 0] != NOTHING)  # (N, H, W, K)
    areas = koubai.where(near, F.box_area(boxes[..., 1:]), float("inf"))
    chosen = (areas.argmin(-1, keepdim=True) == koubai.arange(truth.shape[1])).to(truth.dtype)
    mine = (chosen.unsqueeze(-1) * boxes).sum(3)
    return mine, near.any(-1).to(truth.dtype)


def _centres(grid: Sequence[int]) -> Tensor:
    """The centres of the cells (H, W, 2), x before y, in cells."""
    rows, columns = (koubai.arange(length, dtype=koubai.float32) + 0.5 for length in grid)
    y, x = koubai.meshgrid(rows, columns, indexing="ij")
    return koubai.stack([x, y], -1)
