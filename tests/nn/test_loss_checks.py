"""Losses refuse shapes that would broadcast, and labels that are no classes, and say what to do."""

import pytest

import koubai
from koubai.nn import functional as F

from .agreement import double


@pytest.mark.parametrize(
    "loss",
    [
        F.mse_loss,
        F.l1_loss,
        F.smooth_l1_loss,
        F.huber_loss,
        F.binary_cross_entropy,
        F.binary_cross_entropy_with_logits,
        F.kl_div,
        F.poisson_nll_loss,
        lambda x, t: F.gaussian_nll_loss(x, t, 1.0),
        F.soft_margin_loss,
        F.hinge_embedding_loss,
        F.multilabel_soft_margin_loss,
        F.multilabel_margin_loss,
        F.dice_loss,
        F.nt_xent_loss,
        lambda x, t: F.cosine_embedding_loss(x, t, koubai.ones(4)),
        lambda x, t: F.margin_ranking_loss(x, t, koubai.ones(4)),
        lambda x, t: F.margin_ranking_loss(x, x, t),
        lambda x, t: F.triplet_margin_loss(x, t, x),
        lambda x, t: F.triplet_margin_with_distance_loss(x, x, t),
    ],
)
def test_a_column_against_a_row_is_refused(loss):
    with pytest.raises(ValueError, match=r"\[4, 1\].*\[4\]; use \w+\.squeeze\(-1\), or \w+\.unsqueeze\(-1\)"):
        loss(koubai.ones(4, 1), koubai.ones(4))
    with pytest.raises(ValueError, match=r"\[4\].*\[4, 1\]; use \w+\.squeeze\(-1\)"):
        loss(koubai.ones(4), koubai.ones(4, 1))
    with pytest.raises(ValueError, match="not broadcast"):
        loss(koubai.ones(2, 4), koubai.ones(4))


def test_shapes_are_checked_while_tracing_too():
    with pytest.raises(ValueError, match=r"use input\.squeeze"):
        koubai.trace(F.mse_loss, koubai.ones(4, 1), koubai.ones(4))


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss, F.multi_margin_loss])
def test_class_indices_of_a_wrong_shape_are_refused(loss):
    scores = double(3, 4)
    with pytest.raises(
        ValueError, match=r"scores \[3, 4\] need class indices of shape \[3\], got .* use target.sq"
    ):
        loss(scores, koubai.zeros(3, 1, dtype=koubai.int64))
    with pytest.raises(ValueError, match=r"target.argmax\(1\) for one-hot"):
        loss(scores, koubai.eye(4)[:3].long())
    with pytest.raises(ValueError, match=r"class indices are integers, got float32; use target\.long\(\)"):
        loss(scores, koubai.zeros(3))


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss, F.multi_margin_loss, F.focal_loss])
@pytest.mark.parametrize("label", [4, -1])
def test_labels_out_of_range_are_named(loss, label):
    match = f"target {label} is not a class: the input has 4 classes, so labels go from 0 to 3"
    with pytest.raises(IndexError, match=match):
        loss(double(3, 4), koubai.tensor([0, label, 1]))


def test_labels_have_no_values_while_tracing():
    program = koubai.trace(F.cross_entropy, double(3, 4), koubai.tensor([0, 3, 1]))
    assert program(double(3, 4), koubai.tensor([0, 3, 1])).equal(
        F.cross_entropy(double(3, 4), koubai.tensor([0, 3, 1]))
    )
