"""Samples to look at a model with: drawn at random from the data where that can be, else kept from first batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import koubai
from koubai.data import DataLoader
from koubai.data.dataset import gathers
from koubai.doctor.facts.anatomy import first_tensor
from koubai.doctor.framework import Framework
from koubai.doctor.machine import one_thread
from koubai.doctor.patient import Patient, Sample
from koubai.train.batch import Batch, leaves
from koubai.train.feed import Feed

__all__ = [
    "SAMPLES",
    "affordable",
    "can_draw",
    "drawn",
    "is_quick",
    "joined",
    "most",
    "sample_of",
    "seconds_of",
    "some_of",
]

SAMPLES = 512  # enough that a share is known to 2 %, few enough to look at in a moment
_BYTES = (
    2**24
)  # of these samples: a checkpoint may hold them; where they are large there are fewer, but a few
_FEW = 16
_SECONDS = 0.25  # for one pass
_QUICK = 0.003  # for a few samples: then all take at most a tenth of a second


def can_draw(feed: Feed | None) -> bool:
    """Whether any sample of a feed can be had by its number."""
    loader = getattr(feed, "source", None)
    dataset: Any = getattr(loader, "dataset", None)
    listed = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    return isinstance(loader, DataLoader) and listed and len(dataset) > 0


def drawn(feed: Feed | None) -> Sample | None:
    """Return samples drawn at random from what a loader loads; None where it has to be gone through."""
    if feed is None or not can_draw(feed):
        return None
    loader: Any = feed.source
    dataset = loader.dataset
    first = Batch.of(loader.collate_fn([dataset[0]]))
    places = np.random.default_rng(0).permutation(len(dataset))[: most(first)]
    with koubai.fork_rng():  # which a data set that augments may draw from
        raw = (
            dataset.gather(places)
            if gathers(dataset)
            else loader.collate_fn([dataset[int(n)] for n in places])
        )
        return joined([Batch.of(raw).on(feed.device)])


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


def sample_of(framework: Framework, model: Any, data: tuple[Any, Any]) -> Sample:
    """Return inputs (a tensor or an array, or a tuple of them) and targets as a sample of the model's framework."""
    like = next(iter(model.parameters()))

    def tensor(value: Any) -> Any:
        return value if isinstance(value, framework.tensors) else framework.tensor(value, like)

    inputs = data[0] if isinstance(data[0], tuple) else (data[0],)
    return Sample(tuple(map(tensor, inputs)), tensor(data[1]))


def some_of(sample: Sample) -> Sample:
    """Return some of the samples, drawn at random, for they may be in an order."""
    return sample.take(np.random.default_rng(0).permutation(len(sample))[:SAMPLES].tolist())


def seconds_of(patient: Patient, sample: Sample) -> float:
    """Return how long one thread computes to go through the model with a few samples."""
    with one_thread():
        began = time.thread_time()
        patient.answers(sample.take(slice(0, _FEW)))
        return max(time.thread_time() - began, 1e-6)


def affordable(sample: Sample, seconds: float) -> Sample:
    """Return as many of the samples as the model takes in without keeping anybody waiting.

    A look goes through the model some ten times. Small models are looked at with all samples; how many a large one gets
    depends on how long it took for a few (`seconds_of`).
    """
    return sample.take(slice(0, max(2 * _FEW, int(_FEW * _SECONDS / seconds))))


def is_quick(seconds: float) -> bool:
    """Whether a model that takes so long for a few samples gains nothing by more than one thread."""
    return seconds < _QUICK


def most(batch: Batch) -> int:
    """Return how many samples like these are looked at."""
    tensors: list[Any] = [tensor for _path, tensor in leaves((batch.inputs, batch.target), "")]
    size = sum(int(tensor.nbytes) for tensor in tensors)
    return min(SAMPLES, max(_FEW, _BYTES * batch.size // max(size, 1)))
