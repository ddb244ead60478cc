"""What stands in rows of words besides words, in every recipe that writes sentences, and how rows are filled up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["BEGIN", "END", "PADDING", "SPECIAL", "UNKNOWN", "Words", "padded", "shifted"]

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
PADDING, BEGIN, END, UNKNOWN = range(4)

Words = Sequence[str]
Ids = NDArray[np.int64]


def padded(rows: Sequence[Ids], length: int | None = None) -> Ids:
    """Token numbers as a matrix (N, length), filled up with padding; as long as the longest without a length."""
    whole = np.full((len(rows), length or max(map(len, rows))), PADDING)
    for number, row in enumerate(rows):
        whole[number, : len(row)] = row
    return whole


def shifted(rows: Sequence[Ids], length: int) -> tuple[Ids, Ids]:
    """For each place of a sentence what was written before (N, length), and what is to be written (N, length)."""
    return (
        padded([np.array([BEGIN, *row]) for row in rows], length),
        padded([np.array([*row, END]) for row in rows], length),
    )
