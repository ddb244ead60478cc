"""Windows on a long sequence, such as a text: what a model reads, and the same one step later, which it is to say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.data.dataset import TensorDataset
from koubai.engine.random import Generator

__all__ = ["RandomWindows", "windows"]

Sequence = NDArray[np.int64]


def windows(sequence: Sequence, length: int) -> TensorDataset:
    """Cut a sequence into windows that do not overlap; what is left at its end is dropped.

    Args:
        sequence: tokens (L,).
        length: of a window, T.

    Returns:
        inputs (N, T), and targets (N, T): the inputs one step later.

    Raises:
        ValueError: the sequence is too short for one window.
    """
    count = (len(sequence) - 1) // length
    if count < 1:
        raise ValueError(
            f"windows of {length} need a sequence of at least {length + 1}, got one of {len(sequence)}"
        )
    end = count * length
    return TensorDataset(sequence[:end].reshape(count, -1), sequence[1 : end + 1].reshape(count, -1))


class RandomWindows:
    """Augmentation: as many windows as the batch has, at places of the sequence drawn anew each time.

    Args:
        sequence: tokens (L,).
        length: of a window, T.

    Example:
        >>> loader = DataLoader(windows(text, 128), 64, shuffle=True, augment=RandomWindows(text, 128))
    """

    def __init__(self, sequence: Sequence, length: int) -> None:
        self.sequence, self.length = sequence, length

    def __call__(self, batch: Any, generator: Generator | None = None) -> list[koubai.Tensor]:
        """Windows (N, T), and the same one step later, in the place of those in the batch."""
        highest = len(self.sequence) - self.length
        starts = koubai.randint(0, highest, (len(batch[0]),), generator=generator).numpy()
        places = starts[:, None] + np.arange(self.length)  # (N, T)
        return [koubai.tensor(self.sequence[places + step]) for step in (0, 1)]
