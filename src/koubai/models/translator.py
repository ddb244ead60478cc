"""`Translator`: a Transformer that reads a sentence and writes another, word by word."""

from __future__ import annotations

import math
from collections.abc import Sequence

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F

__all__ = ["Translator"]

PADDING = 0


class Translator(nn.Module):
    """Encoder and decoder (Vaswani et al. 2017), with normalisation before each part (Xiong et al. 2020).

    Token 0 is padding, in both languages. The embedding of the target's words is also the last layer (Press and Wolf
    2017).

    Args:
        source_tokens: how many different tokens the source has.
        target_tokens: how many the target has, V.
        features: of each position, E.
        heads: attention heads; features is a multiple of it.
        layers: of the encoder, and of the decoder.
        dropout: the share of activations left out at random while training.
        longest: positions there are.

    Shape:
        source (N, S) and target (N, T), integers; scores of what follows each target token (N, V, T), as
        CrossEntropyLoss takes them.
    """

    mask: Tensor

    def __init__(
        self,
        source_tokens: int,
        target_tokens: int,
        features: int,
        heads: int,
        layers: int,
        dropout: float = 0.0,
        longest: int = 64,
    ) -> None:
        super().__init__()
        self.features, self.longest = features, longest
        self.transformer = nn.Transformer(
            features, heads, layers, layers, 4 * features, dropout, batch_first=True, norm_first=True
        )
        self.source_embedding = nn.Embedding(source_tokens, features)
        self.target_embedding = nn.Embedding(target_tokens, features)
        for embedding in (self.source_embedding, self.target_embedding):
            nn.init.normal_(embedding.weight, std=1 / math.sqrt(features))
        self.positions = nn.SinusoidalPositions(features, longest, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        hidden = koubai.ones(longest, longest, dtype=koubai.bool).triu(1)  # True hides
        self.register_buffer("mask", hidden, persistent=False)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Score every token as the next, after each of the target's."""
        return self.decode(target, *self.encode(source)).transpose(1, 2)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Read the source: what is known of its positions (N, S, E), and which are padding (N, S)."""
        padding = source == PADDING
        x = self._embedded(self.source_embedding, source, 0)
        return self.transformer.encoder(x, src_key_padding_mask=padding), padding

    def decode(
        self,
        target: Tensor,
        memory: Tensor,
        padding: Tensor,
        cache: Sequence[nn.KeyValueCache] | None = None,
        start: int = 0,
    ) -> Tensor:
        """Score what comes next.

        Args:
            target: (N, T); with a cache, the tokens from position `start` on.
            memory: what `encode` gave.
            padding: likewise.
            cache: what `new_cache` gave, of the tokens before.
            start: the position of the first token.

        Returns:
            (N, T, V).
        """
        return F.linear(self._decoded(target, memory, padding, cache, start), self.target_embedding.weight)

    def _decoded(
        self,
        target: Tensor,
        memory: Tensor,
        padding: Tensor,
        cache: Sequence[nn.KeyValueCache] | None,
        start: int,
    ) -> Tensor:
        """What is known at each position of the target (N, T, E)."""
        x = self._embedded(self.target_embedding, target, start)
        length = target.shape[1]
        mask = self.mask[:length, :length] if cache is None else None
        options = {"memory_key_padding_mask": padding, "cache": cache}
        return self.transformer.decoder(x, memory, tgt_mask=mask, **options)  # type: ignore[no-any-return]

    def new_cache(self, samples: int) -> list[nn.KeyValueCache]:
        """Room for `longest` positions, for writing word by word."""
        return self.transformer.decoder.new_cache(samples, self.longest)

    def attention(self, source: Tensor, target: Tensor) -> Tensor:
        """Where the last layer looks in the source (S,) while it reads the target (T,): the heads' mean (T, S)."""
        memory, _ = self.encode(source.unsqueeze(0))
        x = self._embedded(self.target_embedding, target.unsqueeze(0), 0)
        mask = self.mask[: len(target), : len(target)]
        *before, last = self.transformer.decoder.layers
        for layer in before:
            x = layer(x, memory, mask)
        seen = last.norm1(x)
        x = x + last.self_attn(seen, seen, seen, attn_mask=mask)[0]
        weights: Tensor = last.multihead_attn(last.norm2(x), memory, memory)[1]
        return weights.squeeze(0)

    def _embedded(self, embedding: nn.Embedding, tokens: Tensor, start: int) -> Tensor:
        x = embedding(tokens) * math.sqrt(self.features)
        return self.dropout(self.positions(x, start))  # type: ignore[no-any-return]
