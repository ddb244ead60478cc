"""A classifier of texts: each token is read with those around it, and attention weighs which of them tell."""

from __future__ import annotations

from koubai import nn
from koubai.engine.tensor import Tensor

__all__ = ["Neighbours", "SelfAttention", "TextClassifier"]


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


class TextClassifier(nn.Module):
    """Embeds tokens, reads them, and pools them by attention (Lin et al. 2017, equation 5, with one row).

    aₜ = softmax(w · tanh(W hₜ)), and the scores of the classes are linear in Σ aₜ hₜ.

    Args:
        tokens: in the vocabulary; number 0 is padding.
        reader: `reader(tokens, padding)`, such as `Neighbours` or `SelfAttention`.
        features: of a token.
        classes: to tell apart.
        dropout: of the embedded tokens, and before the last layer.

    Shape:
        ids: integers (N, T), with a token in each row at least; output (N, classes).
    """

    def __init__(self, tokens: int, reader: nn.Module, features: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, features, padding_idx=0)
        self.reader = reader
        self.dropout = nn.Dropout(dropout)
        self.hidden, self.weight = nn.Linear(features, features), nn.Linear(features, 1, bias=False)
        self.head = nn.Linear(features, classes)

    def forward(self, ids: Tensor) -> Tensor:
        """The scores of the classes."""
        return self.attended(ids)[0]

    def attended(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The scores of the classes (N, classes), and how much each token counts (N, T), 1 in all."""
        padding = ids == 0
        read = self.reader(self.dropout(self.embedding(ids)), padding)  # (N, T, features)
        worth = self.weight(self.hidden(read).tanh()).squeeze(-1)  # (N, T)
        weights = worth.masked_fill(padding, float("-inf")).softmax(dim=1)
        pooled = (weights.unsqueeze(1) @ read).squeeze(1)  # (N, features)
        return self.head(self.dropout(pooled)), weights
