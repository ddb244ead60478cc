"""Samplers decide which samples come when; those of chance depend on their seed and the epoch alone.

Names and arguments are those of `torch.utils.data`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from koubai.data.draw import derived_generator, draw_seed, permutation, positions, uniform
from koubai.data.values import Values, to_array
from koubai.engine.random import Generator

Item = TypeVar("Item")


class Sampler(Generic[Item]):
    """The base of samplers: define `__iter__`, which gives the indices of one epoch, and `__len__`."""

    def __iter__(self) -> Iterator[Item]:
        raise NotImplementedError(f"{type(self).__name__} has to define __iter__()")

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} has no length: define __len__()")


class SequentialSampler(Sampler[int]):
    """All samples in their own order.

    Args:
        data_source: the data set, or anything with its length.
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class SeededSampler(Sampler[int]):
    """The base of samplers whose order depends on a seed and the epoch alone: define `draw` and `__len__`.

    A seed is drawn from the generator once, at construction. Each iteration is the next epoch; `set_epoch`
    goes to any other one.

    Attributes:
        seed: the seed; with it and the epoch's number the order of any epoch can be had again.
        epoch: the epoch that the next iteration gives.
    """

    def __init__(self, generator: Generator | None = None) -> None:
        self.seed = draw_seed(generator)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration give this epoch's order."""
        self.epoch = int(epoch)

    def draw(self, generator: Generator) -> NDArray[np.int64]:
        """The indices of one epoch."""
        raise NotImplementedError(f"{type(self).__name__} has to define draw(generator)")

    def __iter__(self) -> Iterator[int]:
        generator = derived_generator(self.seed, "order", self.epoch)
        self.epoch += 1
        return iter(self.draw(generator).tolist())


class RandomSampler(SeededSampler):
    """All samples in random order, a new one in each epoch.

    Args:
        data_source: the data set, or anything with its length.
        replacement: draw every sample from all, so that some come twice and some not at all.
        num_samples: how many to draw per epoch; by default as many as there are.
        generator: where the seed is drawn from; the default generator if None.

    Raises:
        ValueError: when there is nothing to draw from, or num_samples is not a positive number.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        if len(data_source) == 0:
            raise ValueError("RandomSampler: the data set is empty (0 samples)")
        self.data_source = data_source
        self.replacement = replacement
        self.num_samples = _positive("num_samples", len(data_source) if num_samples is None else num_samples)

    def draw(self, generator: Generator) -> NDArray[np.int64]:
        """The indices of one epoch; without replacement nothing comes again before everything has come."""
        count = len(self.data_source)
        if self.replacement:
            return positions(np.full(self.num_samples, count), generator)
        rounds = -(-self.num_samples // count)
        return np.concatenate([permutation(count, generator) for _ in range(rounds)])[: self.num_samples]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(SeededSampler):
    """The given samples in random order.

    Args:
        indices: the samples to choose from.
        generator: where the seed is drawn from; the default generator if None.
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        super().__init__(generator)
        self.indices = indices

    def draw(self, generator: Generator) -> NDArray[np.int64]:
        """The indices of one epoch."""
        return np.asarray(self.indices, dtype=np.int64)[permutation(len(self.indices), generator)]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(SeededSampler):
    """Samples drawn by weight, for instance to see rare classes as often as common ones.

    Args:
        weights: one non-negative weight per sample (N,); they need not add up to 1.
        num_samples: how many to draw per epoch.
        replacement: whether a sample may come more than once per epoch.
        generator: where the seed is drawn from; the default generator if None.

    Raises:
        ValueError: when a weight is negative or not finite, or fewer than num_samples can be drawn.

    Example:
        >>> share = koubai.bincount(labels)[labels]  # how often each sample's class occurs
        >>> sampler = WeightedRandomSampler(1 / share, num_samples=len(labels))
    """

    def __init__(
        self,
        weights: Values,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.weights = to_array(weights).astype(np.float64)
        self.num_samples = _positive("num_samples", num_samples)
        self.replacement = replacement
        if self.weights.ndim != 1 or not np.isfinite(self.weights).all() or (self.weights < 0).any():
            raise ValueError(
                "WeightedRandomSampler: weights have to be one finite, non-negative number per sample"
            )
        possible = np.count_nonzero(self.weights)
        if possible == 0 or (not replacement and num_samples > possible):
            raise ValueError(
                f"WeightedRandomSampler: cannot draw {num_samples} samples (replacement={replacement}) from "
                f"{possible} samples with a weight above 0"
            )

    def draw(self, generator: Generator) -> NDArray[np.int64]:
        """The indices of one epoch."""
        if self.replacement:
            ends = np.cumsum(self.weights)
            draws = uniform(self.num_samples, generator) * ends[-1]
            return np.asarray(np.searchsorted(ends, draws, side="right"))
        # The samples with the smallest log(1/u) / weight: Efraimidis and Spirakis, 2006, IPL 97(5).
        with np.errstate(divide="ignore"):
            waits = -np.log1p(-uniform(len(self.weights), generator)) / self.weights
        waits[self.weights == 0] = np.inf
        return np.argsort(waits, kind="stable")[: self.num_samples]

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[Item]]):
    """Groups what another sampler gives into batches.

    Args:
        sampler: gives the items, mostly indices.
        batch_size: how many items make a batch; the last batch of an epoch may be smaller.
        drop_last: leave that smaller batch out.

    Raises:
        ValueError: when batch_size is not a positive number.
    """

    def __init__(self, sampler: Iterable[Item], batch_size: int, drop_last: bool = False) -> None:
        self.sampler = sampler
        self.batch_size = _positive("batch_size", batch_size)
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Item]]:
        items = iter(self.sampler)
        while batch := list(islice(items, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]  # raises a TypeError that says so
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def _positive(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value <= 0:
        raise ValueError(f"{name} has to be a whole number of at least 1, but it is {value!r}")
    return int(value)
