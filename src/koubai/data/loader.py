"""`DataLoader`: gives the batches of an epoch, in an order that depends on its seed and the epoch alone.

So a run that was interrupted in mid-epoch goes on with exactly the batches that were still to come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from koubai.data.collate import default_collate, default_convert
from koubai.data.dataset import Dataset, IterableDataset, gathers
from koubai.data.draw import derived_generator, draw_seed
from koubai.data.sampler import BatchSampler, RandomSampler, SeededSampler, SequentialSampler
from koubai.engine.random import Generator

Augment = Callable[[Any, Generator], Any]


class DataLoader:
    """The batches of a data set, epoch by epoch.

    Batch size decides the kind of descent: `batch_size=len(dataset)` is batch gradient descent, 1 is
    stochastic gradient descent, anything between is the usual mini-batch descent (32 to 256).

    Each `iter(loader)` is one epoch, and the next one has another order. The order is a pure function of the
    loader's seed and the epoch's number. The seed is drawn from the generator at construction, so the same
    seed of the generator gives the same batches.

    Arguments are those of `torch.utils.data.DataLoader`, plus `augment`. The ones that only concern worker
    processes or a GPU's memory are accepted, so that a program written for PyTorch runs, and have no effect.

    Args:
        dataset: has `__getitem__` and `__len__`, such as a `TensorDataset`, a list, or an `IterableDataset`.
        batch_size: samples per batch; None gives single samples that are not collated.
        shuffle: draw a new random order for each epoch.
        sampler: gives the indices of an epoch instead.
        batch_sampler: gives lists of indices instead.
        num_workers: only 0: batches are made in this process.
        collate_fn: makes a batch of a list of samples; `default_collate` if None.
        pin_memory, pin_memory_device: no effect.
        drop_last: leave out a last batch that is smaller than the others.
        timeout, worker_init_fn, multiprocessing_context, prefetch_factor, persistent_workers, in_order: no
            effect, as there are no workers.
        generator: where the seed is drawn from; the default generator if None.
        augment: `augment(batch, generator)` changes each batch at random, such as a `Compose` of image
            transforms. Its generator depends on seed, epoch and position alone, so a resumed run augments
            alike.

    Raises:
        ValueError: when the data set is empty, no batch would come out, or options exclude each other.

    Example:
        >>> generator = koubai.Generator().manual_seed(0)
        >>> loader = DataLoader(train, batch_size=32, shuffle=True, generator=generator)
        >>> for x, y in loader:
        ...     train_step(x, y)
    """

    def __init__(
        self,
        dataset: Dataset[Any] | Sequence[Any],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Sequence[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        augment: Augment | None = None,
    ) -> None:
        _check_workers(num_workers)
        _check_options(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.generator = generator
        self.augment = augment
        self.sampler = _first_given(sampler, getattr(batch_sampler, "sampler", None))
        if self.sampler is None:
            self.sampler = _default_sampler(dataset, bool(shuffle), generator)
        self.batch_sampler = batch_sampler
        if batch_size is not None:
            self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.collate_fn = collate_fn or (default_convert if self.batch_sampler is None else default_collate)
        self.seed = self._draw_seed()
        self.epoch = 0
        self._position = 0
        self._begun = 0  # how many iterations were begun; only the latest one moves epoch and position
        self._under_way = False
        self._check_not_empty()

    def __iter__(self) -> Iterator[Any]:
        if self._under_way:  # the one before was left in mid-epoch
            self.set_epoch(self.epoch + 1)
        self._under_way = True
        self._begun += 1
        return self._batches(self._begun, self.epoch, self._position)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return len(self._keys())  # type: ignore[arg-type]

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be this epoch, from its start."""
        self.load_state_dict({"seed": self.seed, "epoch": epoch, "position": 0})

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands: its seed, the epoch, and how many of the epoch's batches it has given."""
        return {"seed": self.seed, "epoch": self.epoch, "position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next iteration give the batches that were still to come when `state` was taken.

        A sampler of the user's own has to give the order of that epoch again; if it has `set_epoch`, it is
        told the epoch.

        Raises:
            ValueError: when it is not the state of a loader.
        """
        if set(state) != {"seed", "epoch", "position"}:
            raise ValueError(
                f"not a DataLoader's state: it holds {sorted(state)}, not seed, epoch and position"
            )
        self.seed, self.epoch, self._position = (int(state[name]) for name in ("seed", "epoch", "position"))
        self._under_way = False
        self._begun += 1

    def _batches(self, turn: int, epoch: int, start: int) -> Iterator[Any]:
        self._go_to(epoch)
        for position, key in enumerate(islice(iter(self._keys()), start, None), start):
            batch = self._fetch(key)
            if self.augment is not None:
                batch = self.augment(batch, derived_generator(self.seed, "augment", epoch, position))
            if turn == self._begun:
                self._position = position + 1
            yield batch
        if turn == self._begun:
            self.set_epoch(epoch + 1)

    def _keys(self) -> Iterable[Any]:
        """What an epoch is made of: lists of indices, single indices, or for a stream its samples."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _fetch(self, key: Any) -> Any:
        if isinstance(self.dataset, IterableDataset):
            return self.collate_fn(key)
        if self.batch_sampler is None:
            return self.collate_fn(self.dataset[key])
        if self.collate_fn is default_collate and gathers(self.dataset):
            return self.dataset.gather(key)  # type: ignore[union-attr]
        return self.collate_fn([self.dataset[index] for index in key])

    def _draw_seed(self) -> int:
        """A loader without chance draws nothing, so that making one never changes what others draw."""
        if isinstance(self.sampler, SeededSampler):
            return self.sampler.seed
        return draw_seed(self.generator) if self.augment is not None else 0

    def _go_to(self, epoch: int) -> None:
        """Tell the samplers that depend on them the seed and the epoch."""
        if isinstance(self.sampler, SeededSampler):
            self.sampler.seed = self.seed
        for sampler in (self.sampler, self.batch_sampler):
            if callable(tell := getattr(sampler, "set_epoch", None)):
                tell(epoch)

    def _check_not_empty(self) -> None:
        if self.drop_last and not isinstance(self.dataset, IterableDataset) and len(self) == 0:
            raise ValueError(
                f"DataLoader: {len(self.dataset)} samples make no batch of {self.batch_size} with "
                "drop_last=True; use a smaller batch_size or drop_last=False"
            )


def _check_workers(num_workers: int) -> None:
    if num_workers != 0:
        raise ValueError(
            f"DataLoader: num_workers={num_workers}, but batches are made in this process: a TensorDataset "
            "is gathered batch by batch, which needs no helpers; use num_workers=0"
        )


def _check_options(
    dataset: Any, batch_size: object, shuffle: object, sampler: object, batch_sampler: object, drop_last: bool
) -> None:
    order = {"shuffle": shuffle, "batch_sampler": batch_sampler}
    if isinstance(dataset, IterableDataset):
        _refuse("an IterableDataset decides its order", sampler=sampler, **order)
    elif len(dataset) == 0:
        raise ValueError("DataLoader: the data set is empty (0 samples)")
    if sampler is not None:
        _refuse("a sampler decides the order", **order)
    if batch_sampler is not None:
        own_size = batch_size not in (1, None)
        _refuse("a batch_sampler decides", shuffle=shuffle, drop_last=drop_last, batch_size=own_size)
    elif batch_size is None:
        _refuse("batch_size=None makes no batches", drop_last=drop_last)


def _refuse(reason: str, **options: object) -> None:
    given = [name for name, option in options.items() if option is not None and option is not False]
    if given:
        raise ValueError(f"DataLoader: {reason}, so {' and '.join(given)} cannot be given as well")


def _default_sampler(dataset: Any, shuffle: bool, generator: Generator | None) -> Iterable[Any]:
    if isinstance(dataset, IterableDataset):
        return dataset
    return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)


def _first_given(*options: Any) -> Any:
    return next((option for option in options if option is not None), None)
