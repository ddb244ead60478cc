"""Samples to look at a model with: drawn at random from the data where that can be, else kept from first batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import koubai
from koubai.data import DataLoader
from koubai.doctor.facts.anatomy import first_tensor
from koubai.doctor.patient import Sample
from koubai.train.batch import Batch, leaves
from koubai.train.feed import Feed

__all__ = ["SAMPLES", "drawn", "joined", "most"]

SAMPLES = 512  # enough that a share is known to 2 %, few enough to look at in a moment
_BYTES = (
    2**24
)  # of these samples: a checkpoint may hold them; where they are large there are fewer, but a few
_FEW = 16


def drawn(feed: Feed | None) -> Sample | None:
    """Return samples drawn at random from what a loader loads; None where it has to be gone through."""
    loader = getattr(feed, "source", None)
    dataset: Any = getattr(loader, "dataset", None)
    listed = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    if not isinstance(loader, DataLoader) or not listed or not len(dataset):
        return None
    first = Batch.of(loader.collate_fn([dataset[0]]))
    places = np.random.default_rng(0).permutation(len(dataset))[: most(first)]
    with koubai.fork_rng():  # which a data set that augments may draw from
        return joined([Batch.of(loader.collate_fn([dataset[int(n)] for n in places]))])


def joined(batches: Sequence[Batch]) -> Sample | None:
    """Return batches as one sample; None if there are none, or they cannot be put together."""
    if not batches or not batches[0].inputs:
        return None
    try:
        inputs = tuple(koubai.cat(list(parts)) for parts in zip(*(batch.inputs for batch in batches)))
        target: Any = koubai.cat([batch.target for batch in batches])
    except (RuntimeError, TypeError, ValueError):
        return Sample(batches[0].inputs, first_tensor(batches[0].target))
    return Sample(inputs, target).take(slice(0, SAMPLES))


def most(batch: Batch) -> int:
    """Return how many samples like these are looked at."""
    tensors: list[Any] = [tensor for _path, tensor in leaves((batch.inputs, batch.target), "")]
    size = sum(int(tensor.nbytes) for tensor in tensors)
    return min(SAMPLES, max(_FEW, _BYTES * batch.size // max(size, 1)))
