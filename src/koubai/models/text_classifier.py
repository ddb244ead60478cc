"""A classifier of texts: each token is read with those around it, and attention weighs which of them tell."""

from __future__ import annotations

from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F

__all__ = ["Neighbours", "Runs", "SelfAttention", "TextClassifier"]

_HASH = 31013  # spreads runs over the buckets; any large number without a factor of two does
_SPREAD = 0.1  # of the first vectors: many are added up, and rare runs keep what they begin with


class Neighbours(nn.Module):
    """Each token with some to its left and right: a convolution, added to the token.

    Args:
        features: of a token.
        width: tokens that are read together, an odd number.

    Shape:
        tokens (N, T, features), padding (N, T); output as tokens.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(features, features, width, padding=width // 2)

    def forward(self, tokens: Tensor, padding: Tensor) -> Tensor:
        """Read the tokens; those of padding are zero and say nothing."""
        return tokens + self.conv(tokens.transpose(1, 2)).relu().transpose(1, 2)  # type: ignore[no-any-return]


class SelfAttention(nn.Module):
    """Each token with all others: a Transformer's encoder, in which nobody looks at padding.

    Args:
        features: of a token, a multiple of heads.
        heads: of attention.
        layers: of the encoder.
        length: tokens of the longest text.
        dropout: inside the layers.

    Shape:
        tokens (N, T, features), padding (N, T), True where there is no token; output as tokens.
    """

    def __init__(self, features: int, heads: int, layers: int, length: int, dropout: float) -> None:
        super().__init__()
        self.positions = nn.LearnedPositions(features, length, batch_first=True)
        layer = nn.TransformerEncoderLayer(
            features, heads, 2 * features, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(features))

    def forward(self, tokens: Tensor, padding: Tensor) -> Tensor:
        """Read the tokens."""
        return self.encoder(self.positions(tokens), src_key_padding_mask=padding)  # type: ignore[no-any-return]


class Runs(nn.Embedding):
    """A vector for each token, to which those of all runs of tokens that end with it are added.

    There are too many runs for a vector each, so they share those of a hash table (Joulin et al. 2017, "Bag of Tricks
    for Efficient Text Classification").

    Args:
        tokens: in the vocabulary; number 0 is padding, whose vectors are 0.
        features: of a vector.
        longest: tokens of a run; 1 for the tokens alone.
        buckets: vectors that all runs share.

    Shape:
        ids: integers (N, T); output (N, T, features).
    """

    def __init__(self, tokens: int, features: int, longest: int, buckets: int = 1 << 16) -> None:
        super().__init__(tokens, features, padding_idx=0)
        self.longest, self.buckets = longest, buckets
        self.runs = nn.Embedding(buckets, features) if longest > 1 else None
        for weight in self.parameters():
            nn.init.normal_(weight, std=_SPREAD)

    def forward(self, input: Tensor) -> Tensor:
        """The sum of the vectors of each token and of the runs that end with it."""
        vectors, run = super().forward(input), input
        if self.runs is not None:
            for length in range(1, self.longest):
                before = F.pad(input, (length, 0))[:, : input.shape[1]]
                run = (run * _HASH + before) % self.buckets
                vectors = vectors + self.runs(run)
        return vectors.masked_fill((input == 0).unsqueeze(-1), 0.0)


class TextClassifier(nn.Module):
    """Embeds tokens and runs of them, reads them, and pools them by attention (Yang et al. 2016, equation 6).

    aₜ = softmax(w · hₜ), and the scores of the classes are linear in Σ aₜ hₜ. At first all tokens count alike.

    Args:
        tokens: in the vocabulary; number 0 is padding.
        reader: `reader(tokens, padding)`, such as `Neighbours` or `SelfAttention`.
        features: of a token.
        classes: to tell apart.
        dropout: of the embedded tokens, and before the last layer.
        runs: tokens of the longest run that has a vector of its own.

    Shape:
        ids: integers (N, T), with a token in each row at least; output (N, classes).
    """

    def __init__(
        self, tokens: int, reader: nn.Module, features: int, classes: int, dropout: float, runs: int = 1
    ) -> None:
        super().__init__()
        self.embedding = Runs(tokens, features, runs)
        self.reader = reader
        self.dropout = nn.Dropout(dropout)
        self.weight = nn.Linear(features, 1, bias=False)
        nn.init.zeros_(self.weight.weight)
        self.head = nn.Linear(features, classes)

    def forward(self, ids: Tensor) -> Tensor:
        """The scores of the classes."""
        return self.attended(ids)[0]

    def attended(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The scores of the classes (N, classes), and how much each token counts (N, T), 1 in all."""
        padding = ids == 0
        read = self.reader(self.dropout(self.embedding(ids)), padding)  # (N, T, features)
        worth = self.weight(read).squeeze(-1)  # (N, T)
        weights = worth.masked_fill(padding, float("-inf")).softmax(dim=1)
        pooled = (weights.unsqueeze(1) @ read).squeeze(1)  # (N, features)
        return self.head(self.dropout(pooled)), weights
