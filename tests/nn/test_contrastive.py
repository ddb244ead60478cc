"""NT-Xent is the formula of the SimCLR paper: each embedding's cross-entropy with its other view among all others."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn import functional as F

from .agreement import check, close, double


def by_loops(first, second, temperature):
    """Equation 1 of the paper, for each of the 2N embeddings."""
    z = np.concatenate([first, second])
    count = len(z)

    def similarity(i, j):
        return math.exp(z[i] @ z[j] / np.linalg.norm(z[i]) / np.linalg.norm(z[j]) / temperature)

    losses = []
    for i in range(count):
        partner = (i + count // 2) % count
        others = sum(similarity(i, k) for k in range(count) if k != i)
        losses.append(-math.log(similarity(i, partner) / others))
    return losses


def test_values_and_reductions():
    first, second = double(4, 3), double(4, 3, seed=1)
    expected = by_loops(first.numpy(), second.numpy(), 0.3)
    close(F.nt_xent_loss(first, second, 0.3, "none"), expected)
    close(nn.NTXentLoss(0.3)(first, second), np.mean(expected))
    close(nn.NTXentLoss(temperature=0.3, reduction="sum")(first, second), np.sum(expected))


def test_gradients_to_second_order_and_replay():
    check(lambda a, b: F.nt_xent_loss(a, b, 0.5), double(3, 4), double(3, 4, seed=1))


def test_only_the_direction_of_an_embedding_counts():
    first, second = double(4, 3), double(4, 3, seed=1)
    close(F.nt_xent_loss(first * 7, second / 3), F.nt_xent_loss(first, second).item())


def test_the_same_views_are_nearer_than_others():
    first = double(8, 5)
    assert F.nt_xent_loss(first, first) < F.nt_xent_loss(first, first.roll(1, 0))


def test_one_sample_has_no_negatives():
    assert F.nt_xent_loss(double(1, 3), double(1, 3, seed=1)).item() == 0


def test_zero_embeddings_and_low_temperatures_stay_finite():
    x = koubai.zeros(2, 3, requires_grad=True)
    loss = F.nt_xent_loss(x, koubai.ones(2, 3), temperature=1e-3)
    loss.backward()
    assert loss.isfinite()
    assert x.grad.isfinite().all()


def test_mistakes():
    with pytest.raises(ValueError, match=r"first has shape \[4, 3\] and second \[3, 3\]"):
        F.nt_xent_loss(double(4, 3), double(3, 3))
    with pytest.raises(ValueError, match=r"expected embeddings \(N, D\), got \[4\]"):
        F.nt_xent_loss(double(4), double(4))
    with pytest.raises(ValueError, match="temperature is positive, got 0"):
        F.nt_xent_loss(double(4, 3), double(4, 3), temperature=0)
