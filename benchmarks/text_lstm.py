"""The recipe text-lstm beside PyTorch: equal first weights, equal batches, the loss after each epoch and the time.

python benchmarks/text_lstm.py [--epochs 2] [--cell lstm|gru]
"""

from __future__ import annotations

import argparse
import time

import torch

from koubai.data import DataLoader
from koubai.recipes import RECIPES, Training


class Twin(torch.nn.Module):
    """The recipe's network of PyTorch's layers, with the same weights."""

    def __init__(self, model, cell: str) -> None:
        super().__init__()
        kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
        tokens, features = model.embedding.num_embeddings, model.embedding.embedding_dim
        self.embedding = torch.nn.Embedding(tokens, features)
        self.rnn = kind(features, model.rnn.hidden_size, model.rnn.num_layers, batch_first=True)
        self.head = torch.nn.Linear(model.rnn.hidden_size, tokens)
        self.load_state_dict({k: torch.tensor(v.numpy().copy()) for k, v in model.state_dict().items()})

    def forward(self, tokens, lengths):
        """Score every character as the next, (N, V, T)."""
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = torch.nn.utils.rnn.pad_packed_sequence(
            self.rnn(packed)[0], batch_first=True, total_length=tokens.shape[1]
        )
        return self.head(states).transpose(1, 2)


def torch_losses(twin: Twin, loader: DataLoader, lr: float, epochs: int) -> list[float]:
    optimizer = torch.optim.AdamW(twin.parameters(), lr=lr, weight_decay=0.01)
    loss, means = torch.nn.CrossEntropyLoss(), []
    for epoch in range(epochs):
        loader.set_epoch(epoch)
        total = 0.0
        for batch in loader:
            tokens, lengths, targets = (torch.tensor(tensor.numpy()) for tensor in batch)
            optimizer.zero_grad()
            value = loss(twin(tokens, lengths), targets)
            value.backward()
            torch.nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
            optimizer.step()
            total += value.item() * len(tokens)
        means.append(total / len(loader.dataset))
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--cell", choices=("lstm", "gru"), default="lstm")
    asked = parser.parse_args()
    recipe = RECIPES["text-lstm"]
    settings = recipe.settings(epochs=asked.epochs, cell=asked.cell, dropout=0, schedule="constant")
    training = Training(recipe, settings)
    twin = Twin(training.model, asked.cell)
    start = time.perf_counter()
    ours = training.fit()["loss"]
    middle = time.perf_counter()
    theirs = torch_losses(twin, Training(recipe, settings).loader, training.settings.lr, asked.epochs)
    end = time.perf_counter()
    for epoch, (own, other) in enumerate(zip(ours, theirs), 1):
        print(f"epoch {epoch}: Koubai {own:.4f}, PyTorch {other:.4f}, apart {abs(own / other - 1):.2%}")
    print(f"Koubai {middle - start:.1f} s with compiling and validation, PyTorch {end - middle:.1f} s")


if __name__ == "__main__":
    main()
