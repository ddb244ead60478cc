"""Small data and models that the tests of training share."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import koubai
from koubai import nn, optim
from koubai.train import Callback, Trainer


@pytest.fixture(autouse=True)
def _seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    koubai.manual_seed(0)
    monkeypatch.setenv("KOUBAI_LANG", "en")  # for the tests that look at messages


@pytest.fixture
def blobs() -> tuple[Any, Any]:
    """90 points in the plane in three classes that lie apart."""
    generator = koubai.Generator().manual_seed(1)
    y = koubai.arange(90) % 3
    centres = koubai.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
    return centres[y] + 0.5 * koubai.randn(90, 2, generator=generator), y


@pytest.fixture
def line() -> tuple[Any, Any]:
    """50 points on the line y = 2 x + 1, each of shape (1,)."""
    x = koubai.linspace(-1, 1, 50).reshape(50, 1)
    return x, 2 * x + 1


def small_model(dropout: float = 0.0) -> nn.Module:
    """A classifier of points in the plane, with dropout and batch norm if wanted; always the same weights."""
    koubai.manual_seed(7)
    extra = [nn.BatchNorm1d(8), nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), *extra, nn.Linear(8, 3))


@pytest.fixture
def make() -> SimpleNamespace:
    """Makers of models and trainers."""

    def trainer(
        model: nn.Module | None = None, optimizer: Callable[..., Any] | None = None, **options: Any
    ) -> Trainer:
        model = small_model() if model is None else model
        optimizer = optimizer or (lambda parameters: optim.SGD(parameters, lr=0.1))
        loss = options.pop("loss", nn.CrossEntropyLoss())
        options.setdefault(
            "doctor", False
        )  # these trainings are too short to be healthy; it has tests of its own
        return Trainer(model, loss, optimizer(model.parameters()), **options)

    return SimpleNamespace(model=small_model, trainer=trainer, weights=weights, Spy=Spy)


def weights(model: nn.Module) -> dict[str, bytes]:
    """The bits of a model's state."""
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


class Spy(Callback):
    """Calls `look(trainer)` at one event, or writes down the names of all events."""

    def __init__(self, event: str | None = None, look: Callable[[Trainer], Any] | None = None) -> None:
        self.event = event
        self.look = look
        self.seen: list[Any] = []

    def __getattribute__(self, name: str) -> Any:
        get = super().__getattribute__
        if not name.startswith(("on_", "after_", "before_")) or get("event") not in (None, name):
            return get(name)

        def note(trainer: Trainer) -> None:
            if self.event is None:
                self.seen.append(name)
            elif self.look is not None:
                self.seen.append(self.look(trainer))

        return note
