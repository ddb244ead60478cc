"""Data sets: anything that has a length and gives sample number i; most people need `TensorDataset`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

import koubai
from koubai.engine.tensor import Tensor

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample]):
    """The base of data sets that give a sample for an index: define `__getitem__` and `__len__`.

    Example:
        >>> class Squares(Dataset[tuple[int, int]]):
        ...     def __getitem__(self, index: int) -> tuple[int, int]:
        ...         return index, index**2
        ...
        ...     def __len__(self) -> int:
        ...         return 10
    """

    def __getitem__(self, index: Any) -> Sample:
        """The sample at `index`."""
        raise NotImplementedError(f"{type(self).__name__} has to define __getitem__(index)")

    def __len__(self) -> int:
        """The number of samples."""
        raise TypeError(f"{type(self).__name__} has no length: define __len__()")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample]):
    """The base of data sets that can only be read from the start, such as a stream: define `__iter__`."""

    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError(f"{type(self).__name__} has to define __iter__()")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        raise TypeError(
            "an IterableDataset has no indices, so it cannot be joined to another; use itertools.chain"
        )


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors whose rows belong together: sample i is `(tensors[0][i], tensors[1][i], ...)`.

    Args:
        *tensors: tensors or arrays (N, ...) of one length N, usually the inputs and the targets.

    Raises:
        ValueError: when there is none, one is a scalar, or their lengths differ.

    Example:
        >>> data = TensorDataset(koubai.zeros(150, 4), koubai.zeros(150, dtype=koubai.int64))
        >>> len(data)
        150
    """

    def __init__(self, *tensors: Tensor | ArrayLike) -> None:
        self.tensors: tuple[Tensor, ...] = tuple(koubai.as_tensor(tensor) for tensor in tensors)
        if not self.tensors:
            raise ValueError("TensorDataset needs at least one tensor, such as TensorDataset(x, y)")
        shapes = [tuple(tensor.shape) for tensor in self.tensors]
        if not all(shapes):
            raise ValueError(f"TensorDataset: a scalar has no samples; the shapes are {_listed(shapes)}")
        if len({shape[0] for shape in shapes}) > 1:
            raise ValueError(
                f"TensorDataset: the tensors hold different numbers of samples; their shapes are "
                f"{_listed(shapes)}, and all first dimensions have to be equal"
            )

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def gather(self, indices: Sequence[int]) -> list[Tensor]:
        """The samples at `indices` as one batch, which is much faster than one sample at a time."""
        rows = np.asarray(indices, dtype=np.int64)
        return [_rows(tensor, rows) for tensor in self.tensors]


class Subset(Dataset[Sample]):
    """Some samples of another data set.

    Args:
        dataset: where the samples come from.
        indices: which of them, in which order.
    """

    def __init__(self, dataset: Dataset[Sample], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Sample:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)

    def gather(self, indices: Sequence[int]) -> list[Tensor]:
        """The samples at `indices` as one batch; only where `gathers(self)`."""
        dataset: Any = self.dataset
        batch: list[Tensor] = dataset.gather([self.indices[index] for index in indices])
        return batch


class ConcatDataset(Dataset[Sample]):
    """Several data sets, one after the other.

    Args:
        datasets: at least one data set with a length.

    Raises:
        ValueError: when there is none.
        TypeError: when one is an `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Dataset[Sample]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset needs at least one data set")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise TypeError("ConcatDataset cannot join an IterableDataset, which has no indices")
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def __getitem__(self, index: Any) -> Sample:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"sample {index} is out of range: the data sets hold {len(self)} samples in all")
        part = bisect_right(self.cumulative_sizes, position)
        start = self.cumulative_sizes[part - 1] if part else 0
        return self.datasets[part][position - start]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def gathers(dataset: object) -> bool:
    """Whether `dataset.gather` gives the same batch as collating its samples.

    A subclass with a `__getitem__` of its own, such as one that transforms samples, must not be bypassed.
    """
    kind: Any = type(dataset)
    if isinstance(dataset, Subset):
        return kind.__getitem__ is Subset.__getitem__ and gathers(dataset.dataset)
    return isinstance(dataset, TensorDataset) and kind.__getitem__ is TensorDataset.__getitem__


def labels_of(dataset: Any) -> NDArray[Any]:
    """The last item of every sample, which by custom is its target, as an array (N, ...)."""
    if isinstance(dataset, TensorDataset):
        return np.asarray(dataset.tensors[-1].numpy())
    if isinstance(dataset, Subset):
        return labels_of(dataset.dataset)[np.asarray(dataset.indices, dtype=np.int64)]
    return np.asarray([_plain(dataset[index][-1]) for index in range(len(dataset))])


def _rows(tensor: Tensor, rows: NDArray[np.int64]) -> Tensor:
    """Rows of a tensor; quicker than indexing where nobody wants its gradient."""
    if tensor.requires_grad or tensor.__class__ is not Tensor:
        return tensor[koubai.from_numpy(rows)]
    array: Any = tensor.payload
    return Tensor(array.take(rows, axis=0))


def _plain(label: Any) -> Any:
    return label.numpy() if isinstance(label, Tensor) else label


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))
