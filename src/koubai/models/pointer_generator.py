"""`PointerGenerator`: a Transformer that writes words of its vocabulary, and copies any others out of what it reads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.models.translator import Translator
from koubai.nn import functional as F

__all__ = ["PointerGenerator"]

_LEAST = 1e-9  # a probability of zero, of which there is no logarithm


class PointerGenerator(Translator):
    """The mixture of See, Liu and Manning (2017, equations 8 and 9), on a Transformer instead of an LSTM.

    P(w) = p_gen P_vocab(w) + (1 - p_gen) Σ aᵢ over the places i of the source where w stands; p_gen is a sigmoid of
    what was found in the source, of the decoder's state and of the last word. A word of the source that is not in the
    vocabulary has a number from `tokens` on, so it can be copied; it is read as `unknown`.

    Args:
        tokens: of the vocabulary, V; 0 is padding.
        copies: words outside the vocabulary that one source can have, at most.
        unknown: the token for what is not in the vocabulary.
        features: of each position, E.
        heads: attention heads; features is a multiple of it.
        layers: of the encoder, and of the decoder.
        dropout: the share of activations left out at random while training.
        longest: positions there are.

    Shape:
        source (N, S) and target (N, T), integers below V + copies; logarithms of the probabilities of what follows each
        target token (N, V + copies, T), as NLLLoss takes them.
    """

    def __init__(
        self,
        tokens: int,
        copies: int,
        unknown: int,
        features: int,
        heads: int,
        layers: int,
        dropout: float = 0.0,
        longest: int = 128,
    ) -> None:
        super().__init__(tokens, tokens, features, heads, layers, dropout, longest)
        self.tokens, self.copies, self.unknown = tokens, copies, unknown
        self.source_embedding = self.target_embedding
        self.query, self.key = (nn.Linear(features, features, bias=False) for _ in range(2))
        self.mixed = nn.Linear(2 * features, features)
        self.gate = nn.Linear(3 * features, 1)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Read the source: what is known of its positions (N, S, E), which are padding (N, S), and the source."""
        return *super().encode(self._read(source)), source

    def decode(  # type: ignore[override]
        self,
        target: Tensor,
        memory: Tensor,
        padding: Tensor,
        source: Tensor,
        cache: Sequence[nn.KeyValueCache] | None = None,
        start: int = 0,
    ) -> Tensor:
        """The logarithms of the probabilities of what comes next (N, T, V + copies); arguments as of Translator."""
        vocabulary, places, generated = self._parts(target, memory, padding, cache, start)
        others = koubai.zeros(*target.shape, self.copies, dtype=vocabulary.dtype)
        whole = koubai.cat([generated * vocabulary, others], -1)
        where = source.unsqueeze(1).expand(places.shape)  # (N, T, S)
        return whole.scatter_add(-1, where, (1 - generated) * places).clamp_min(_LEAST).log()

    def attention(self, source: Tensor, target: Tensor) -> Tensor:
        """The probability of copying each word of the source (S,) after each token of the target (T,): (T, S)."""
        memory, padding, _ = self.encode(source.unsqueeze(0))
        _, places, generated = self._parts(target.unsqueeze(0), memory, padding, None, 0)
        return ((1 - generated) * places).squeeze(0)

    def _parts(
        self,
        target: Tensor,
        memory: Tensor,
        padding: Tensor,
        cache: Sequence[nn.KeyValueCache] | None,
        start: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """P_vocab (N, T, V), the attention over the source (N, T, S), and p_gen (N, T, 1)."""
        last = self._read(target)
        state = self._decoded(last, memory, padding, cache, start)  # (N, T, E)
        fit = self.query(state) @ self.key(memory).transpose(1, 2) / math.sqrt(self.features)
        places = fit.masked_fill(padding.unsqueeze(1), -math.inf).softmax(-1)
        seen = places @ memory
        found = self.mixed(koubai.cat([state, seen], -1))
        vocabulary = F.linear(found, self.target_embedding.weight).softmax(-1)
        generated = self.gate(koubai.cat([seen, state, self.target_embedding(last)], -1)).sigmoid()
        return vocabulary, places, generated

    def _read(self, tokens: Tensor) -> Tensor:
        """The tokens of the vocabulary that stand for these."""
        return koubai.where(tokens < self.tokens, tokens, self.unknown)
