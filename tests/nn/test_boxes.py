"""Boxes: overlaps by hand, the generalised loss and its gradient, and which of many alike boxes stay."""

import numpy as np
import pytest

import koubai
from koubai.autograd import gradcheck
from koubai.nn import functional as F


def boxes(*rows):
    return koubai.tensor(np.array(rows, np.float64).reshape(-1, 4))


def test_overlaps_by_hand():
    one, others = (
        boxes((0, 0, 2, 2)),
        boxes((0, 0, 2, 2), (1, 0, 3, 2), (1, 1, 3, 3), (2, 0, 4, 2), (5, 5, 6, 6)),
    )
    assert F.box_iou(one, others).numpy()[0] == pytest.approx([1, 1 / 3, 1 / 7, 0, 0])
    assert F.box_area(others).tolist() == [4, 4, 4, 4, 1]
    assert F.box_iou(others, one).shape == (5, 1)


def test_the_generalised_loss_by_hand():
    """Two unit squares with a gap of 2 between them: of the 4 × 1 box around them half is empty."""
    apart, same = boxes((0, 0, 1, 1)), boxes((3, 0, 4, 1))
    assert F.generalized_box_iou_loss(apart, same).item() == pytest.approx(1.5)
    assert F.generalized_box_iou_loss(apart, apart).item() == pytest.approx(0, abs=1e-6)
    both = F.generalized_box_iou_loss(
        boxes((0, 0, 1, 1), (0, 0, 1, 1)), boxes((3, 0, 4, 1), (0, 0, 1, 1)), "sum"
    )
    assert both.item() == pytest.approx(1.5, abs=1e-6)


def test_its_gradient_is_the_numerical_one():
    random = np.random.default_rng(0)
    corners = random.uniform(0, 4, (2, 6, 2))
    rows = [koubai.tensor(np.concatenate([c, c + random.uniform(1, 3, (6, 2))], 1)) for c in corners]
    rows[0].requires_grad_()
    assert gradcheck(lambda x: F.generalized_box_iou_loss(x, rows[1]), (rows[0],))


def test_boxes_that_do_not_touch_are_pulled_together():
    seen = boxes((0, 0, 1, 1)).requires_grad_()
    F.generalized_box_iou_loss(seen, boxes((3, 0, 4, 1)), "sum").backward()
    assert seen.grad[0, 2].item() < 0  # to the right, descending


def test_of_boxes_alike_the_best_stays():
    rows = boxes((0, 0, 10, 10), (1, 0, 11, 10), (20, 20, 30, 30), (0, 0, 10, 4))
    scores = koubai.tensor([0.5, 0.9, 0.3, 0.8])
    assert F.nms(rows, scores, 0.5).tolist() == [1, 3, 2]
    assert F.nms(rows, scores, 0.9).tolist() == [1, 3, 0, 2]
    assert F.nms(boxes(), koubai.tensor(np.zeros(0)), 0.5).tolist() == []


def test_classes_do_not_suppress_each_other():
    rows = boxes((0, 0, 10, 10), (1, 0, 11, 10), (0, 0, 10, 10))
    scores, classes = koubai.tensor([0.5, 0.9, 0.4]), koubai.tensor([0, 1, 0])
    assert F.batched_nms(rows, scores, classes, 0.5).tolist() == [1, 0]
    assert (
        F.batched_nms(boxes(), koubai.tensor(np.zeros(0)), koubai.tensor(np.zeros(0, np.int64)), 0.5).tolist()
        == []
    )
