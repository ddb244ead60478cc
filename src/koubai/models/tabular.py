"""Rows of a table: numbers as they are, words as vectors, then fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor

__all__ = ["TabularNet"]


class TabularNet(nn.Module):
    """A multilayer perceptron on numbers and embedded words (Guo and Berkhahn 2016; fastai's tabular model).

    A column of n codes gets vectors of min(50, (n + 1) // 2) numbers. Code 0 is for unknown words: its vector
    starts at zero, the others with a standard deviation of 0.1.

    Args:
        numbers: how many numbers a row has.
        cardinalities: how many codes each column of words has.
        outputs: classes, or predicted values.
        hidden: neurons of each hidden layer.
        dropout: share of them left out at random while training.
        edges: for each of the first numbers of a row the places where it is cut into pieces, in ascending order;
            the network then sees of each piece how much of it lies below the number, 0 to 1, which lets it bend
            where there is something to tell (Gorishniy et al. 2022, piecewise linear encoding).

    Shape:
        numbers (N, numbers), codes integers (N, columns of words); output (N, outputs).

    Example:
        >>> model = models.TabularNet(2, [4, 9], outputs=3)
        >>> model(koubai.zeros(5, 2), koubai.zeros(5, 2, dtype=koubai.int64)).shape
        koubai.Size([5, 3])
    """

    columns: Tensor
    lows: Tensor
    widths: Tensor

    def __init__(
        self,
        numbers: int,
        cardinalities: Sequence[int],
        outputs: int,
        hidden: Sequence[int] = (200, 100),
        dropout: float = 0.0,
        edges: Sequence[Sequence[float]] = (),
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(_vectors(count) for count in cardinalities)
        pieces = [(k, low, high - low) for k, own in enumerate(edges) for low, high in pairwise(own)]
        columns, lows, widths = zip(*pieces) if pieces else ((), (), ())
        self.register_buffer("columns", koubai.tensor(columns, dtype=koubai.int64))
        self.register_buffer("lows", koubai.tensor(lows, dtype=koubai.float32))
        self.register_buffer("widths", koubai.tensor(widths, dtype=koubai.float32))
        width = numbers + len(pieces) + sum(table.embedding_dim for table in self.embeddings)
        layers: list[nn.Module] = []
        for inputs, neurons in zip([width, *hidden], hidden):
            layers += [nn.Linear(inputs, neurons), nn.BatchNorm1d(neurons), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear([width, *hidden][-1], outputs))
        nn.init.match_activations(self.layers)

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """The scores of the classes, or the predicted values."""
        vectors = [table(codes[:, place]) for place, table in enumerate(self.embeddings)]
        pieces = ((numbers[:, self.columns] - self.lows) / self.widths).clamp(0, 1)  # (N, pieces)
        return self.layers(koubai.cat([numbers, pieces, *vectors], dim=1))  # type: ignore[no-any-return]


def _vectors(count: int) -> nn.Embedding:
    table = nn.Embedding(count, min(50, (count + 1) // 2))
    nn.init.normal_(table.weight, std=0.1)
    with koubai.no_grad():
        table.weight[0] = 0
    return table
