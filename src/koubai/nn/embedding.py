"""Embeddings: a table of vectors, read at integer indices."""

from __future__ import annotations

from typing import Any, Self

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.module import Module
from koubai.nn.parameter import Parameter, new_parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """A table of vectors: what `Embedding` and `EmbeddingBag` share."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool

    def _make_table(self, weight: Tensor | None, device: Any, dtype: Any) -> None:
        """Take `weight` as the table, or draw one; the arguments are attributes already."""
        shape = (self.num_embeddings, self.embedding_dim)
        if self.padding_idx is not None:
            if not -self.num_embeddings <= self.padding_idx < self.num_embeddings:
                raise ValueError(
                    f"padding_idx={self.padding_idx} must lie within num_embeddings={self.num_embeddings}"
                )
            self.padding_idx %= self.num_embeddings
        if weight is None:
            self.weight = new_parameter(*shape, device=device, dtype=dtype)
            self.reset_parameters()
        elif tuple(weight.shape) != shape:
            raise ValueError(f"the table given has shape {list(weight.shape)}, expected {list(shape)}")
        else:
            self.weight = Parameter(weight)

    def reset_parameters(self) -> None:
        """Draw the table anew from the standard normal distribution; the padding row is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with koubai.no_grad():
                self.weight[self.padding_idx] = 0

    def _shown(self) -> list[str]:
        defaults = {"padding_idx": None, "max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False}
        own = {name: getattr(self, name) for name in defaults}
        return [f"{name}={value}" for name, value in own.items() if value != defaults[name]]

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *self._shown()])


class Embedding(_Table):
    """Look vectors up by index, as for the words of a vocabulary.

    The table starts standard normal, as in PyTorch; Keras starts uniform in ±0.05, Flax normal with variance
    1/embedding_dim.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: length of a row.
        padding_idx: a row that starts at zero and gets no gradient.
        max_norm: rows that are looked up and longer than this are shortened to it, in the table itself.
        norm_type: p of the norm for `max_norm`.
        scale_grad_by_freq: divide a row's gradient by how often it occurs in the batch.
        sparse: accepted for PyTorch's sake; gradients are dense.
        device: where its tensors live.
        dtype: of the table; float32 by default.

    Shape:
        input (*) of integers, output (*, embedding_dim); weight (num_embeddings, embedding_dim).
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._make_table(_weight, device, dtype)
        self.weight.requires_grad_(not _freeze)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """Make an embedding of the table `embeddings` (rows, length), frozen unless told otherwise."""
        if embeddings.ndim != 2:
            raise ValueError(f"embeddings must be (rows, length), got shape {tuple(embeddings.shape)}")
        rows, length = embeddings.shape
        options = (padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        return cls(rows, length, *options, embeddings, freeze)

    def forward(self, input: Tensor) -> Tensor:
        """Look up."""
        options = (self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse)
        return F.embedding(input, self.weight, *options)


class EmbeddingBag(_Table):
    """Look up several vectors and return their sum, mean or maximum, without keeping the single ones.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: length of a row.
        max_norm: as `Embedding`'s.
        norm_type: as `Embedding`'s.
        scale_grad_by_freq: as `Embedding`'s.
        mode: "sum", "mean" or "max".
        sparse: accepted for PyTorch's sake; gradients are dense.
        include_last_offset: `offsets` ends with the length of the input.
        padding_idx: a row that is left out of the bags.
        device: where its tensors live.
        dtype: of the table; float32 by default.

    Shape:
        input (bags, length), or flat (n) with `offsets` (bags), where each bag starts; output (bags,
        embedding_dim).
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self._make_table(_weight, device, dtype)

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """Look up and join each bag."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """The sizes, what differs from the defaults, and the mode."""
        return f"{super().extra_repr()}, mode={self.mode!r}"
