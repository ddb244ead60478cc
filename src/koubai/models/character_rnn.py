"""`CharacterRNN`: an LSTM or a GRU that reads characters and says which comes next."""

from __future__ import annotations

from typing import Any, Literal

from koubai import nn
from koubai.engine.tensor import Tensor

__all__ = ["CharacterRNN"]

_LAYERS: dict[str, type[nn.LSTM | nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class CharacterRNN(nn.Module):
    """Embedding, recurrent layers, scores for the next token (Graves 2013, "Generating Sequences With RNNs").

    Its parameters are those of the same PyTorch layers.

    Args:
        tokens: how many different tokens there are, V.
        features: of an embedded token.
        hidden: features of the state, H.
        layers: recurrent layers on top of one another.
        cell: "lstm" or "gru".
        dropout: the share of activations left out at random while training.

    Shape:
        tokens (N, T), integers, and lengths (N,); scores (N, V, T), as CrossEntropyLoss takes them.
    """

    def __init__(
        self,
        tokens: int,
        features: int,
        hidden: int,
        layers: int = 1,
        cell: Literal["lstm", "gru"] = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, features)
        between = dropout if layers > 1 else 0.0
        self.rnn = _LAYERS[cell](features, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, tokens)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Score every token as the next, at each position; what stands behind a sample's end does not matter."""
        states, _ = self.rnn(self.embedding(tokens), lengths=lengths)  # (N, T, H)
        scores: Tensor = self.head(self.dropout(states)).transpose(1, 2)  # (N, V, T)
        return scores

    def step(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Read one token more of each sample.

        Args:
            tokens: (N,).
            state: what the step before returned, None at the beginning.

        Returns:
            the scores of what comes next (N, V), and the state.
        """
        states, state = self.rnn(self.embedding(tokens.unsqueeze(1)), state)  # (N, 1, H)
        return self.head(states.squeeze(1)), state
