"""Training steps of every kind, small enough to be run kernel by kernel in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import koubai
from koubai import nn, optim
from koubai.nn import functional as F

Made = tuple[Callable[..., Any], tuple[koubai.Tensor, ...]]


@pytest.fixture(autouse=True, scope="module")
def every_schedule_is_checked_for_races():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOUBAI_CHECK", "1")
        yield


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """How many threads run compiled steps."""
    before = koubai.get_num_threads()
    koubai.set_num_threads(request.param)
    yield request.param
    koubai.set_num_threads(before)


def step_of(model: nn.Module, optimizer: optim.Optimizer) -> Callable[..., Any]:
    criterion = nn.CrossEntropyLoss()

    def step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def mlp() -> Made:
    model = nn.Sequential(nn.Linear(20, 24), nn.ReLU(), nn.Dropout(0.3), nn.Linear(24, 5))
    return step_of(model, optim.SGD(model.parameters(), lr=0.1)), (
        koubai.randn(7, 20),
        koubai.randint(0, 5, (7,)),
    )


def clipped() -> Made:
    model = nn.Sequential(nn.Linear(9, 33), nn.Tanh(), nn.Linear(33, 4))
    optimizer = optim.AdamW(model.parameters(), lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        return loss, norm

    return step, (koubai.randn(6, 9), koubai.randint(0, 4, (6,)))


def convolutions() -> Made:
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3, padding=1, stride=2, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 9, 4),
    )
    return step_of(model, optim.SGD(model.parameters(), lr=0.1, momentum=0.9)), (
        koubai.randn(3, 1, 12, 12),
        koubai.randint(0, 4, (3,)),
    )


class Sequences(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.lstm = nn.LSTM(6, 10, batch_first=True)
        self.out = nn.Linear(10, 11)

    def forward(self, x):
        return self.out(self.lstm(self.embedding(x))[0]).reshape(-1, 11)


def lstm() -> Made:
    model = Sequences()
    return step_of(model, optim.SGD(model.parameters(), lr=0.1, momentum=0.9)), (
        koubai.randint(0, 11, (3, 5)),
        koubai.randint(0, 11, (15,)),
    )


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, activation="gelu", batch_first=True)
        self.out = nn.Linear(8, 11, bias=False)

    def forward(self, x):
        return self.out(self.layer(self.embedding(x))).reshape(-1, 11)


def attention() -> Made:
    model = Attention()
    return step_of(model, optim.SGD(model.parameters(), lr=0.1, momentum=0.9)), (
        koubai.randint(0, 11, (2, 5)),
        koubai.randint(0, 11, (10,)),
    )


WORKLOADS = {f.__name__: f for f in (mlp, clipped, convolutions, lstm, attention)}


@pytest.fixture(params=list(WORKLOADS))
def workload(request: pytest.FixtureRequest) -> Made:
    """A training step and its arguments."""
    koubai.manual_seed(0)
    return WORKLOADS[request.param]()


@pytest.fixture
def small_step() -> Made:
    """The smallest of the training steps."""
    koubai.manual_seed(0)
    return mlp()
