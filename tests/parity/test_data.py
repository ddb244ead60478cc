"""Batches and splits agree with `torch.utils.data`: structure, dtypes, values, sizes and argument order."""

from __future__ import annotations

import inspect
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import koubai
from koubai.data import DataLoader, default_collate, random_split

torch = pytest.importorskip("torch")
torch_data = pytest.importorskip("torch.utils.data")

Point = namedtuple("Point", "x y")

SAMPLES = {
    "ints": [1, 2, 3],
    "floats": [0.5, 1.5],
    "bools": [True, False],
    "words": ["a", "b"],
    "bytes": [b"a", b"b"],
    "arrays": [np.arange(3, dtype=np.int32), np.arange(3, 6, dtype=np.int32)],
    "half": [np.ones(2, np.float16), np.zeros(2, np.float16)],
    "NumPy numbers": [np.float32(1.5), np.float32(2.5)],
    "tuples": [(1, 2.5, "a"), (2, 3.5, "b")],
    "lists": [[1, 2], [3, 4]],
    "dicts": [{"x": 1.0, "y": {"z": [1]}}, {"x": 2.0, "y": {"z": [2]}}],
    "named tuples": [Point(1, 2.0), Point(3, 4.0)],
}


def described(tree: Any) -> Any:
    """A batch as plain data: containers by kind, tensors by dtype and values."""
    if isinstance(tree, koubai.Tensor | torch.Tensor):
        return str(tree.dtype).removeprefix("torch."), tree.tolist()
    if isinstance(tree, dict):
        return {key: described(value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree).__name__, [described(item) for item in tree]
    return tree


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_joined_alike(name: str) -> None:
    assert described(default_collate(SAMPLES[name])) == described(torch_data.default_collate(SAMPLES[name]))


@pytest.mark.parametrize("samples", [[np.ones(2), np.ones(3)], [[1], [1, 2]]])
def test_unequal_samples_are_the_same_kind_of_error(samples: list[Any]) -> None:
    for collate in (default_collate, torch_data.default_collate):
        with pytest.raises(RuntimeError):
            collate(samples)


def test_what_cannot_be_joined_is_the_same_kind_of_error() -> None:
    for collate in (default_collate, torch_data.default_collate):
        with pytest.raises(TypeError):
            collate([object(), object()])


@pytest.mark.parametrize("lengths", [[0.5, 0.5], [0.9, 0.1], [0.34, 0.33, 0.33], [7, 3, 1], [11]])
def test_parts_are_as_large(lengths: list[float]) -> None:
    parts = random_split(range(11), lengths, koubai.Generator().manual_seed(0))
    theirs = torch_data.random_split(range(11), lengths)
    assert [len(part) for part in parts] == [len(part) for part in theirs]
    assert sorted(index for part in parts for index in part.indices) == list(range(11))


def test_wrong_lengths_are_the_same_kind_of_error() -> None:
    for split in (random_split, torch_data.random_split):
        with pytest.raises(ValueError):
            split(range(11), [5, 5])


def test_the_loaders_arguments_are_torchs() -> None:
    theirs = inspect.signature(torch_data.DataLoader).parameters
    ours = inspect.signature(DataLoader).parameters
    same = [(p.name, p.kind, p.default) for p in theirs.values()]
    assert [(p.name, p.kind, p.default) for p in ours.values() if p.name != "augment"] == same


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}])
def test_batches_in_order_are_alike(options: dict[str, Any]) -> None:
    samples = [(np.full(2, number, np.float32), number) for number in range(7)]
    ours, theirs = DataLoader(samples, **options), torch_data.DataLoader(samples, **options)
    assert [described(batch) for batch in ours] == [described(batch) for batch in theirs]
