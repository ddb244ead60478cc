"""Small networks of every kind, and how they are trained on two devices to see that they do the same on both."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import koubai
from koubai import Tensor, nn
from koubai.nn import functional as F


def both(function: Callable[[Any, str], Any], layer: Any, device: str) -> tuple[Any, Any]:
    """Call a function with a layer on a device and on the CPU, with the same random numbers."""
    moved = copy.deepcopy(layer)
    if isinstance(layer, nn.Module):
        moved = moved.to(device)
    results = []
    for place, each in ((device, moved), ("cpu", layer)):
        koubai.manual_seed(1)
        results.append(function(each, place))
    return results[0], results[1]


def cnn() -> nn.Module:
    """Convolutions, batch norm, pooling and dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2),
        nn.Flatten(), nn.Linear(64, 3),
    )  # fmt: skip


class Gru(nn.Module):
    """The last state of a GRU, classified."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(3, 8, num_layers=2, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x)[0][:, -1])  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Tokens through an encoder, averaged and classified."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.positions = nn.Embedding(11, 8), nn.SinusoidalPositions(8, batch_first=True)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True), 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.encoder(self.positions(self.embedding(x)), src_key_padding_mask=x == 0)
        return self.head(hidden.mean(1))  # type: ignore[no-any-return]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "MLP": (lambda: nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 3)), lambda: koubai.randn(6, 5)),
    "CNN": (cnn, lambda: koubai.randn(6, 1, 8, 8)),
    "GRU": (Gru, lambda: koubai.randn(6, 7, 3)),
    "Transformer": (Transformer, lambda: koubai.randint(1, 11, (6, 9))),
}


def losses_of(model: nn.Module, device: str, x: Tensor, steps: int) -> list[float]:
    """Train some steps and return their losses."""
    losses, x, y = [], x.to(device), (koubai.arange(6) % 3).to(device)
    stepping = koubai.optim.AdamW(model.parameters(), 0.01)
    for _ in range(steps):
        stepping.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        stepping.step()
        losses.append(loss.item())
    return losses
