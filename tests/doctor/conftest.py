"""Trainings that are written out, in either framework."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(params=["koubai", "torch"])
def framework(request):
    made = pytest.importorskip(request.param)
    made.set_num_threads(1)  # these are tiny networks
    names = {name: importlib.import_module(f"{request.param}.{name}") for name in ("nn", "optim")}
    return SimpleNamespace(name=request.param, module=importlib.import_module(request.param), **names)


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
