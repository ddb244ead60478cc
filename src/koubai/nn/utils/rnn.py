"""Sequences of different lengths as one tensor, padded or packed, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import koubai
from koubai.arrays import Array
from koubai.engine.tensor import Tensor
from koubai.ops.op import DataDependentError, Symbol

__all__ = [
    "PackedSequence",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


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


class PackedSequence(NamedTuple):
    """Sequences of different lengths without filling: all first elements, then all second ones, and so on.

    The longest sequence stands first. Made by `pack_padded_sequence` and `pack_sequence`; RNN, LSTM and GRU take it and
    return one.

    Attributes:
        data: the elements, (sum of the lengths, *).
        batch_sizes: how many sequences have an element at each time, (T,).
        sorted_indices: which sequence stands at each place, (N,); None means each at its own. PyTorch's packing gives
            None where sequences are sorted already; here it never does, so that N is known while tracing.
        unsorted_indices: at which place each sequence stands, (N,); None likewise.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def padded(self) -> tuple[Tensor, Tensor]:
        """Return the sequences side by side, (T, N, *), zero after their ends, and where they are, bool (T, N)."""
        places, inside = self._places()
        rows = self.data.index_select(0, places.reshape(-1)).reshape(*places.shape, *self.data.shape[1:])
        return _filled(rows, inside, 0), inside

    def with_elements(self, padded: Tensor) -> PackedSequence:
        """Return other sequences, given as (T, N, *), packed as these are."""
        places, inside = self._places()
        count = self.data.shape[0]
        places = koubai.where(inside, places, count).reshape(-1)  # what is filling goes to one place more
        rows = places.new_zeros(count + 1)
        rows = rows.index_copy(0, places, koubai.arange(places.shape[0], device=places.device))[:count]
        return self._replace(data=padded.flatten(0, 1).index_select(0, rows))

    def _places(self) -> tuple[Tensor, Tensor]:
        """Return where in the data element t of sample n lies, (T, N), and whether there is one."""
        order = self.unsorted_indices
        if order is None:
            order = koubai.arange(int(self.batch_sizes[0]), device=self.data.device)
        sizes = self.batch_sizes.to(self.data.device).unsqueeze(1)  # (T, 1)
        inside = order < sizes  # (T, N)
        return koubai.where(inside, sizes.cumsum(0) - sizes + order, 0), inside


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Return padded sequences packed, without their filling.

    Args:
        input: (T, N, *), or (N, T, *) with `batch_first`.
        lengths: of the sequences, (N,), each from 1 to T.
        batch_first: whether the sequences are counted by the first dimension.
        enforce_sorted: whether the longest must stand first, the shortest last; otherwise they are sorted here.

    Raises:
        RuntimeError: if a length does not fit, or the sequences are not sorted though they must be.
        DataDependentError: if the lengths are traced: the result's shape depends on them.

    Example:
        >>> packed = pack_padded_sequence(koubai.tensor([[1, 4], [2, 5], [3, 0]]), [3, 2])
        >>> packed.data, packed.batch_sizes
        (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """
    rows = input.transpose(0, 1) if batch_first else input
    steps, samples = rows.shape[:2]
    sizes = _checked_lengths(lengths, steps, samples)
    order = np.argsort(-sizes, kind="stable")
    if enforce_sorted and (np.diff(sizes) > 0).any():
        raise RuntimeError(
            f"pack_padded_sequence: the longest sequence must stand first and the shortest last, got lengths "
            f"{sizes.tolist()}; give enforce_sorted=False"
        )
    there = np.arange(sizes.max())[:, None] < sizes[order]  # (T, N)
    times, places = there.nonzero()
    found = (times * samples + order[places], order, np.argsort(order))
    taken, first, back = (koubai.from_numpy(places).to(input.device) for places in found)
    data = rows.flatten(0, 1).index_select(0, taken)
    return PackedSequence(data, koubai.from_numpy(there.sum(1)), first, back)


def _checked_lengths(lengths: Tensor | Sequence[int], steps: int, samples: int) -> Array:
    if isinstance(lengths, Tensor) and isinstance(lengths.payload, Symbol):
        raise DataDependentError(
            "pack_padded_sequence: how many elements there are depends on the lengths, which are traced; call the "
            "layer with lengths=... instead, or pack before"
        )
    sizes = np.asarray(lengths.cpu() if isinstance(lengths, Tensor) else lengths, np.int64)
    if sizes.shape != (samples,) or not samples or sizes.min() < 1 or sizes.max() > steps:
        raise RuntimeError(
            f"pack_padded_sequence: {samples} sequences padded to {steps} need as many lengths, from 1 to {steps}; got "
            f"{sizes.tolist()}"
        )
    return sizes


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return packed sequences side by side, filled up, in their order before packing, and their lengths.

    Args:
        sequence: what `pack_padded_sequence` or a layer returned.
        batch_first: whether the result is (N, T, *) instead of (T, N, *).
        padding_value: what they are filled up with.
        total_length: T of the result, at least that of the longest sequence, which is the default.

    Returns:
        the padded sequences, and the lengths, (N,).

    Raises:
        ValueError: if total_length is less than the longest sequence.
    """
    rows, inside = sequence.padded()
    steps = rows.shape[0]
    if total_length is not None and total_length < steps:
        raise ValueError(
            f"pad_packed_sequence: total_length {total_length} is less than the longest, {steps}"
        )
    missing = (total_length or steps) - steps
    filled = _filled(rows, inside, padding_value)
    filled = koubai.cat([filled, filled.new_full((missing, *filled.shape[1:]), padding_value)])
    return (filled.transpose(0, 1) if batch_first else filled), inside.sum(0)


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Return N sequences of shape (length, *) packed; errors are `pack_padded_sequence`'s."""
    lengths = [len(sequence) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Return the sequences, each (length, *), in their order before packing."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences))


def _filled(rows: Tensor, inside: Tensor, value: float) -> Tensor:
    """Return the rows (T, N, *) with a number where the mask (T, N) does not hold."""
    wide = inside.reshape(*inside.shape, *[1] * (rows.ndim - 2))
    return rows.masked_fill(~wide, value)
