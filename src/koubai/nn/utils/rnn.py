"""Sequences of different lengths as one tensor, and back."""

from __future__ import annotations

from collections.abc import Sequence

import koubai
from koubai.engine.tensor import Tensor

__all__ = ["pad_sequence", "unpad_sequence"]


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Return sequences side by side, the shorter ones filled up to the length T of the longest.

    Args:
        sequences: N tensors of shape (length, *).
        batch_first: whether the result is (N, T, *) instead of (T, N, *).
        padding_value: what they are filled up with.
        padding_side: "right" fills behind their ends, "left" before their beginnings.

    Raises:
        ValueError: if there are no sequences, or for another side.
        RuntimeError: if their other dimensions differ.
    """
    if not sequences or padding_side not in ("left", "right"):
        raise ValueError(
            f"pad_sequence: needs sequences and a side, left or right; got {len(sequences)} and {padding_side!r}"
        )
    length = max(len(sequence) for sequence in sequences)
    padded = [_padded(sequence, length, padding_value, padding_side) for sequence in sequences]
    return koubai.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """Return the sequences without their filling, which stands behind their ends.

    Args:
        padded_sequences: (T, N, *), or (N, T, *) with `batch_first`.
        lengths: of the sequences, (N,).
        batch_first: whether the sequences are counted by the first dimension.
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:length] for row, length in zip(rows, lengths.tolist())]


def _padded(sequence: Tensor, length: int, value: float, side: str) -> Tensor:
    filling = sequence.new_full((length - len(sequence), *sequence.shape[1:]), value)
    return koubai.cat([sequence, filling] if side == "right" else [filling, sequence])
