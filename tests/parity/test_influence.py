"""Gradient × input and integrated gradients are what PyTorch's autograd gives, step by step."""

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.explain import influence

torch = pytest.importorskip("torch")

BASELINE = 0.25
STEPS = 8


def twins():
    """The same convolutional network in both."""

    def built(nn):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.GELU(), nn.Flatten(), nn.Linear(144, 3)
        ).double()

    koubai.manual_seed(0)
    ours, theirs = built(nn), built(torch.nn)
    theirs.load_state_dict(
        {name: torch.from_numpy(v.numpy().copy()) for name, v in ours.state_dict().items()}
    )
    return ours, theirs


def slopes(model, points, score):
    points = points.clone().requires_grad_()
    score(model(points)).backward()
    return points.grad


@pytest.mark.parametrize("of", [1, "loss"])
@pytest.mark.parametrize("method", ["gradient", "integrated"])
def test_influence(of, method):
    ours, theirs = twins()
    x, classes = np.random.default_rng(0).normal(size=(4, 1, 6, 6)), np.array([0, 2, 1, 1])
    summed = torch.nn.CrossEntropyLoss(reduction="sum")
    score = (lambda y: summed(y, torch.tensor(classes))) if of == "loss" else (lambda y: y[:, 1].sum())
    points = torch.from_numpy(x)
    way = points - BASELINE
    if method == "gradient":
        mean = slopes(theirs, points, score)
    else:
        places, weights = np.polynomial.legendre.leggauss(STEPS)
        mean = sum(
            w / 2 * slopes(theirs, BASELINE + way * (1 + a) / 2, score)
            for a, w in zip(places, weights, strict=True)
        )
    found = influence(
        ours,
        x,
        of,
        target=classes,
        loss=nn.CrossEntropyLoss(),
        method=method,
        baseline=BASELINE,
        steps=STEPS,
    )
    np.testing.assert_allclose(found.values, (way * mean).numpy(), rtol=1e-9, atol=1e-12)
