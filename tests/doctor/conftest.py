"""Small trainings that the tests of the doctor share: by the Trainer, sound or with a fault, and written by hand."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
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


@pytest.fixture(params=["koubai", "torch"])
def framework(request):
    made = pytest.importorskip(request.param)
    threads = made.get_num_threads()
    made.set_num_threads(1)  # these are tiny networks
    names = {name: importlib.import_module(f"{request.param}.{name}") for name in ("nn", "optim")}
    yield SimpleNamespace(name=request.param, module=importlib.import_module(request.param), **names)
    made.set_num_threads(threads)  # other tests compare bits with processes of their own


class Loop:
    """A training of a small network by hand; `between` is called before each step, and may do what it likes."""

    def __init__(self, framework, lr=0.01, optimizer="Adam", layers=None):
        f = self.f = framework
        f.module.manual_seed(0)
        nn = f.nn
        self.model = nn.Sequential(
            *(layers(nn) if layers else [nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3)]),
            nn.Linear(16, 2),
        )
        self.optimizer = getattr(f.optim, optimizer)(self.model.parameters(), lr=lr)
        self.loss = nn.CrossEntropyLoss()
        rng = np.random.default_rng(0)
        x = rng.standard_normal((160, 8)).astype("f")
        self.x, self.y = f.module.tensor(x), f.module.tensor((x[:, 0] * x[:, 1] > 0).astype("i8"))
        self.losses = []

    def batches(self, size=32):
        return [(self.x[n : n + size], self.y[n : n + size]) for n in range(0, len(self.x), size)]

    def run(self, epochs=8, between=lambda step: None):
        self.model.train()
        for _ in range(epochs):
            for x, y in self.batches():
                between(len(self.losses))
                self.step(x, y)
        return self

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        self.losses.append(float(loss.detach()))

    def state(self):
        tensors = [*self.model.state_dict().values(), *(p.grad for p in self.model.parameters())]
        return [t.detach().numpy().copy() for t in tensors if t is not None]


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))
