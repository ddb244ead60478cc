"""Boxes around things in pictures, (left, top, right, bottom): how much two overlap, and the best of many alike.

Names and arguments are torchvision's, `torchvision.ops.X`.
"""

from __future__ import annotations

import numpy as np

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.functional.loss.reduction import reduced

__all__ = ["batched_nms", "box_area", "box_iou", "generalized_box_iou_loss", "nms"]


def box_area(boxes: Tensor) -> Tensor:
    """Width times height of each box.

    Args:
        boxes: (..., 4).

    Returns:
        (...).
    """
    left, top, right, bottom = _edges(boxes)
    return (right - left) * (bottom - top)


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """The area two boxes share by the area they cover together, of each of one set with each of another.

    Args:
        boxes1: (N, 4).
        boxes2: (M, 4).

    Returns:
        (N, M), from 0 to 1.

    Example:
        >>> F.box_iou(koubai.tensor([[0.0, 0, 2, 2]]), koubai.tensor([[1.0, 0, 3, 2]])).item()
        0.3333333432674408
    """
    shared, covered = _shared_and_covered(boxes1.unsqueeze(1), boxes2.unsqueeze(0))
    return shared / covered


def generalized_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - GIoU: like 1 - IoU, but with a slope also for boxes that do not touch (Rezatofighi et al. 2019).

    GIoU = IoU - (C - U) / C, where U is the area both cover together and C that of the smallest box around both.

    Args:
        boxes1: (..., 4).
        boxes2: of the same shape.
        reduction: "none", "mean" or "sum".
        eps: keeps divisions by empty areas finite.

    Returns:
        (...), from 0 to 2; or one number.
    """
    shared, covered = _shared_and_covered(boxes1, boxes2)
    around = box_area(_around(boxes1, boxes2))
    loss = 1 - shared / (covered + eps) + (around - covered) / (around + eps)
    return reduced(loss, reduction)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Non-maximum suppression: leave out every box that overlaps a better one too much. It runs on arrays.

    Args:
        boxes: (N, 4).
        scores: (N,), the better the larger.
        iou_threshold: boxes with a larger IoU than this are taken for the same.

    Returns:
        the places of those that stay, best first, (K,).
    """
    overlap = box_iou(boxes, boxes).numpy(force=True)
    left = np.argsort(-scores.numpy(force=True), kind="stable")
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[~(overlap[best, left] > iou_threshold)]  # NaN of two empty boxes suppresses nothing
    return koubai.tensor(np.array(kept, np.int64), device=boxes.device)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Non-maximum suppression for each class on its own.

    Args:
        boxes: (N, 4).
        scores: (N,).
        idxs: the class of each box (N,).
        iou_threshold: as for `nms`.

    Returns:
        the places of those that stay, best first, (K,).
    """
    if not len(boxes):
        return boxes.new_zeros(0, dtype=koubai.int64)
    apart = (boxes.amax() - boxes.amin() + 1) * idxs.to(
        boxes.dtype
    )  # moves each class out of the others' reach
    return nms(boxes + apart.unsqueeze(1), scores, iou_threshold)


def _edges(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]


def _shared_and_covered(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """The areas of intersection and union."""
    (left1, top1, right1, bottom1), (left2, top2, right2, bottom2) = _edges(boxes1), _edges(boxes2)
    width = koubai.clamp(koubai.minimum(right1, right2) - koubai.maximum(left1, left2), min=0)
    height = koubai.clamp(koubai.minimum(bottom1, bottom2) - koubai.maximum(top1, top2), min=0)
    shared = width * height
    return shared, box_area(boxes1) + box_area(boxes2) - shared


def _around(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """The smallest boxes around both."""
    return koubai.cat(
        [koubai.minimum(boxes1[..., :2], boxes2[..., :2]), koubai.maximum(boxes1[..., 2:], boxes2[..., 2:])],
        -1,
    )
