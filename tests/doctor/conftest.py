"""A small training that the tests of the doctor share: sound, or with a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import koubai
from koubai import i18n, nn, optim
from koubai.train import Trainer


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with i18n.speaking("en"):
        yield


def points(samples: int = 200) -> tuple[Any, Any]:
    """Points in the plane in three classes that lie apart."""
    generator = koubai.Generator().manual_seed(1)
    y = koubai.arange(samples) % 3
    centres = koubai.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
    return centres[y] + 0.5 * koubai.randn(samples, 2, generator=generator), y


def sound(**options: Any) -> Trainer:
    """A training that comes to a good end, with dropout and batch norm; always from the same weights."""
    koubai.manual_seed(7)
    model = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    return Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.02), **options)


def fading(**options: Any) -> Trainer:
    """A deep net of sigmoids, whose gradients vanish on the way back."""
    koubai.manual_seed(7)
    hidden = [layer for _ in range(6) for layer in (nn.Linear(16, 16), nn.Sigmoid())]
    model = nn.Sequential(nn.Linear(2, 16), nn.Sigmoid(), *hidden, nn.Linear(16, 3))
    return Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), **options)


@pytest.fixture
def data() -> tuple[Any, Any]:
    return points()


@pytest.fixture
def make() -> dict[str, Callable[..., Trainer]]:
    return {"sound": sound, "fading": fading}
