"""Cuts a data set into parts, by chance or so that every class keeps its share in every part."""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from koubai.data.dataset import Dataset, Subset, labels_of
from koubai.data.draw import permutation
from koubai.data.values import Values, to_array
from koubai.engine.random import Generator

Sample = TypeVar("Sample")


def random_split(
    dataset: Dataset[Sample], lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset[Sample]]:
    """Cut a data set into random parts that do not overlap.

    Args:
        dataset: a data set with a length.
        lengths: sizes that add up to the data set's length, or fractions that add up to 1.
        generator: where the order is drawn from; the default generator if None.

    Returns:
        One `Subset` for each length.

    Raises:
        ValueError: when the lengths do not add up, or a fraction is too small for one sample.

    Example:
        >>> train, validation = random_split(data, [0.9, 0.1], koubai.Generator().manual_seed(0))
    """
    return [Subset(dataset, part.tolist()) for part in random_indices(dataset, lengths, generator)]


def stratified_split(
    dataset: Dataset[Sample],
    lengths: Sequence[float],
    generator: Generator | None = None,
    labels: Values | None = None,
) -> list[Subset[Sample]]:
    """Cut a data set into random parts in which every class has the share that it has in the whole.

    A class of n samples puts n times the part's fraction into a part, up to rounding.

    Args:
        dataset: a data set with a length.
        lengths: sizes that add up to the data set's length, or fractions that add up to 1.
        generator: where the order is drawn from; the default generator if None.
        labels: the class of each sample (N,); by default the last item of each sample.

    Returns:
        One `Subset` for each length.

    Raises:
        ValueError: when the lengths do not add up, a fraction is too small for one sample, or the labels are
            not classes.

    Example:
        >>> train, test = stratified_split(iris, [0.8, 0.2], koubai.Generator().manual_seed(0))
    """
    classes = labels_of(dataset) if labels is None else to_array(labels)
    if len(classes) != len(dataset):
        raise ValueError(f"stratified_split: {len(classes)} labels for {len(dataset)} samples")
    return [Subset(dataset, part.tolist()) for part in stratified_indices(classes, lengths, generator)]


def random_indices(
    samples: Sized, lengths: Sequence[float], generator: Generator | None = None
) -> list[NDArray[np.int64]]:
    """The indices of the parts that `random_split` makes, from the number of samples alone."""
    sizes = part_sizes(len(samples), lengths)
    order = permutation(len(samples), generator)
    return np.split(order, np.cumsum(sizes)[:-1])


def stratified_indices(
    labels: Values, lengths: Sequence[float], generator: Generator | None = None
) -> list[NDArray[np.int64]]:
    """The indices of the parts that `stratified_split` makes, from the labels (N,) alone."""
    classes = _checked_classes(to_array(labels))
    sizes = part_sizes(len(classes), lengths)
    order = permutation(len(classes), generator)
    rest = order[np.argsort(classes[order], kind="stable")]  # class by class, shuffled within each
    place = np.argsort(order)
    parts = []
    for size in sizes:
        chosen = _every_nth(len(rest), size)
        parts.append(np.sort(place[rest[chosen]]))
        rest = rest[~chosen]
    return [order[part] for part in parts]  # in the shuffled order again, not class by class


def part_sizes(count: int, lengths: Sequence[float]) -> list[int]:
    """The sizes of the parts; the samples that fractions leave over go to the first parts, one each."""
    if count == 0:
        raise ValueError("cannot split an empty data set (0 samples)")
    total = sum(lengths)
    sizes = [int(length) for length in lengths]
    if math.isclose(total, 1) and all(0 <= length <= 1 for length in lengths):
        sizes = [math.floor(count * length) for length in lengths]
        for part in range(count - sum(sizes)):
            sizes[part % len(sizes)] += 1
        if 0 in sizes:
            raise ValueError(
                f"fractions {list(lengths)} of {count} samples leave a part empty (sizes {sizes}); "
                "add samples, or choose other fractions"
            )
    elif sum(sizes) != count or sizes != list(lengths) or min(sizes) < 0:
        raise ValueError(
            f"lengths {list(lengths)} add up to {total:g}: they have to be sizes that add up to the {count} "
            "samples of the data set, or fractions that add up to 1"
        )
    return sizes


def _every_nth(count: int, size: int) -> NDArray[np.bool_]:
    """Mark exactly `size` of `count` places, evenly spaced."""
    ends = np.arange(1, count + 1) * size // count
    return np.diff(ends, prepend=0) > 0


def _checked_classes(labels: NDArray[Any]) -> NDArray[Any]:
    if labels.ndim != 1 or labels.dtype.kind == "f":
        raise ValueError(
            f"a stratified split needs one class per sample, but the labels are {labels.dtype} of shape "
            f"{list(labels.shape)}; use random_split for other targets"
        )
    return labels
