"""Where in a sequence an element stands, told to attention, which by itself sees a set: three ways.

Sinusoidal and learned positions are added to the elements before the first layer; rotary ones turn the queries and
keys of every attention.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import koubai
from koubai.arrays import Array
from koubai.engine.tensor import Tensor
from koubai.nn import init
from koubai.nn.module import Module
from koubai.nn.parameter import new_parameter

__all__ = ["LearnedPositions", "RotaryPositions", "SinusoidalPositions"]


def _angles(features: int, max_len: int, base: float) -> Array:
    """t / base^(2i/features) for every position t and pair i, (max_len, features/2)."""
    return np.arange(max_len)[:, None] / base ** (np.arange(0, features, 2) / features)


def _rows(layer: Module, table: Tensor, length: int, start: int | Tensor) -> Tensor:
    """Return the rows of the positions `start` to `start + length - 1`.

    Raises:
        IndexError: if the table has no such rows.
    """
    if isinstance(start, Tensor):
        return table.index_select(0, start + koubai.arange(length, device=table.device))
    if not 0 <= start <= start + length <= table.shape[0]:
        raise IndexError(
            f"{type(layer).__name__}: positions {start} to {start + length - 1} are not among the first "
            f"max_len={table.shape[0]}"
        )
    return table[start : start + length]


class _AddedPositions(Module):
    """Positions that are added: the rows of a table (max_len, d_model)."""

    def __init__(self, d_model: int, max_len: int, batch_first: bool) -> None:
        super().__init__()
        self.d_model, self.max_len, self.batch_first = d_model, max_len, batch_first

    def _table(self) -> Tensor:
        raise NotImplementedError

    def forward(self, input: Tensor, start: int | Tensor = 0) -> Tensor:
        """Add the positions.

        Args:
            input: (L, N, d_model), (N, L, d_model) with batch_first, or (L, d_model).
            start: the position of the first element: a number, or an integer tensor () where it changes from call to
                call, as in generation.

        Raises:
            RuntimeError: if the input has another shape.
            IndexError: if a position is not below max_len.
        """
        if input.ndim not in (2, 3) or input.shape[-1] != self.d_model:
            order = "N, L" if self.batch_first else "L, N"
            raise RuntimeError(
                f"{type(self).__name__}: expected ({order}, {self.d_model}) or (L, {self.d_model}), "
                f"got {list(input.shape)}"
            )
        counts_samples = input.ndim == 3 and self.batch_first
        rows = _rows(self, self._table(), input.shape[int(counts_samples)], start)  # (L, E)
        return input + (rows if input.ndim == 2 or counts_samples else rows.unsqueeze(1))

    def extra_repr(self) -> str:
        """The sizes, and whether samples are counted first."""
        return f"{self.d_model}, max_len={self.max_len}, batch_first={self.batch_first}"


class SinusoidalPositions(_AddedPositions):
    """x + P with P[t, 2i] = sin(t / 10000^(2i/E)) and P[t, 2i+1] = cos of the same (Vaswani et al. 2017, section 3.5).

    Nothing is learned, and the state holds nothing. Scale embeddings by √E before, as the paper does.

    Args:
        d_model: features, E.
        max_len: positions there are.
        batch_first: whether input and output are (N, L, E), not (L, N, E).
        device: where its tensors live.
        dtype: of the positions.

    Shape:
        input and output (L, N, E), with batch_first (N, L, E), or (L, E).

    Example:
        >>> nn.SinusoidalPositions(4)(koubai.zeros(2, 4))
        tensor([[0.0000, 1.0000, 0.0000, 1.0000],
                [0.8415, 0.5403, 0.0100, 0.9999]])
    """

    table: Tensor

    def __init__(
        self,
        d_model: int,
        max_len: int = 5000,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(d_model, max_len, batch_first)
        angles = _angles(d_model, max_len, 10000.0)
        table = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(max_len, -1)[:, :d_model]
        kind = {"dtype": dtype or koubai.float32, "device": device}
        self.register_buffer("table", koubai.tensor(table, **kind), persistent=False)

    def _table(self) -> Tensor:
        return self.table


class LearnedPositions(_AddedPositions):
    """x + weight[t], with a learned vector for each position (Gehring et al. 2017), as in BERT and GPT-2.

    The vectors start normal with standard deviation 0.02, as GPT-2's.

    Args:
        d_model: features, E.
        max_len: positions there are.
        batch_first: whether input and output are (N, L, E), not (L, N, E).
        device: where its tensors live.
        dtype: of the weight.

    Shape:
        input and output (L, N, E), with batch_first (N, L, E), or (L, E); weight (max_len, E).

    Example:
        >>> nn.LearnedPositions(8, max_len=16)(koubai.zeros(10, 2, 8)).shape
        koubai.Size([10, 2, 8])
    """

    def __init__(
        self,
        d_model: int,
        max_len: int,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(d_model, max_len, batch_first)
        self.weight = new_parameter(max_len, d_model, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        init.normal_(self.weight, std=0.02)

    def _table(self) -> Tensor:
        return self.weight


class RotaryPositions(Module):
    """Turn each pair of features (2i, 2i+1) at position t by the angle t / base^(2i/D) (Su et al. 2021, section 3.2.2).

    The product of a turned query and a turned key then depends on how far apart they stand. Assign one to the `rotary`
    of a MultiheadAttention. Pairs are neighbours, as in the paper, Llama and torchtune; Hugging Face pairs i with
    i + D/2, which permutes the weights of the projections.

    Args:
        head_dim: features of a head, D; even.
        max_len: positions there are.
        base: of the wave lengths.
        device: where its tensors live.
        dtype: of the sines and cosines.

    Shape:
        input and output (..., L, D).

    Raises:
        ValueError: if head_dim is odd.

    Example:
        >>> for layer in encoder.layers:
        ...     layer.self_attn.rotary = nn.RotaryPositions(layer.self_attn.head_dim)
    """

    cos: Tensor
    sin: Tensor

    def __init__(
        self,
        head_dim: int,
        max_len: int = 4096,
        base: float = 10000.0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if head_dim % 2:
            raise ValueError(f"RotaryPositions: features are turned in pairs, head_dim {head_dim} is odd")
        self.head_dim, self.max_len, self.base = head_dim, max_len, base
        angles = _angles(head_dim, max_len, base)
        kind = {"dtype": dtype or koubai.float32, "device": device}
        for name, table in (("cos", np.cos(angles)), ("sin", np.sin(angles))):
            self.register_buffer(name, koubai.tensor(table, **kind), persistent=False)

    def forward(self, input: Tensor, start: int | Tensor = 0) -> Tensor:
        """Turn queries or keys, (..., L, D), of which the first stands at position `start`.

        Raises:
            RuntimeError: if the features are not head_dim.
            IndexError: if a position is not below max_len.
        """
        if input.ndim < 2 or input.shape[-1] != self.head_dim:
            raise RuntimeError(
                f"RotaryPositions: expected (..., L, {self.head_dim}), got {list(input.shape)}"
            )
        cos, sin = (_rows(self, table, input.shape[-2], start) for table in (self.cos, self.sin))  # (L, D/2)
        a, b = input.unflatten(-1, (-1, 2)).unbind(-1)  # (..., L, D/2) each
        return koubai.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)

    def extra_repr(self) -> str:
        """The sizes and the base."""
        return f"{self.head_dim}, max_len={self.max_len}, base={self.base}"
