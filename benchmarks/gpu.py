"""A training step on the GPU beside the compiled step on the CPU: python benchmarks/gpu.py --help

On the GPU every op runs at once, through CuPy; on the CPU the whole step is one native function.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Annotated

import typer
from native.table import duration
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import koubai
from koubai import Tensor, nn
from koubai.nn.functional import cross_entropy

CLASSES, TOKENS = 10, 100


@dataclass(frozen=True)
class Case:
    """A network, its batch size, and what it is given."""

    name: str
    model: Callable[[], nn.Module]
    batch: int
    data: Callable[[int], tuple[Tensor, Tensor]]


class LanguageModel(nn.Module):
    """Four encoder layers over tokens."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, width)
        layer = nn.TransformerEncoderLayer(width, 8, 4 * width, dropout=0.0, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 4), nn.Linear(width, TOKENS)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of all tokens, one row for each position."""
        return self.head(self.encoder(self.embedding(x))).flatten(0, 1)  # (B T, TOKENS)


def mlp() -> nn.Module:
    """Return two hidden layers of 1024 units."""
    sizes = ((784, 1024), (1024, 1024))
    hidden = [layer for size in sizes for layer in (nn.Linear(*size), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(1024, CLASSES))


def cnn() -> nn.Module:
    """Return three convolutions, two of them with batch normalisation."""
    first = [nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()]
    second = [nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)]
    third = [nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*first, *second, *third, nn.Linear(128, CLASSES))


def rows(batch: int) -> tuple[Tensor, Tensor]:
    """Return rows of 784 numbers, and classes."""
    return koubai.randn(batch, 784), koubai.randint(CLASSES, (batch,))


def images(batch: int) -> tuple[Tensor, Tensor]:
    """Return images of 3 x 32 x 32, and classes."""
    return koubai.randn(batch, 3, 32, 32), koubai.randint(CLASSES, (batch,))


def texts(batch: int) -> tuple[Tensor, Tensor]:
    """Return texts of 128 tokens, and the next token of each."""
    return koubai.randint(TOKENS, (batch, 128)), koubai.randint(TOKENS, (batch * 128,))


CASES = (
    Case("MLP 784-1024-1024-10", mlp, 64, rows),
    Case("MLP 784-1024-1024-10", mlp, 1024, rows),
    Case("CNN 32x32, 64-64-128", cnn, 32, images),
    Case("CNN 32x32, 64-64-128", cnn, 256, images),
    Case("Transformer, 4 layers", LanguageModel, 8, texts),
    Case("Transformer, 4 layers", LanguageModel, 64, texts),
)


def seconds(case: Case, device: str, steps: int) -> float:
    """Return the median time of a step, which ends when its loss is known."""
    koubai.manual_seed(0)
    model = case.model().to(device)
    optimizer = koubai.optim.Adam(model.parameters())
    x, y = (part.to(device) for part in case.data(case.batch))

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    made = step if device == "cuda" else koubai.compile(step)
    taken = []
    for _ in range(steps + 3):
        began = time.perf_counter()
        made(x, y).item()
        taken.append(time.perf_counter() - began)
    return median(taken[3:])


def main(steps: Annotated[int, typer.Option(min=1, help="Steps of which the median counts.")] = 10) -> None:
    """Measure all networks on both."""
    console = Console()
    if not koubai.cuda.is_available():
        console.print("There is no GPU that CuPy can compute on, or CuPy is not installed.")
        raise typer.Exit(1)
    threads = koubai.get_num_threads()
    title = f"A training step with Adam: {koubai.cuda.get_device_name()}, and {threads} threads"
    table = Table("", "batch", "CPU, compiled", "GPU, eager", "ratio", title=title, box=SIMPLE_HEAD)
    for case in CASES:
        here, there = (seconds(case, device, steps) for device in ("cpu", "cuda"))
        table.add_row(case.name, str(case.batch), duration(here), duration(there), f"{here / there:.2f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
