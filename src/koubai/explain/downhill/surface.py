"""A loss surface: the loss as a function of two numbers, computed by the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.data import BatchSampler, RandomSampler
from koubai.engine.tensor import Tensor

__all__ = ["Array", "Rows", "Surface"]

Array = NDArray[np.float64]
Rows = list[int] | None
"""The samples that a loss is the mean over; None for all of them."""


@dataclass(frozen=True)
class Surface:
    """A loss of two parameters, and what one wants to know to walk on it.

    Attributes:
        title: what it is, in the user's language.
        formula: the loss as a formula, or where it comes from.
        loss: loss(x, y, rows), where x and y are tensors of one shape, which is the result's too.
        start: where descents begin.
        bounds: the part to show, ((lowest x, highest x), (lowest y, highest y)).
        lowest: the smallest loss there is, as far as it is known.
        minima: the points that have it.
        names: what the two parameters are called.
        samples: how many samples the loss is a mean over; 0 if it is not one.
        steps: after how many updates the optimizers have shown what they can do.
        columns: points along each axis of a map; fewer where each of them takes a run of a model.
    """

    title: str
    formula: str
    loss: Callable[[Tensor, Tensor, Rows], Tensor]
    start: tuple[float, float]
    bounds: tuple[tuple[float, float], tuple[float, float]]
    lowest: float
    minima: tuple[tuple[float, float], ...] = ()
    names: tuple[str, str] = ("x", "y")
    samples: int = 0
    steps: int = 150
    columns: int = 121

    @property
    def size(self) -> float:
        """The longer side of the part that is shown."""
        return max(high - low for low, high in self.bounds)

    def at(self, points: Array) -> Array:
        """The loss at some points.

        Args:
            points: (..., 2).

        Returns:
            (...).
        """
        x, y = (koubai.tensor(points[..., axis], dtype=koubai.float64) for axis in (0, 1))
        with koubai.no_grad():
            return np.asarray(self.loss(x, y, None).numpy())

    def gradient(self, point: Array) -> Array:
        """The gradient of the whole loss at a point, by backpropagation.

        Args:
            point: (2,).

        Returns:
            (2,).
        """
        place = koubai.tensor(point, dtype=koubai.float64, requires_grad=True)
        self.loss(place[0], place[1], None).backward()
        assert place.grad is not None
        return np.asarray(place.grad.numpy())

    def grid(self) -> tuple[Array, Array, Array]:
        """The loss on a grid over the part that is shown.

        Returns:
            the x of the columns, the y of the rows, and the loss (rows, columns).
        """
        xs, ys = (np.linspace(low, high, self.columns) for low, high in self.bounds)
        return xs, ys, self.at(np.stack(np.meshgrid(xs, ys), axis=-1))  # (rows, columns, 2)

    def batches(self, size: int | None, seed: int = 0) -> Iterator[Rows]:
        """The samples of one update after the other, epoch after epoch without end, each in a new random order.

        Args:
            size: samples in a batch; None for all of them.
            seed: decides the order.

        Raises:
            ValueError: the loss is not a mean over samples, or there are fewer of them.
        """
        if size is None:
            return repeat(None)
        if not 1 <= size <= self.samples:
            raise ValueError(f"a batch of {size} cannot be taken from {self.samples} samples")
        return self._shuffled(size, seed)

    def _shuffled(self, size: int, seed: int) -> Iterator[Rows]:
        order = RandomSampler(range(self.samples), generator=koubai.Generator().manual_seed(seed))
        batches = BatchSampler(order, size, drop_last=False)
        while True:
            yield from batches
