"""`GPT`: a Transformer that reads tokens from left to right and says which comes next."""

from __future__ import annotations

import math
from collections.abc import Sequence

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.nn import init

__all__ = ["GPT"]

_STD = 0.02  # of the first weights, GPT-2's


class GPT(nn.Module):
    """A decoder-only Transformer: embedding, layers of causal self-attention, scores for the next token.

    Radford et al. 2019, "Language Models are Unsupervised Multitask Learners": normalisation comes before each part and
    the weights that lead into a shortcut start smaller by √(2 · layers). Positions are rotary (Su et al. 2021).

    Args:
        tokens: how many different tokens there are, V.
        context: the longest sequence it is trained on, T.
        features: of each position, E.
        heads: attention heads; features is a multiple of it.
        layers: how many.
        dropout: the share of activations left out at random while training.

    Shape:
        tokens (N, T), integers; scores (N, V, T), as CrossEntropyLoss takes them.
    """

    mask: Tensor

    def __init__(
        self, tokens: int, context: int, features: int, heads: int, layers: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.context = context
        self.embedding = nn.Embedding(tokens, features)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            features, heads, 4 * features, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(features))
        for each in self.encoder.layers:
            each.self_attn.rotary = nn.RotaryPositions(features // heads, context)
        self.head = nn.Linear(features, tokens, bias=False)
        hidden = koubai.ones(context, context, dtype=koubai.bool).triu(1)  # (T, T), True hides
        self.register_buffer("mask", hidden, persistent=False)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        shortcut = _STD / math.sqrt(2 * self.encoder.num_layers)
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                into = name.endswith(("out_proj.weight", "linear2.weight"))
                init.normal_(parameter, std=shortcut if into else _STD)

    def forward(self, tokens: Tensor, cache: Sequence[nn.KeyValueCache] | None = None) -> Tensor:
        """Score every token as the next, at each position.

        Args:
            tokens: (N, T); with a cache, those that come next.
            cache: what `new_cache` gave, of the tokens before.

        Returns:
            (N, V, T).
        """
        x = self.dropout(self.embedding(tokens))  # (N, T, E)
        length = tokens.shape[1]
        x = self.encoder(x, self.mask[:length, :length]) if cache is None else self.encoder(x, cache=cache)
        scores: Tensor = self.head(x).transpose(1, 2)  # (N, V, T)
        return scores

    def new_cache(self, samples: int) -> list[nn.KeyValueCache]:
        """Room for `context` positions, for generation token by token."""
        return self.encoder.new_cache(samples, self.context)

    def attention(self, tokens: Tensor) -> Tensor:
        """Where each position looks, layer by layer: (layers, heads, T, T) for tokens (T,)."""
        x = self.embedding(tokens.unsqueeze(0))  # (1, T, E)
        mask = self.mask[: len(tokens), : len(tokens)]
        maps = []
        for layer in self.encoder.layers:
            seen = layer.norm1(x)
            maps.append(layer.self_attn(seen, seen, seen, attn_mask=mask, average_attn_weights=False)[1])
            x = layer(x, mask)
        return koubai.cat(maps)
