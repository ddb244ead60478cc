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
    vocabulary has a number from V on, so it can be copied. Unlike there, the first such word of a source is read as one
    token, the second as another and so on (Luong et al. 2015, "Addressing the Rare Word Problem", section 3.2), so that
    the decoder knows which of them it has copied.

    Args:
        tokens: of the vocabulary, V; 0 is padding.
        copies: words outside the vocabulary that one source can have, at most.
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
        features: int,
        heads: int,
        layers: int,
        dropout: float = 0.0,
        longest: int = 128,
    ) -> None:
        super().__init__(tokens + copies, tokens + copies, features, heads, layers, dropout, longest)
        self.tokens, self.copies = tokens, copies
        self.source_embedding = self.target_embedding
        self.query, self.key = (nn.Linear(features, features, bias=False) for _ in range(2))
        self.mixed = nn.Linear(2 * features, features)
        self.gate = nn.Linear(3 * features, 1)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Read the source: what is known of its positions (N, S, E), which are padding (N, S), and the source."""
        return *super().encode(source), source

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
        others = vocabulary.new_zeros((*target.shape, self.copies))
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
        state = self._decoded(target, memory, padding, cache, start)  # (N, T, E)
        fit = self.query(state) @ self.key(memory).transpose(1, 2) / math.sqrt(self.features)
        places = fit.masked_fill(padding.unsqueeze(1), -math.inf).softmax(-1)
        seen = places @ memory
        found = self.mixed(koubai.cat([state, seen], -1))
        vocabulary = F.linear(found, self.target_embedding.weight[: self.tokens]).softmax(-1)
        generated = self.gate(koubai.cat([seen, state, self.target_embedding(target)], -1)).sigmoid()
        return vocabulary, places, generated
